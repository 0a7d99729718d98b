import Logging
import ManagerStore
import Testing

private struct Unwanted: Error {}

@Suite struct TransactionTests {
    @Test(arguments: Engine.allCases)
    func whatThrowsLeavesNothing(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store async throws in
            await #expect(throws: Unwanted.self) {
                try await store.write { tx in
                    _ = try tx.users.insert(.sample("a"))
                    throw Unwanted()
                }
            }
            #expect(try await store.read { tx in try tx.users.count() } == 1)
        }
    }

    /// PostgreSQL ends a transaction with its first error. Code that relies on going on would work on SQLite only.
    @Test(arguments: Engine.allCases)
    func afterAnErrorTheTransactionIsLost(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            let error = try await storeError {
                try await store.write { tx in
                    _ = try tx.users.insert(.sample("a"))
                    try? tx.roles.create("root", [])
                    #expect(throws: StoreError.conflict(key: "roles.name")) { _ = try tx.users.insert(.sample("b")) }
                }
            }
            #expect(error == .conflict(key: "roles.name"))
            #expect(try await store.read { tx in try tx.users.count() } == 1)
        }
    }

    @Test(arguments: Engine.allCases)
    func whoReadsCannotWrite(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            let error = try await storeError {
                _ = try await store.read { tx in try tx.users.insert(.sample("a")) }
            }
            #expect(error != nil)
            #expect(try await store.read { tx in try tx.users.count() } == 1)
        }
    }

    @Test(arguments: Engine.allCases)
    func incrementsAreNotLost(_ engine: Engine) async throws {
        try await withPlace(engine) { place in
            let stores = [try await place.open(), try await place.open()]
            try await stores[0].write { tx in try tx.settings.set("n", [0]) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        for _ in 0..<10 {
                            try await stores[number % 2].write { tx in
                                try tx.settings.set("n", [(try tx.settings.get("n") ?? [])[0] + 1])
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await stores[1].read { tx in try tx.settings.get("n") } == [80])
            for store in stores { await store.close() }
        }
    }

    @Test(arguments: Engine.allCases)
    func readersSeeOneState(_ engine: Engine) async throws {
        try await withStore(engine) { store in
            try await store.write { tx in
                for name in ["a", "b"] { try tx.settings.set(name, [0]) }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for number in 1...100 {
                        try await store.write { tx in
                            for name in ["a", "b"] { try tx.settings.set(name, [UInt8(number)]) }
                        }
                    }
                }
                for _ in 0..<2 {
                    group.addTask {
                        for _ in 0..<150 {
                            let both = try await store.read { tx in
                                (try tx.settings.get("a"), try tx.settings.get("b"))
                            }
                            #expect(both.0 == both.1)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    // MARK: Limits

    @Test(arguments: Engine.allCases)
    func whoWaitsTooLongIsSentAway(_ engine: Engine) async throws {
        try await withPlace(engine) { place in
            let store = try await place.open {
                $0.connections = 2
                $0.queueLimit = 3
                $0.waitLimit = .milliseconds(200)
            }
            let (started, release) = (Latch(), Latch())
            async let blocked: Void = withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        try await store.read { _ in
                            started.open()
                            release.wait()
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await eventually("both are taken") { started.count == 2 }
            let begin = ContinuousClock.now
            let errors = try await withThrowingTaskGroup(of: StoreError?.self) { group in
                for _ in 0..<10 { group.addTask { try await storeError { try await store.ping() } } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(errors.allSatisfy { $0?.isUnavailable == true })
            #expect(ContinuousClock.now - begin < .seconds(5))
            release.open()
            try await blocked
            try await store.ping()
            await store.close()
        }
    }

    @Test(arguments: Engine.allCases)
    func whoGivesUpLeavesTheLine(_ engine: Engine) async throws {
        try await withPlace(engine) { place in
            let store = try await place.open { $0.connections = 1 }
            let (started, release) = (Latch(), Latch())
            async let blocked: Void = store.read { _ in
                started.open()
                release.wait()
            }
            try await eventually("it is taken") { started.count == 1 }
            let waiting = Task { try await store.ping() }
            try await Task.sleep(for: .milliseconds(20))
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            release.open()
            try await blocked
            try await store.ping()
            await store.close()
        }
    }

    @Test(arguments: Engine.allCases)
    func closingWaitsAndThenRefuses(_ engine: Engine) async throws {
        try await withPlace(engine) { place in
            let store = try await place.open()
            let (started, release) = (Latch(), Latch())
            async let written: Void = store.write { tx in
                started.open()
                release.wait()
                try tx.settings.set("late", [1])
            }
            try await eventually("it runs") { started.count == 1 }
            async let closed: Void = store.close()
            try await eventually("nobody is let in") {
                try await storeError { try await store.ping() }?.isUnavailable == true
            }
            release.open()
            try await written
            await closed
            #expect(try await storeError { try await store.write { _ in } }?.isUnavailable == true)
            let again = try await place.open()
            #expect(try await again.read { tx in try tx.settings.get("late") } == [1])
            await again.close()
        }
    }
}
