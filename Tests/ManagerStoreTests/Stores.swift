import Logging
import ManagerStore
import Testing

/// A place for a database, with which stores can be opened: several times, if need be.
struct Place: Sendable {
    let engine: Engine
    let configuration: StoreConfiguration

    func open(_ change: (inout StoreConfiguration) -> Void = { _ in }) async throws -> Store {
        var configuration = configuration
        change(&configuration)
        return try await Store.open(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// `--database` for the program that the tests run.
    var argument: String {
        switch configuration.location {
        case .sqlite(let path): "sqlite:" + path
        case .postgres(let url): url
        }
    }
}

private let gate = Gate(6)

/// Gives `body` a place for a database that nobody else uses.
func withPlace<Result>(_ engine: Engine, _ body: (Place) async throws -> Result) async throws -> Result {
    await gate.enter()
    do {
        let result = try await withFolder { folder in
            var configuration: StoreConfiguration
            switch engine {
            case .sqlite: configuration = StoreConfiguration(location: .sqlite(path: folder + "/manager.sqlite"))
            case .postgres:
                let server = try await PostgresServer.shared.value
                configuration = StoreConfiguration(
                    location: .postgres(url: server.url(try await server.makeDatabase())))
            }
            configuration.connections = 4
            // As many tests run at a time as there are processors, and more.
            configuration.waitLimit = .seconds(30)
            return try await body(Place(engine: engine, configuration: configuration))
        }
        await gate.leave()
        return result
    } catch {
        await gate.leave()
        throw error
    }
}

/// Gives `body` an empty store.
func withStore<Result>(_ engine: Engine, _ body: (Store) async throws -> Result) async throws -> Result {
    try await withPlace(engine) { place in
        let store = try await place.open()
        do {
            let result = try await body(store)
            await store.close()
            return result
        } catch {
            await store.close()
            throw error
        }
    }
}

let objects = ["users", "roles", "jobs"]

/// Gives `body` a store as it is after the first start: user 1 is `root`, both clusters 1 are there.
func withSeededStore<Result>(_ engine: Engine, _ body: (Store) async throws -> Result) async throws -> Result {
    try await withStore(engine) { store in
        try await store.seed(Seed(rootPasswordHash: "hash", mustChangePassword: true, objects: objects))
        return try await body(store)
    }
}

/// The error of the store that `work` throws; nil if it throws none.
func storeError(_ work: () async throws -> Void) async throws -> StoreError? {
    do {
        try await work()
        return nil
    } catch let error as StoreError {
        return error
    }
}

extension StoreError {
    var isInvalid: Bool { if case .invalid = self { true } else { false } }
    var isUnavailable: Bool { if case .unavailable = self { true } else { false } }
    var isRefused: Bool { if case .refused = self { true } else { false } }
    var isFull: Bool { if case .full = self { true } else { false } }
}

/// What is hard on a database, a driver and a parser.
let hardTexts = [
    "", "plain", "Ünïcödé ß 漢字 🦊👩‍👩‍👧", "'; DROP TABLE users; --", "\" OR 1=1 --", "$1 ? ?1 :name @p", "\\x00 \\' \\\\",
    "tab\tline\r\nfeed\u{1}\u{7f}\u{85}", "\u{10FFFF}\u{FFFD}\u{202E}", "%_*[a-z]", "NULL", "{}", "e\u{301}", "é",
]

extension User {
    static func sample(_ name: String) -> User { User(name: name, email: "\(name)@example.org", passwordHash: "hash") }
}

extension Peer {
    static func sample(_ number: Int, cluster: Int64 = 1) -> Peer {
        Peer(
            hostName: "host-\(number)", type: "normal", ip: "10.0.\(number / 256).\(number % 256)", port: 4001,
            downloadPort: 4002, proxyPort: 4003, state: .active, schedulerClusterID: cluster)
    }
}

extension Audit {
    static func sample(_ path: String) -> Audit {
        Audit(
            actorType: .user, actorName: "root", operation: "GET", operatedAt: Timestamp(microseconds: 1),
            state: .success, path: path, statusCode: 200)
    }
}
