import Foundation
import ManagerStore
import Testing

/// What only a server can do to its clients. Each test has a server of its own where it harms it.
@Suite struct PostgresTests {
    private func open(_ url: String, _ change: (inout StoreConfiguration) -> Void = { _ in }) async throws -> Store {
        try await Place(engine: .postgres, configuration: StoreConfiguration(location: .postgres(url: url))).open(
            change)
    }

    @Test func lostServerIsToldQuicklyAndFoundAgain() async throws {
        let server = try await PostgresServer()
        let store = try await open(server.url(try await server.makeDatabase()))
        try await store.write { tx in try tx.settings.set("a", [1]) }
        for round in 0..<3 {
            if round == 0 { try await server.stop(.fast) } else { try await server.kill() }
            for _ in 0..<20 {
                let begin = ContinuousClock.now
                #expect(try await storeError { try await store.ping() }?.isUnavailable == true)
                #expect(try await storeError { try await store.write { _ in } }?.isUnavailable == true)
                #expect(ContinuousClock.now - begin < .seconds(2))
            }
            try await eventually("the server starts") { (try? await server.start()) != nil }
            try await eventually(within: .seconds(10), "the store finds it again") {
                try await storeError { try await store.ping() } == nil
            }
            #expect(try await store.read { tx in try tx.settings.get("a") } == [1])
        }
        await store.close()
    }

    @Test func callersUnderLoadGetThroughAfterARestart() async throws {
        let server = try await PostgresServer()
        let store = try await open(server.url(try await server.makeDatabase()))
        let (lost, done) = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
            let end = ContinuousClock.now + .seconds(6)
            for _ in 0..<12 {
                group.addTask {
                    var (lost, done) = (0, 0)
                    while ContinuousClock.now < end {
                        let error = try await storeError {
                            try await store.write { tx in try tx.audits.append([.sample("/")]) }
                        }
                        if let error {
                            #expect(error.isUnavailable)
                            lost += 1
                            try await Task.sleep(for: .milliseconds(10))
                        } else {
                            done += 1
                        }
                    }
                    return (lost, done)
                }
            }
            try await Task.sleep(for: .seconds(1))
            try await server.stop(.immediate)
            try await server.start()
            try await Task.sleep(for: .seconds(1))
            try await server.kill()
            try await eventually("the server starts") { (try? await server.start()) != nil }
            return try await group.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
        }
        try await eventually("the server has recovered") { try await storeError { try await store.ping() } == nil }
        let stored = try await store.read { tx in try tx.audits.count() }
        #expect(done > 0 && lost > 0)
        // Of those that were lost in the wrong moment, it is not known.
        #expect(stored >= done && stored <= done + lost)
        await store.close()
    }

    @Test func connectionsThatDiedAreReplacedUnseen() async throws {
        let server = try await PostgresServer.shared.value
        let database = try await server.makeDatabase()
        let store = try await open(server.url(database)) { $0.connections = 2 }
        for _ in 0..<5 {
            try await store.ping()
            try await server.psql(
                database,
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                """)
            try await store.write { tx in try tx.settings.set("a", [1]) }
        }
        await store.close()
    }

    @Test func frozenServerIsGivenUp() async throws {
        let server = try await PostgresServer()
        let store = try await open(server.url(try await server.makeDatabase())) {
            $0.statementLimit = .seconds(1)
            $0.connectLimit = .seconds(2)
            $0.waitLimit = .seconds(1)
            $0.connections = 2
        }
        try await store.ping()
        try await server.freeze()
        let begin = ContinuousClock.now
        let errors = try await withThrowingTaskGroup(of: StoreError?.self) { group in
            for _ in 0..<20 { group.addTask { try await storeError { try await store.ping() } } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(errors.allSatisfy { $0?.isUnavailable == true })
        // One statement, one connection, and what the limits let pass beside.
        #expect(ContinuousClock.now - begin < .seconds(10))
        try await server.thaw()
        try await eventually(within: .seconds(10), "the store finds it again") {
            try await storeError { try await store.ping() } == nil
        }
        await store.close()
    }

    @Test func slowStatementsAreEndedByTheServer() async throws {
        let server = try await PostgresServer.shared.value
        let store = try await open(server.url(try await server.makeDatabase())) { $0.statementLimit = .seconds(1) }
        let begin = ContinuousClock.now
        let error = try await storeError { _ = try await store.read { tx in try tx.row("SELECT pg_sleep(60)") } }
        #expect(error?.isUnavailable == true && ContinuousClock.now - begin < .seconds(5))
        try await store.ping()
        await store.close()
    }

    @Test func connectionsAreLimited() async throws {
        let server = try await PostgresServer.shared.value
        let database = try await server.makeDatabase()
        let store = try await open(server.url(database)) {
            $0.connections = 3
            $0.waitLimit = .seconds(30)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<100 {
                group.addTask { _ = try await store.read { tx in try tx.row("SELECT pg_sleep(0.01)") } }
            }
            try await group.waitForAll()
        }
        let count = try await server.psql(
            database,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'minion'")
        #expect(count == "3\n")
        await store.close()
        try await eventually("the connections are closed") {
            try await server.psql(
                database,
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'minion'"
            )
                == "0\n"
        }
    }

    @Test func serverThatIsNotThereIsWaitedFor() async throws {
        let server = try await PostgresServer()
        let url = server.url(try await server.makeDatabase())
        try await server.stop(.fast)
        let begin = ContinuousClock.now
        let error = try await storeError { _ = try await open(url) { $0.startLimit = .seconds(1) } }
        #expect(error?.isUnavailable == true && ContinuousClock.now - begin < .seconds(5))
        async let store = open(url)
        try await Task.sleep(for: .milliseconds(500))
        try await server.start()
        try await store.ping()
        await (try store).close()
    }

    @Test func wrongNamesAreRefusedAtOnceAndPasswordsNotTold() async throws {
        let server = try await PostgresServer.shared.value
        let database = try await server.makeDatabase()
        for url in [
            "postgres://minion:geheim@127.0.0.1:\(server.port)/nowhere",
            "postgres://nobody:geheim@127.0.0.1:\(server.port)/\(database)",
            "postgres://minion:geheim@127.0.0.1:\(server.port)/\(database)?sslmode=require",
            "postgres://minion:geheim@127.0.0.1:port/\(database)",
            "postgres://minion:geheim%00@127.0.0.1/\(database)",
            "postgres://minion:gehe im@[::1/\(database)?nonsense=geheim",
        ] {
            let begin = ContinuousClock.now
            let error = try await storeError { _ = try await open(url) }
            #expect(error?.isRefused == true, "\(url): \(String(describing: error))")
            #expect(error?.description.contains("geheim") == false && error?.description.contains("\n") == false)
            #expect(ContinuousClock.now - begin < .seconds(5))
        }
    }

    @Test func databaseOfAnotherEncodingIsRefused() async throws {
        let server = try await PostgresServer.shared.value
        let url = server.url(try await server.makeDatabase(encoding: "LATIN1"))
        let error = try await storeError { _ = try await open(url) }
        #expect(error?.isRefused == true && error?.description.contains("UTF8") == true)
    }

    @Test func encryptedConnectionsAreChecked() async throws {
        try await withFolder { folder in
            try await run([
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
                "-addext",
                "subjectAltName=IP:127.0.0.1", "-keyout", folder + "/key", "-out", folder + "/certificate",
            ])
            let server = try await PostgresServer()
            try await server.useTLS(key: folder + "/key", certificate: folder + "/certificate")
            let database = try await server.makeDatabase()
            let trusting = server.url(database, "?sslmode=verify-full&sslrootcert=\(folder)/certificate")
            let store = try await open(trusting)
            let row = try await store.read { tx in
                try tx.row("SELECT CASE WHEN ssl THEN 1 ELSE 0 END FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            }
            #expect(row?[0] == 1)
            await store.close()
            let other = server.url(database, "?sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt")
            #expect(try await storeError { _ = try await open(other) }?.isRefused == true)
        }
    }
}
