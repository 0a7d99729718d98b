import Foundation
import ManagerStore
import Testing

@Suite struct MigrationTests {
    @Test(arguments: Engine.allCases)
    func openingAgainChangesNothing(_ engine: Engine) async throws {
        try await withPlace(engine) { place in
            let first = try await place.open()
            try await first.seed(Seed(rootPasswordHash: "h", mustChangePassword: false, objects: objects))
            await first.close()
            let second = try await place.open()
            #expect(try await second.read { tx in try tx.users.count() } == 1)
            #expect(try await second.read { tx in try tx.rows("SELECT version FROM minion_schema") }.count == 1)
            await second.close()
        }
    }

    @Test(arguments: Engine.allCases)
    func managersThatStartAtOnceMigrateOnce(_ engine: Engine) async throws {
        try await withPlace(engine) { place in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let store = try await place.open { $0.connections = 1 }
                        try await store.ping()
                        await store.close()
                    }
                }
                try await group.waitForAll()
            }
            let store = try await place.open()
            #expect(try await store.read { tx in try tx.rows("SELECT version FROM minion_schema") }.count == 1)
            await store.close()
        }
    }

    @Test(arguments: Engine.allCases)
    func processesThatStartAtOnceMigrateAndPlantOnce(_ engine: Engine) async throws {
        try await withPlace(engine) { place in
            let processes = try (0..<6).map { _ in try LoadProgram(["open", "--database", place.argument]) }
            for process in processes {
                let status = await process.waitForEnd()
                #expect(status == 0, "\(process.lines())")
            }
            #expect(processes.map { $0.lines() }.filter { $0.contains("seeded") }.count == 1)
            let store = try await place.open()
            #expect(try await store.read { tx in try tx.users.all().map(\.id) } == [1])
            await store.close()
        }
    }

    @Test(arguments: Engine.allCases)
    func newerTablesAreRefused(_ engine: Engine) async throws {
        let error = try await errorAfter(engine, "INSERT INTO minion_schema VALUES (2, 'something of the future', 1)")
        #expect(error?.isRefused == true)
        #expect(error?.description.contains("newer Minion") == true)
    }

    @Test(arguments: Engine.allCases)
    func tablesOfAnotherProgramAreRefused(_ engine: Engine) async throws {
        let error = try await errorAfter(engine, "UPDATE minion_schema SET name = 'something else'")
        #expect(error?.description.contains("another program") == true && error?.isRefused == true)
    }

    @Test(arguments: Engine.allCases)
    func gapsAreRefused(_ engine: Engine) async throws {
        let error = try await errorAfter(engine, "UPDATE minion_schema SET version = 3")
        #expect(error?.isRefused == true)
    }

    /// The migration stops in the middle; the next start does all of it.
    @Test(arguments: Engine.allCases)
    func failedMigrationLeavesNothing(_ engine: Engine) async throws {
        try await withPlace(engine) { place in
            try await place.runBeside("CREATE TABLE audits (id INTEGER)")
            let error = try await storeError { _ = try await place.open() }
            #expect(error?.isRefused == true && error?.description.contains("audits") == true)
            try await place.runBeside("DROP TABLE audits")
            let store = try await place.open()
            #expect(try await store.needsSeed())
            await store.close()
        }
    }

    private func errorAfter(_ engine: Engine, _ statement: String) async throws -> StoreError? {
        try await withPlace(engine) { place in
            let store = try await place.open()
            _ = try await store.write { tx in try tx.execute(SQL(stringLiteral: statement)) }
            await store.close()
            return try await storeError { _ = try await place.open() }
        }
    }
}

extension Place {
    /// Runs SQL with the database's own program.
    fileprivate func runBeside(_ statement: String) async throws {
        switch configuration.location {
        case .sqlite(let path):
            let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])"
            try await run(["python3", "-c", script, path, statement])
            try await run(["chmod", "600", path])
        case .postgres(let url):
            try await PostgresServer.shared.value.psql(String(url.split(separator: "/").last ?? ""), statement)
        }
    }
}
