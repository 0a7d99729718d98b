import MinionCore
import Scheduler
import Swarm
import Testing
import Wire

struct MinionRegistryTests {
    private var registry = MinionRegistry(seed: 1)
    private let resource = "http://host/file"

    private func peer(_ number: UInt32, site: String = "") -> MinionCompat.Peer {
        MinionCompat.Peer(address: IPv4Address(0x0A00_0000 + number), port: 80, site: site)
    }

    private func at(_ seconds: Int) -> Instant { .zero + .seconds(seconds) }

    private mutating func announce(_ peer: MinionCompat.Peer, at seconds: Int = 0, from registrant: String = "9.9.9.9")
        throws
    {
        try registry.announce(
            MinionCompat.Announcement(resource: resource, peer: peer), from: registrant, at: at(seconds))
    }

    private mutating func withdraw(_ peer: MinionCompat.Peer, resource other: String? = nil, from caller: String)
        -> Bool
    {
        registry.withdraw(peer, resource: other ?? resource, from: caller, at: at(1))
    }

    private mutating func listed(at seconds: Int, limit: Int = 1000, site: String? = nil) -> Set<MinionCompat.Peer> {
        let found = registry.peers(of: resource, limit: limit, site: site, at: at(seconds))
        #expect(Set(found).count == found.count)
        return Set(found)
    }

    @Test mutating func peerIsListedUntilItExpires() throws {
        try announce(peer(1))
        #expect(listed(at: 179) == [peer(1)])
        #expect(listed(at: 180).isEmpty)
        #expect(registry.count == 0)
        let left = registry.resources(at: at(180))
        #expect(left.isEmpty)
    }

    @Test mutating func repeatedAnnouncementIsAHeartbeat() throws {
        try announce(peer(1, site: "a"))
        try announce(peer(2))
        try announce(peer(1, site: "b"), at: 100)
        #expect(registry.count == 2)
        #expect(listed(at: 200) == [peer(1, site: "a")])
        #expect(listed(at: 280).isEmpty)
    }

    @Test mutating func whatNobodyAsksForExpiresToo() throws {
        for number in 0..<100 as Range<UInt32> {
            try registry.announce(
                MinionCompat.Announcement(resource: "r\(number)", peer: peer(number)), from: "", at: at(0))
        }
        #expect(registry.count == 100)
        try announce(peer(1), at: 200)
        #expect(registry.count == 1)
    }

    @Test mutating func onlyThePeerOrItsRegistrantMayWithdraw() throws {
        try announce(peer(1))
        try announce(peer(2))
        #expect(!withdraw(peer(1), from: "10.0.0.2"))
        #expect(!withdraw(peer(1), from: ""))
        #expect(!withdraw(peer(1), resource: "another", from: "10.0.0.1"))
        #expect(!withdraw(peer(3), from: "10.0.0.3"))
        #expect(listed(at: 1) == [peer(1), peer(2)])
        #expect(withdraw(peer(1), from: "10.0.0.1"))
        #expect(listed(at: 1) == [peer(2)])
        #expect(withdraw(peer(2), from: "9.9.9.9"))
        let left = registry.resources(at: at(1))
        #expect(left.isEmpty)
    }

    @Test mutating func heartbeatOfAnotherDoesNotGiveTheRightToWithdraw() throws {
        try announce(peer(1), from: "9.9.9.9")
        try announce(peer(1), from: "6.6.6.6")
        #expect(!withdraw(peer(1), from: "6.6.6.6"))
        #expect(listed(at: 1) == [peer(1)])
    }

    @Test mutating func siteFilters() throws {
        try announce(peer(1, site: "a"))
        try announce(peer(2, site: "b"))
        try announce(peer(3))
        #expect(listed(at: 1, site: "a") == [peer(1, site: "a")])
        #expect(listed(at: 1, site: "c").isEmpty)
        let others = [peer(4, site: "a"), peer(5)]
        let near = registry.peers(of: resource, limit: 10, site: "a", others: others, at: at(1))
        #expect(Set(near) == [peer(1, site: "a"), peer(4, site: "a")])
    }

    @Test mutating func othersAreChosenFromAsWellButNotTwice() throws {
        try announce(peer(1))
        let others = [peer(1, site: "elsewhere"), peer(2)]
        let found = registry.peers(of: resource, limit: 10, others: others, at: at(1))
        #expect(found.count == 2 && Set(found) == [peer(1), peer(2)])
    }

    @Test mutating func sampleIsUniform() throws {
        let all = (0..<20 as Range<UInt32>).map { peer($0) }
        for peer in all { try announce(peer) }
        var counts: [MinionCompat.Peer: Int] = [:]
        var firsts: [MinionCompat.Peer: Int] = [:]
        let rounds = 8000
        for _ in 0..<rounds {
            let drawn = registry.peers(of: resource, limit: 5, at: at(1))
            #expect(drawn.count == 5 && Set(drawn).count == 5)
            for peer in drawn { counts[peer, default: 0] += 1 }
            firsts[drawn[0], default: 0] += 1
        }
        // Expected 2000 and 400, with standard deviations of 39 and 19.5.
        for peer in all {
            #expect(abs(counts[peer, default: 0] - rounds / 4) < 200)
            #expect(abs(firsts[peer, default: 0] - rounds / 20) < 100)
        }
    }

    @Test mutating func limitIsKept() throws {
        for number in 0..<10 as Range<UInt32> { try announce(peer(number)) }
        #expect(listed(at: 1, limit: 0).isEmpty)
        #expect(listed(at: 1, limit: 9).count == 9)
        #expect(listed(at: 1, limit: .max).count == 10)
    }

    @Test func registryIsBounded() throws {
        var limits = MinionRegistry.Limits()
        limits.resources = 2
        limits.peersPerResource = 3
        limits.peers = 4
        var registry = MinionRegistry(limits: limits, seed: 1)
        func enter(_ resource: String, _ number: UInt32, at seconds: Int) throws(MinionRegistry.Refusal) {
            try registry.announce(
                MinionCompat.Announcement(resource: resource, peer: peer(number)), from: "", at: at(seconds))
        }
        for number in 0..<3 as Range<UInt32> { try enter("a", number, at: 0) }
        #expect(throws: MinionRegistry.Refusal.tooManyPeers) { try enter("a", 3, at: 0) }
        try enter("a", 2, at: 0)
        try enter("b", 0, at: 0)
        #expect(throws: MinionRegistry.Refusal.tooManyResources) { try enter("c", 0, at: 0) }
        #expect(throws: MinionRegistry.Refusal.tooManyPeers) { try enter("b", 1, at: 0) }
        try enter("c", 0, at: 180)
        #expect(registry.count == 1)
    }

    @Test mutating func tableStaysWholeUnderRandomUse() throws {
        var random = SeededGenerator(seed: 7)
        var model: [MinionCompat.Peer: Int] = [:]
        for second in 0..<3000 {
            let peer = peer(UInt32.random(in: 0..<40, using: &random))
            if Int.random(in: 0..<4, using: &random) > 0 {
                try announce(peer, at: second)
                model[peer] = second + 180
            } else {
                registry.withdraw(peer, resource: resource, from: peer.address.description, at: at(second))
                model[peer] = nil
            }
            model = model.filter { $0.value > second }
            #expect(listed(at: second) == Set(model.keys))
            #expect(registry.count == model.count)
        }
    }
}
