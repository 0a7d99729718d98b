import ManagerStore
import Testing

/// What the store does for the fleet, where two managers may be at it at once.
@Suite struct FleetStoreTests {
    /// Several managers give parts away at once: each part is given once, and none is forgotten.
    @Test(arguments: Engine.allCases)
    func partsAreClaimedOnce(_ engine: Engine) async throws {
        try await withPlace(engine) { place in
            let stores = [try await place.open(), try await place.open(), try await place.open()]
            try await stores[0].seed(Seed(rootPasswordHash: "h", mustChangePassword: false, objects: objects))
            try await stores[0].write { tx in
                let job = try tx.jobs.insert(Job(type: "preheat"))
                try tx.jobParts.add((0..<40).map { StoredPart.sample("task_\($0)") }, to: job.id)
                try tx.jobParts.add(
                    [
                        .sample("other", cluster: 2), .sample("fixed", scheduler: 99), .sample("kind", kind: "x"),
                        .sample("late", due: -1),
                    ], to: job.id)
            }
            let claimed = try await withThrowingTaskGroup(of: [String].self) { group in
                for (number, store) in stores.enumerated() {
                    group.addTask {
                        var mine: [String] = []
                        while true {
                            let parts = try await store.write { tx in try tx.claim(by: Int64(number + 1), limit: 3) }
                            if parts.isEmpty { return mine }
                            #expect(parts.allSatisfy { $0.holderID == number + 1 && $0.state == .started })
                            mine += parts.map(\.id)
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claimed.sorted() == (0..<40).map { "task_\($0)" }.sorted())
            for store in stores { await store.close() }
        }
    }

    @Test(arguments: Engine.allCases)
    func partsOfSchedulersThatFallSilentAreGivenToOthers(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                let job = try tx.jobs.insert(Job(type: "preheat"))
                try tx.jobParts.add([.sample("task_1")], to: job.id)
                #expect(try tx.claim(by: 1, seconds: -1).map(\.attempts) == [1])
                #expect(try tx.claim(by: 2, seconds: 60).map(\.attempts) == [2], "the lease had run out")
                #expect(try tx.claim(by: 3).isEmpty)
                try tx.jobParts.release("task_1")
                #expect(try tx.claim(by: 3, seconds: -1).map(\.attempts) == [3])
                #expect(try tx.claim(by: 3, attempts: 3).isEmpty, "that was often enough")
                try tx.jobParts.note("task_1", .success, report: #"{"a":1}"#)
                let part = try #require(try tx.jobParts.find(["task_1"]).first)
                #expect(part.state == .success && part.report == #"{"a":1}"# && part.leaseUntil == nil)
                #expect(try tx.claim(by: 1).isEmpty)
                #expect(try tx.jobParts.work(of: "task_1") == [1, 2, 3])
                try tx.jobs.delete(job.id)
                #expect(try tx.jobParts.find(["task_1"]).isEmpty, "they go with their job")
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func silentSchedulersAreFound(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                let now = try tx.commonTime()
                let names = ["alive": -2.0, "silent": -3.5]
                for (name, seconds) in names {
                    _ = try tx.schedulers.insert(
                        Scheduler(
                            hostName: name, ip: "10.0.0.1", port: 8002, state: .active, features: [],
                            lastKeepAliveAt: now.advanced(by: .seconds(seconds)), schedulerClusterID: 1, run: name,
                            keepAlive: 1000))
                }
                let silent = try tx.schedulers.silent(now: now)
                #expect(silent.map(\.hostName) == ["silent"])
                let id = silent[0].id
                try tx.peers.store([
                    .sample(1).told(by: id, run: "a"), .sample(2).told(by: id, run: "b"), .sample(3),
                ])
                try tx.setTraffic(Sighting(schedulerID: id, run: "a", bytesSent: 5, uploads: 2))
                #expect(try tx.peers.all().map(\.sighting.bytesSent) == [5, 0, 0])
                #expect(try tx.activeRuns(of: id).sorted() == ["a", "b"])
                try tx.forgetHosts(of: id, runs: ["b"])
                #expect(try tx.peers.all().map(\.state) == [.active, .inactive, .active])
                try tx.schedulers.deactivate(id)
                #expect(try tx.peers.all().map(\.state) == [.inactive, .inactive, .active])
                #expect(try tx.peers.all().map(\.sighting.uploads) == [0, 0, 0])
                #expect(try tx.schedulers.purgeInactive(before: tx.now, limit: 10) == 0)
                let later = tx.now.advanced(by: .seconds(1))
                #expect(try tx.schedulers.purgeInactive(before: later, limit: 10) == 1)
                #expect(try tx.peers.all().map(\.sighting.schedulerID) == [0, 0, 0])
                #expect(try tx.peers.purgeInactive(before: later, limit: 10) == 2)
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func removedRunsAreRememberedWhileTheyAsk(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                let removed = tx.removedInstances
                try removed.add(.scheduler, run: "s", hostName: "h", ip: "10.0.0.1", cluster: 1)
                try removed.add(.scheduler, run: "s", hostName: "h", ip: "10.0.0.1", cluster: 1)
                try removed.add(.peer, run: "p", hostName: "h", ip: "10.0.0.1", cluster: 1)
                try removed.add(.seedPeer, run: "q", hostName: "h", ip: "10.0.0.1", cluster: 1)
                try removed.add(.peer, run: "", hostName: "h", ip: "10.0.0.1", cluster: 1)
                #expect(try removed.has(.scheduler, run: "s") && !removed.has(.peer, run: "s"))
                #expect(try removed.hosts(ofCluster: 1) == ["q", "p"] && removed.hosts(ofCluster: 2).isEmpty)
                let hour = tx.now.advanced(by: .seconds(-7200))
                try tx.execute("UPDATE removed_instances SET updated_at = \(hour)")
                #expect(try removed.has(.scheduler, run: "s"))
                #expect(try removed.purge(before: tx.now) == 2, "the one that asked stays")
                #expect(try removed.has(.scheduler, run: "s") && !removed.has(.peer, run: "p"))
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func joinTokensAreGoodForTheirClusters(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                let other = try tx.schedulerClusters.insert(SchedulerCluster(name: "other")).id
                func token(_ name: String, _ change: (inout JoinToken) -> Void = { _ in }) throws -> JoinToken {
                    var token = JoinToken(
                        name: name, tokenHash: Array(repeating: UInt8(name.utf8.count), count: 32), userID: 1)
                    change(&token)
                    return try tx.joinTokens.insert(token)
                }
                _ = try token("a")
                let bound = try token("bb") { $0.schedulerClusterID = other }
                _ = try token("ccc") { $0.state = .inactive }
                _ = try token("dddd") { $0.expiredAt = tx.now.advanced(by: .seconds(-1)) }
                _ = try token("eeeee") { $0.expiredAt = tx.now.advanced(by: .seconds(60)) }
                #expect(try tx.joinTokens.good(forCluster: 1).map(\.name) == ["a", "eeeee"])
                #expect(try tx.joinTokens.good(forCluster: other).map(\.name) == ["a", "bb", "eeeee"])
                #expect(try tx.joinTokens.with(hash: bound.tokenHash)?.schedulerClusterID == other)
                try tx.joinTokens.markUsed(bound.id)
                #expect(try tx.joinTokens.find(bound.id).lastUsedAt == tx.now)
                try tx.schedulerClusters.delete(other)
                #expect(try tx.joinTokens.findIfAny(bound.id) == nil, "it is not good for others now")
            }
        }
    }
}

extension StoredPart {
    static func sample(
        _ id: String, cluster: Int64 = 1, scheduler: Int64 = 0, kind: String = "preheat", due: Double = 60
    ) -> StoredPart {
        StoredPart(
            id: id, kind: kind, schedulerClusterID: cluster, schedulerID: scheduler,
            dueAt: Timestamp.now().advanced(by: .seconds(due)), work: [1, 2, 3])
    }
}

extension Peer {
    fileprivate func told(by scheduler: Int64, run: String) -> Peer {
        var peer = self
        peer.sighting = Sighting(schedulerID: scheduler, run: run)
        return peer
    }
}

extension Transaction {
    fileprivate func claim(
        by scheduler: Int64, seconds: Double = 60, limit: Int = 10, attempts: Int = 5
    ) throws -> [StoredPart] {
        let now = try commonTime()
        return try jobParts.claim(
            by: scheduler, inCluster: 1, kinds: ["preheat"], limit: limit, now: now,
            until: now.advanced(by: .seconds(seconds)), attempts: attempts)
    }
}
