import ManagerStore
import Testing

@Suite struct JobTests {
    /// Several managers take jobs at once: each job is taken once.
    @Test(arguments: Engine.allCases)
    func jobsAreClaimedOnce(_ engine: Engine) async throws {
        try await withPlace(engine) { place in
            let stores = [try await place.open(), try await place.open(), try await place.open()]
            try await stores[0].write { tx in
                for number in 0..<60 { _ = try tx.jobs.insert(Job(taskID: "\(number)", type: "preheat")) }
                _ = try tx.jobs.insert(Job(type: "gc"))
                _ = try tx.jobs.insert(Job(type: "preheat", state: .success))
                _ = try tx.jobs.insert(Job(type: "preheat", dueAt: tx.now.advanced(by: .seconds(60))))
            }
            let claimed = try await withThrowingTaskGroup(of: [Job].self) { group in
                for (number, store) in stores.enumerated() {
                    group.addTask {
                        var mine: [Job] = []
                        while true {
                            let jobs = try await store.write { tx in
                                try tx.jobs.claim(by: "m\(number)", for: .seconds(60), limit: 7, types: ["preheat"])
                            }
                            if jobs.isEmpty { return mine }
                            #expect(jobs.map(\.id) == jobs.map(\.id).sorted())
                            #expect(jobs.allSatisfy { $0.claimedBy == "m\(number)" && $0.attempts == 1 })
                            mine += jobs
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claimed.map(\.id).sorted() == Array(1...60))
            for store in stores { await store.close() }
        }
    }

    @Test(arguments: Engine.allCases)
    func lostClaimsAreTakenOver(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                let job = try tx.jobs.insert(Job(type: "preheat"))
                _ = try tx.jobs.claim(by: "a", for: .seconds(-1), limit: 1, types: ["preheat"])
                #expect(try tx.jobs.claim(by: "b", for: .seconds(60), limit: 1, types: ["preheat"]).count == 1)
                #expect(try tx.jobs.claim(by: "c", for: .seconds(60), limit: 1, types: ["preheat"]).isEmpty)
                #expect(try !tx.jobs.extend(job.id, owner: "a", for: .seconds(60)))
                #expect(try tx.jobs.extend(job.id, owner: "b", for: .seconds(90)))
                #expect(try tx.jobs.release(job.id, owner: "a", set: [.state: "FAILURE"]) == nil)
                let released = try tx.jobs.release(
                    job.id, owner: "b", dueAt: tx.now.advanced(by: .seconds(30)), set: [.state: "STARTED"])
                #expect(released?.claimedBy == "" && released?.claimedUntil == nil && released?.state == .started)
                #expect(try tx.jobs.claim(by: "c", for: .seconds(60), limit: 1, types: ["preheat"]).isEmpty)
                _ = try tx.jobs.update(job.id, set: [.dueAt: .of(tx.now)])
                let last = try tx.jobs.claim(by: "c", for: .seconds(60), limit: 1, types: ["gc", "preheat"])
                #expect(last.first?.attempts == 3)
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func clustersOfJobsComeBack(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                let job = try tx.jobs.create(
                    Job(type: "get_task", userID: 1), schedulerClusters: [1, 1], seedPeerClusters: [1])
                let other = try tx.jobs.create(Job(type: "get_task"))
                let clusters = try tx.jobs.schedulerClusters(of: [job.id, other.id])
                #expect(clusters[job.id]?.map(\.name) == ["cluster-1", "cluster-1"] && clusters[other.id] == nil)
                #expect(try tx.jobs.seedPeerClusters(of: [job.id])[job.id]?.count == 1)
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func oldOnesArePurgedInPortions(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            for number in 0..<10 {
                try await store.write { tx in
                    _ = try tx.jobs.create(Job(taskID: "\(number)", type: "gc"), schedulerClusters: [1])
                    try tx.audits.append([.sample("/\(number)")])
                }
            }
            let border = try await store.read { tx in
                try #require(try tx.jobs.all().first { $0.taskID == "7" }).createdAt
            }
            try await store.write { tx throws in
                #expect(try tx.jobs.purge(before: border, limit: 5) == 5)
                #expect(try tx.jobs.all().map(\.taskID) == ["9", "8", "7", "6", "5"])
                #expect(try tx.jobs.purge(before: border, limit: 5) == 2)
                #expect(try tx.jobs.purge(before: border, limit: 5) == 0)
                #expect(try tx.audits.purge(before: tx.now.advanced(by: .seconds(1)), limit: 100) == 10)
            }
        }
    }
}
