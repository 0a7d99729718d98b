import MinionCore
import Swarm
import Testing

/// Single rules of a download, without a swarm.
struct DownloadTests {
    // swift-format-ignore: NeverForceUnwrap
    private let version = TaskVersion(validator: "v", layout: PieceLayout(size: 2500 << 18, pieceSize: 1 << 18)!)

    private func configuration(_ change: (inout DownloadConfiguration) -> Void) -> DownloadConfiguration {
        var configuration = DownloadConfiguration(
            introduction: PeerIntroduction(endpoint: Endpoint(host: "", port: 1), secret: "s"))
        configuration.known = version
        change(&configuration)
        return configuration
    }

    private func opens(_ actions: [DownloadAction]) -> TaskVersion? {
        for case .open(let version) in actions { return version }
        return nil
    }

    private func report(_ actions: [DownloadAction]) -> PeerReport? {
        for case .report(let report) in actions { return report }
        return nil
    }

    private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

    private func proofs(_ pieces: Range<PieceIndex>) throws -> [PieceProof] {
        let hash = try #require(PieceHash(bytes: Array(repeating: 7, count: 32)))
        return pieces.map { PieceProof(piece: $0, hash: hash) }
    }

    @Test func whatIsKnownIsOpenedWithoutAskingAnybody() {
        var download = Download(configuration: configuration { $0.hasTracker = false }, seed: 1)
        let actions = download.handle(.start, at: .zero)
        #expect(opens(actions) == version)
        #expect(actions.count == 1)
        // Then it is a download like any other.
        let next = download.handle(.opened([]), at: .zero)
        #expect(next.contains { if case .fetchSource = $0 { true } else { false } })
    }

    @Test func aNewerVersionTakesThePlaceOfTheKnownOne() {
        var download = Download(configuration: configuration { _ in }, seed: 1)
        _ = download.handle(.start, at: .zero)
        var reply = TrackerReply()
        reply.version = version
        reply.version?.validator = "w"
        #expect(opens(download.handle(.trackerReplied(reply), at: at(1)))?.validator == "w")
    }

    @Test func thousandsOfUnsignedPiecesGoOutInSeveralReports() throws {
        var download = Download(configuration: configuration { $0.servesOnly = true }, seed: 1)
        #expect(report(download.handle(.start, at: .zero)) == nil)
        var actions = download.handle(.opened(try proofs(0..<2500)), at: at(10))
        #expect(actions.contains { if case .complete = $0 { true } else { false } })
        var signed = PieceSet(capacity: 2500)
        var reports = 0
        var time: Int64 = 10
        while let report = report(actions) {
            reports += 1
            #expect(report.fetched.count <= 1024)
            #expect(!report.wantsLease && report.wantsNeighbours == 0)
            #expect((report.introduction == nil) == (reports > 1))
            #expect(report.introduction?.canFetch ?? false == false)
            // It counts from the first report on, signed or not.
            if reports == 1 { #expect(report.have == Hex.text(PieceSet(full: 2500).bytes)) }
            var reply = TrackerReply()
            reply.version = version
            reply.nextReportSeconds = 30
            reply.accepted = report.fetched.map { PieceProof(piece: $0.piece, hash: $0.hash, signature: "s") }
            time += 10
            actions = download.handle(.trackerReplied(reply), at: at(time))
            for case .offer(let proofs) in actions { for proof in proofs { signed.insert(proof.piece) } }
        }
        #expect(reports == 3)
        #expect(signed.isComplete && download.offered.isComplete)
        #expect(download.nextWake == at(time) + .seconds(30))
    }

    @Test func oneThatOnlyServesFailsIfItHasNotEverything() throws {
        func outcome(of events: [DownloadEvent], known: TaskVersion?) -> DownloadFailure? {
            var download = Download(
                configuration: configuration {
                    $0.servesOnly = true
                    $0.known = known
                }, seed: 1)
            for event in [.start] + events {
                for case .fail(let failure) in download.handle(event, at: .zero) { return failure }
            }
            return nil
        }
        #expect(outcome(of: [], known: nil) == .incomplete)
        #expect(outcome(of: [.opened(try proofs(0..<2499))], known: version) == .incomplete)
        let opened = DownloadEvent.opened(try proofs(0..<2500))
        var other = TrackerReply()
        other.version = version
        #expect(outcome(of: [opened, .trackerReplied(other)], known: version) == nil)
        other.version?.size -= 1
        #expect(outcome(of: [opened, .trackerReplied(other)], known: version) == .outdated)
        var rejecting = TrackerReply()
        rejecting.version = version
        rejecting.rejected = [7]
        #expect(outcome(of: [opened, .trackerReplied(rejecting)], known: version) == .outdated)
        var refusing = TrackerReply()
        refusing.refusal = "no"
        #expect(outcome(of: [opened, .trackerReplied(refusing)], known: version) == nil)
    }

    @Test func theNumberOfRequestsCanBeChanged() {
        var download = Download(
            configuration: configuration {
                ($0.mayUseSource, $0.hasTracker, $0.piecesInFlight) = (false, false, 2)
            }, seed: 1)
        _ = download.handle(.start, at: .zero)
        _ = download.handle(.opened([]), at: .zero)
        for number in 1...10 as ClosedRange<UInt64> {
            let info = NeighbourInfo(id: PeerID(number), endpoint: Endpoint(host: "h", port: 1))
            _ = download.handle(.neighbourIntroduced(info), at: .zero)
            _ = download.handle(.neighbourConnected(info.id), at: .zero)
            _ = download.handle(.neighbourNews(info.id, PieceSet(full: 2500)), at: .zero)
        }
        #expect(download.requestCount == 2)
        download.piecesInFlight = 7
        _ = download.handle(.timer, at: at(1))
        #expect(download.requestCount == 7)
        download.piecesInFlight = 0
        #expect(download.piecesInFlight == 1)
    }
}
