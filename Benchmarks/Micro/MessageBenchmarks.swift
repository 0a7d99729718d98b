import MinionCore
import Swarm
import Wire

/// The JSON of a report and of its answer, as large as they are in the middle of a download.
enum MessageBenchmarks {
    static let all = [
        Benchmark("JSON, write a report", .nanoseconds) {
            {
                consume(WireJSON.encode(report))
                return 1
            }
        },
        Benchmark("JSON, read a report", .nanoseconds) {
            let bytes = WireJSON.encode(report)
            return {
                guard let read = try? WireJSON.report(from: bytes) else { preconditionFailure("the report is refused") }
                consume(read)
                return 1
            }
        },
        Benchmark("JSON, write a reply", .nanoseconds) {
            {
                consume(WireJSON.encode(reply))
                return 1
            }
        },
        Benchmark("JSON, read a reply", .nanoseconds) {
            let bytes = WireJSON.encode(reply)
            return {
                guard let read = try? WireJSON.reply(from: bytes) else { preconditionFailure("the reply is refused") }
                consume(read)
                return 1
            }
        },
    ]

    private static let report: PeerReport = {
        var report = PeerReport()
        var random = SeededGenerator(seed: 4)
        report.secret = Samples.secret(of: 1)
        report.version = Samples.version(pieces: 1024)
        report.have = Hex.text(Samples.pieces(1024, part: 0.5, &random).bytes)
        report.fetched = (0..<8).map { PieceProof(piece: $0, hash: Samples.proof(of: $0).hash) }
        report.wantsLease = true
        report.wantsNeighbours = 8
        report.uplink = 118e6
        report.sourceRate = 31e6
        report.waitSeconds = 2
        return report
    }()

    private static let reply: TrackerReply = {
        var reply = TrackerReply()
        reply.version = Samples.version(pieces: 1024)
        reply.lease = Lease(100..<116, seconds: 8)
        reply.accepted = (0..<8).map(Samples.proof)
        reply.neighbours = (1...32).map {
            NeighbourInfo(id: Samples.peer($0), endpoint: Endpoint(host: "10.0.0.\($0)", port: 40_000))
        }
        reply.peerCount = 1000
        reply.key = TrackerKey().publicKeyHex
        return reply
    }()
}
