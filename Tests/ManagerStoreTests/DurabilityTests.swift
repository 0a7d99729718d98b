import ManagerStore
import Testing

/// What was acknowledged is there, whoever dies.
@Suite struct DurabilityTests {
    static let rounds = 20

    @Test func everyAcknowledgedWriteSurvivesKillingTheManagerOnSQLite() async throws {
        try await withPlace(.sqlite) { place in
            try await killWhileWriting(place) { _ in }
        }
    }

    @Test func everyAcknowledgedWriteSurvivesKillingManagerAndServerOnPostgreSQL() async throws {
        let server = try await PostgresServer()
        let url = server.url(try await server.makeDatabase())
        let place = Place(engine: .postgres, configuration: StoreConfiguration(location: .postgres(url: url)))
        try await killWhileWriting(place) { round in
            guard round.isMultiple(of: 2) else { return }
            try await server.kill()
            try await eventually("the server starts") { (try? await server.start()) != nil }
        }
    }

    private func killWhileWriting(_ place: Place, after: (Int) async throws -> Void) async throws {
        var acknowledged: Set<String> = []
        for round in 0..<Self.rounds {
            let program = try LoadProgram(["append", "--database", place.argument, "--mark", "\(round)"])
            try await eventually("round \(round) writes: \(program.lines().suffix(3))") { program.lines().count > 50 }
            await program.kill()
            acknowledged.formUnion(program.lines())
            try await after(round)
        }
        let store = try await place.open()
        let stored = Set(try await store.read { tx in try tx.audits.all() }.map(\.path))
        #expect(acknowledged.count > 50 * Self.rounds)
        #expect(acknowledged.subtracting(stored).isEmpty)
        if place.engine == .sqlite {
            let check = try await store.read { tx in try tx.row("PRAGMA integrity_check") }
            #expect(check?[0] == "ok")
        }
        await store.close()
    }
}
