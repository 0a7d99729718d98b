import Foundation
import ManagerStore
import Testing

@Suite struct MigrationTests {
    @Test(arguments: Engine.allCases)
    func openingAgainChangesNothing(_ engine: Engine) async throws {
        try await withPlace(engine) { place in
            let first = try await place.open()
            try await first.seed(Seed(rootPasswordHash: "h", mustChangePassword: false, objects: objects))
            let history = try await history(of: first)
            await first.close()
            let second = try await place.open()
            #expect(try await second.read { tx in try tx.users.count() } == 1)
            #expect(try await self.history(of: second) == history)
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
            let history = try await history(of: store)
            #expect(history.map { $0.first } == history.indices.map { .integer(Int64($0) + 1) })
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
        let error = try await errorAfter(
            engine, "INSERT INTO minion_schema SELECT max(version) + 1, 'of the future', 1 FROM minion_schema")
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
        let error = try await errorAfter(engine, "UPDATE minion_schema SET version = version + 10")
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

    /// What was stored by version 1 is there after the next start, and found by what is new.
    @Test(arguments: Engine.allCases)
    func tablesOfTheFirstVersionAreBroughtForward(_ engine: Engine) async throws {
        try await withPlace(engine) { place in
            let old = try await place.open { $0.schemaVersion = 1 }
            // What cannot be made shorter does not fit into an index.
            let scalars = (0..<1023).map { _ in Unicode.Scalar(UInt32.random(in: 0x1F300...0x1F5FF)) ?? "x" }
            let long = "/" + String(String.UnicodeScalarView(scalars))
            try await old.write { tx in
                try tx.audits.append([.sample(long), .sample("/short")])
            }
            await old.close()
            let new = try await place.open()
            for path in [long, "/short"] {
                let found = try await new.read { tx in try tx.audits.list(where: [.path: .text(path)], page: Page()) }
                #expect(found.total == 1 && found.elements.map(\.path) == [path])
            }
            let error = try await storeError {
                _ = try await new.write { tx in try tx.execute("CREATE INDEX peers_by_id ON peers (id)") }
            }
            #expect(error?.description.contains("peers_by_id") == true, "the index is not there")
            await new.close()
        }
    }

    /// What older programs stored is still there, and can be told of by schedulers.
    @Test(arguments: Engine.allCases)
    func oldRecordsOutliveTheMigration(_ engine: Engine) async throws {
        try await withPlace(engine) { place in
            let old = try await place.open { $0.schemaVersion = 1 }
            _ = try await old.write { tx in
                for statement in [
                    "INSERT INTO scheduler_clusters VALUES (1, 1, 1, 'c', '', '{}', '{}', '{}', '{}', 1)",
                    "INSERT INTO seed_peer_clusters VALUES (1, 1, 1, 'c', '', '{}')",
                    """
                    INSERT INTO schedulers VALUES \
                    (1, 1, 1, 'h', '', '', '10.0.0.1', 8002, 'inactive', '[]', '{}', NULL, 1)
                    """,
                    "INSERT INTO seed_peers VALUES (1, 1, 1, 's', 'super', '', '', '10.0.0.2', 1, 2, 0, 'active', 1)",
                    """
                    INSERT INTO peers VALUES (1, 1, 1, 'p', 'normal', '', '', '10.0.0.3', 1, 2, 3, 0, 'active', '', '', \
                    '', '', '', '', '', '', 1)
                    """,
                    """
                    INSERT INTO jobs VALUES \
                    (1, 1, 1, 'group_x', '', 'preheat', 'PENDING', '{}', '{}', NULL, '', NULL, 0, NULL)
                    """,
                ] {
                    try tx.execute(SQL(stringLiteral: statement))
                }
            }
            await old.close()
            let new = try await place.open()
            try await new.write { tx in
                #expect(try tx.schedulers.find(1).run == "" && tx.schedulers.find(1).keepAlive == 0)
                #expect(try tx.seedPeers.find(1).sighting == Sighting() && tx.seedPeers.find(1).version == "")
                #expect(try tx.peers.find(1).sighting == Sighting())
                let seen = try tx.peers.update(1, set: [.schedulerID: 1, .run: "r", .bytesSent: 7])
                #expect(seen.sighting == Sighting(schedulerID: 1, run: "r", bytesSent: 7))
                try tx.jobParts.add([.sample("task_1")], to: 1)
                #expect(try tx.jobParts.of(job: 1).map(\.id) == ["task_1"])
            }
            await new.close()
        }
    }

    private func history(of store: Store) async throws -> [[SQLValue?]] {
        try await store.read { tx in
            try tx.rows("SELECT version, name, applied_at FROM minion_schema ORDER BY version").map { row in
                (0..<row.count).map { row[$0] }
            }
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
