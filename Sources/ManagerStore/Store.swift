package import Logging

/// The manager's database. All work runs on threads of the store's own; at most so much at a time as the configuration
/// says, and what has to wait longer than that is refused.
package final class Store: Sendable {
    private let driver: Driver

    private enum Driver {
        case sqlite(SQLiteDatabase)
        case postgres(PostgresDatabase)
    }

    private init(_ driver: Driver) { self.driver = driver }

    /// Opens the database and brings its tables to the form that this program knows. Several managers may do so at once.
    /// - Throws: `.refused` if a person has to do something about it, `.unavailable` if the server does not answer,
    ///   `.full` if the disk is.
    package static func open(_ configuration: StoreConfiguration, logger: Logger) async throws -> Store {
        switch configuration.location {
        case .sqlite(let path):
            Store(.sqlite(try await SQLiteDatabase.open(path: path, configuration)))
        case .postgres(let url):
            Store(.postgres(try await PostgresDatabase.open(url: url, configuration, logger: logger)))
        }
    }

    package var engine: Engine {
        switch driver {
        case .sqlite: .sqlite
        case .postgres: .postgres
        }
    }

    /// Runs `body` in a transaction that may only read. All of its statements see the same state.
    ///
    /// The body may run more than once, and must not wait for anything else.
    package func read<Result: Sendable>(
        _ body: @escaping @Sendable (Transaction) throws -> Result
    ) async throws -> Result {
        switch driver {
        case .sqlite(let database): try await database.read(body)
        case .postgres(let database): try await database.read(body)
        }
    }

    /// Runs `body` in a transaction that behaves as if no other ran meanwhile. It is committed when the body returns,
    /// and then survives the end of every process; it is rolled back when the body throws.
    ///
    /// The body may run more than once, and must not wait for anything else. `.unavailable` can mean, if the connection
    /// was lost in the wrong moment, that the change was made nevertheless.
    package func write<Result: Sendable>(
        _ body: @escaping @Sendable (Transaction) throws -> Result
    ) async throws -> Result {
        switch driver {
        case .sqlite(let database): try await database.write(body)
        case .postgres(let database): try await database.write(body)
        }
    }

    /// Whether the database answers.
    /// - Throws: `.unavailable` if not.
    package func ping() async throws {
        _ = try await read { transaction in try transaction.row("SELECT 1") }
    }

    /// Waits for what is running. Whoever comes later gets `.unavailable`.
    package func close() async {
        switch driver {
        case .sqlite(let database): await database.close()
        case .postgres(let database): await database.close()
        }
    }
}
