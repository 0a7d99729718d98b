import MinionCore
import Swarm
import Testing

/// Whom a tracker tells whom of.
struct IntroductionTests {
    private struct Peer {
        var site = ""
        var location = ""
        var isSeed = false
        var hasAll = true
    }

    private let task = TaskID(of: 1)
    // swift-format-ignore: NeverForceUnwrap
    private let version = TaskVersion(validator: "v", layout: PieceLayout(size: 8 << 18, pieceSize: 1 << 18)!)

    /// A tracker of which each knows `peers`, with the ids from 1 on.
    private func tracker(_ peers: [Peer], limits: TrackerLimits = TrackerLimits(), seed: UInt64 = 1) -> Tracker {
        var tracker = Tracker(limits: limits, seed: seed)
        for (index, peer) in peers.enumerated() { _ = join(&tracker, PeerID(UInt64(index + 1)), peer, wants: 0) }
        return tracker
    }

    /// Reports as a new peer, and returns whom it is told of.
    private func join(_ tracker: inout Tracker, _ id: PeerID, _ peer: Peer, wants: Int) -> [PeerID] {
        var report = PeerReport()
        report.introduction = PeerIntroduction(
            endpoint: Endpoint(host: "10.0.0.1", port: 1), site: peer.site, location: peer.location,
            isSeed: peer.isSeed, secret: "s")
        return self.report(&tracker, id, report, hasAll: peer.hasAll, wants: wants)
    }

    private func report(
        _ tracker: inout Tracker, _ id: PeerID, _ given: PeerReport = PeerReport(), hasAll: Bool, wants: Int
    ) -> [PeerID] {
        var report = given
        report.secret = "s"
        report.version = version
        report.have = hasAll ? "ff" : "00"
        report.wantsNeighbours = wants
        for case .reply(_, let reply) in tracker.handle(.report(report, from: id, task: task, ticket: 0), at: .zero) {
            return reply.neighbours.map(\.id)
        }
        return []
    }

    @Test func limitsHoldFromTheNextReportOn() {
        var tracker = tracker(Array(repeating: Peer(), count: 50))
        let newcomer = Peer(hasAll: false)
        tracker.limits.neighboursPerReply = 3
        #expect(join(&tracker, PeerID(99), newcomer, wants: 16).count == 3)
        tracker.limits.neighboursPerReply = 20
        #expect(join(&tracker, PeerID(98), newcomer, wants: 16).count == 16)
        // Fewer are looked at than could be named.
        tracker.limits.peersLookedAt = 10
        let told = join(&tracker, PeerID(97), newcomer, wants: 16)
        #expect((8...10).contains(told.count))
    }

    /// Few neighbours at a time must not mean the same ones again and again: who is told nothing new can wait.
    @Test func nobodyIsToldOfTheSameNeighboursBeforeOthers() {
        var tracker = tracker(Array(repeating: Peer(), count: 30))
        tracker.limits.neighboursPerReply = 3
        tracker.limits.peersLookedAt = 40
        let newcomer = Peer(hasAll: false)
        var told = Set(join(&tracker, PeerID(99), newcomer, wants: 8))
        for _ in 0..<9 { told.formUnion(report(&tracker, PeerID(99), hasAll: false, wants: 8)) }
        #expect(told.count == 30)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>) func theNearestComeFirst(seed: UInt64) {
        let peers =
            Array(repeating: Peer(site: "far", location: "europe|de|fra"), count: 20)
            + Array(repeating: Peer(site: "near", location: "asia|cn|sh"), count: 4)
            + Array(repeating: Peer(site: "here", location: "asia|cn|hz"), count: 4)
        var tracker = tracker(peers, seed: seed)
        let newcomer = Peer(site: "here", location: "asia|cn|hz", hasAll: false)
        // Half of sixteen are chosen by merit: the four of the site and the four of the country.
        let told = join(&tracker, PeerID(99), newcomer, wants: 16).map(\.value)
        #expect(Set(told.prefix(4)) == Set(25...28))
        #expect(Set(told[4..<8]) == Set(21...24))
    }

    @Test func locationsShareWholeElementsOnly() {
        let peers = [Peer(location: "asia|cn|hzx"), Peer(location: "asia|cn"), Peer(location: "asia|cn|hz|1")]
        var tracker = tracker(peers)
        let told = join(&tracker, PeerID(99), Peer(location: "asia|cn|hz", hasAll: false), wants: 3)
        #expect(told.first == PeerID(3))
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>) func newcomersAreToldOfASeed(seed: UInt64) {
        let peers = Array(repeating: Peer(), count: 300) + [Peer(isSeed: true), Peer(isSeed: true)]
        var tracker = tracker(peers, seed: seed)
        var guests: [PeerID: Int] = [:]
        for id in 1000..<1040 as Range<UInt64> {
            let seeds = join(&tracker, PeerID(id), Peer(hasAll: false), wants: 8).filter { $0.value > 300 }
            #expect(!seeds.isEmpty)
            for seed in seeds { guests[seed, default: 0] += 1 }
        }
        // Whoever has fewer guests gets the next.
        #expect(abs((guests[PeerID(301)] ?? 0) - (guests[PeerID(302)] ?? 0)) <= 6)
    }

    @Test func theNearSeedIsTakenUntilItIsFull() {
        var limits = TrackerLimits()
        limits.guestsPerSeed = 3
        let near = Peer(site: "here", isSeed: true)
        // So many others that a seed comes up by chance hardly ever.
        let others = Array(repeating: Peer(), count: 2000)
        var tracker = tracker([near, Peer(site: "there", isSeed: true)] + others, limits: limits)
        func seeds(of id: UInt64, _ tracker: inout Tracker) -> [UInt64] {
            join(&tracker, PeerID(id), Peer(site: "here", hasAll: false), wants: 1).map(\.value).filter { $0 <= 2 }
        }
        #expect((10_001...10_007).map { seeds(of: $0, &tracker) } == [[1], [1], [1], [2], [2], [2], []])
        // A guest that has everything, or leaves, makes room.
        _ = report(&tracker, PeerID(10_001), hasAll: true, wants: 0)
        #expect(seeds(of: 10_008, &tracker) == [1])
        _ = tracker.handle(.leave(PeerID(10_005), task: task, secret: "s"), at: .zero)
        #expect(seeds(of: 10_009, &tracker) == [2])
        #expect(seeds(of: 10_010, &tracker) == [])
    }

    @Test func pagesOfPeersTellEachOnce() throws {
        var tracker = tracker([])
        for id in (1...25 as ClosedRange<UInt64>).shuffled() {
            let peer = Peer(site: "s", location: "a|b", isSeed: id == 1, hasAll: id < 3)
            _ = join(&tracker, PeerID(id * 0x1234_5678_9ABC), peer, wants: 0)
        }
        var found: [PeerSummary] = []
        var after: PeerID?
        repeat {
            let page = try #require(
                tracker.peerPage(of: task, after: after, limit: 10, at: Instant(nanoseconds: 5_000_000_000)))
            #expect(page.task.peers == 25 && page.task.completePeers == 2)
            found += page.peers
            after = page.next
        } while after != nil
        #expect(found.map(\.id.value) == (1...25).map { $0 * 0x1234_5678_9ABC })
        #expect(found[0].isSeed && found[0].complete && found[0].pieces == 8 && found[0].location == "a|b")
        #expect(!found[24].isSeed && !found[24].complete && found[24].pieces == 0 && found[24].ageSeconds == 5)
        #expect(tracker.peerPage(of: TaskID(of: 2), after: nil, limit: 1, at: .zero) == nil)
    }
}

extension TaskID {
    /// The id of a task that a number names.
    fileprivate init(of number: UInt8) {
        // A hash has 32 bytes.
        // swift-format-ignore: NeverForceUnwrap
        self.init(hash: PieceHash(bytes: Array(repeating: number, count: 32))!)
    }
}
