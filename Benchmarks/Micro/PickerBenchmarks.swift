import MinionCore
import Swarm

/// What a download spends on each piece: taking note of one that has come, and choosing the next.
enum PickerBenchmarks {
    static let all = [1024, 16_384].map { pieces in
        Benchmark("picker, \(pieces) pieces, 16 neighbours", .nanoseconds) {
            let prepared = Swarmed(pieces: pieces, neighbours: 16)
            return {
                var download = prepared
                return download.finish()
            }
        }
    }

    /// A download that has asked its neighbours for all that may be asked at a time.
    private struct Swarmed {
        private var download: Download
        private var requests: [(id: RequestID, piece: PieceIndex)] = []
        private var now = Instant.zero

        init(pieces: Int, neighbours: Int) {
            var random = SeededGenerator(seed: 1)
            download = Download(
                configuration: DownloadConfiguration(introduction: Samples.introduction(of: 0, resource: "")), seed: 1)
            handle(.start)
            var reply = TrackerReply()
            reply.version = Samples.version(pieces: pieces)
            handle(.trackerReplied(reply))
            handle(.opened([]))
            for number in 1...neighbours {
                let peer = Samples.peer(number)
                let endpoint = Endpoint(host: "10.0.0.\(number)", port: 40_000)
                handle(.neighbourIntroduced(NeighbourInfo(id: peer, endpoint: endpoint)))
                handle(.neighbourConnected(peer))
                // Each piece is at about twelve neighbours; the first has all.
                let has =
                    number == 1 ? PieceSet(full: pieces) : Samples.pieces(pieces, part: 0.75, &random)
                handle(.neighbourNews(peer, has))
            }
            precondition(!requests.isEmpty, "the download asks for nothing")
        }

        /// Brings every piece that is asked for, in the order asked, until all are there; returns how many came.
        mutating func finish() -> Int {
            var count = 0
            while count < requests.count {
                let request = requests[count]
                now = now + .milliseconds(1)
                handle(.requestEnded(request.id, .verified(Samples.proof(of: request.piece))))
                count += 1
            }
            precondition(download.phase == .complete, "the download came to a stop")
            return count
        }

        private mutating func handle(_ event: DownloadEvent) {
            for case .request(let id, let piece, from: _) in download.handle(event, at: now) {
                requests.append((id, piece))
            }
        }
    }
}
