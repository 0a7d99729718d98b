import Logging
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A PostgreSQL server over a fixed number of connections, which are made when they are needed and made again when they
/// are lost.
final class PostgresDatabase: Sendable {
    private let url: String
    private let configuration: StoreConfiguration
    private let logger: Logger
    private let lanes: Lanes<Lane>
    private let outage = Mutex(Outage())

    /// Belongs to whom the lane is lent to, which is one thread at a time.
    private final class Lane: @unchecked Sendable {
        var connection: PostgresConnection?
    }

    /// As long as the server cannot be reached, most callers are told so at once, and few try.
    private struct Outage {
        var reason: StoreError?
        var pause = Duration.zero
        var nextTry = ContinuousClock.now
    }

    private static let shortestPause = Duration.milliseconds(50)
    private static let longestPause = Duration.seconds(2)
    /// How often a transaction is run that collides with others.
    private static let mostAttempts = 30

    private init(url: String, _ configuration: StoreConfiguration, logger: Logger) {
        self.url = url
        self.configuration = configuration
        self.logger = logger
        let lanes = (0..<max(configuration.connections, 1)).map { _ in Lane() }
        self.lanes = Lanes(lanes, queueLimit: configuration.queueLimit, waitLimit: configuration.waitLimit)
    }

    static func open(
        url: String, _ configuration: StoreConfiguration, logger: Logger
    ) async throws -> PostgresDatabase {
        let database = PostgresDatabase(url: url, configuration, logger: logger)
        do {
            try await database.migrate()
        } catch {
            await database.close()
            throw error
        }
        return database
    }

    private func migrate() async throws {
        let until = ContinuousClock.now + configuration.startLimit
        while true {
            do {
                return try await lanes.run { [self] lane in try migrate(over: lane) }
            } catch StoreError.unavailable(let reason) {
                guard ContinuousClock.now < until else { throw StoreError.unavailable(reason) }
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    private func migrate(over lane: Lane) throws {
        do {
            let connection = try connect(lane)
            guard connection.serverEncoding == "UTF8" else {
                throw StoreError.refused(
                    "the database has the encoding \(connection.serverEncoding); make one with the encoding UTF8")
            }
            // Whoever migrates makes others wait, and may need long.
            try connection.withStatementLimit(.seconds(600)) {
                try connection.command("BEGIN; SET LOCAL statement_timeout = 0")
                try connection.command("SELECT pg_advisory_xact_lock(\(Migrations.lock))")
                try Migrations.apply(
                    in: Transaction(.postgres(connection)), upTo: configuration.schemaVersion)
                try connection.command("COMMIT")
            }
        } catch let failure as StatementFailure {
            drop(lane)
            throw failure.error.whenOpening
        } catch {
            drop(lane)
            throw (error as? StoreError)?.whenOpening ?? error
        }
    }

    func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws -> Result {
        try await lanes.run { [self] lane in
            try perform("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", over: lane, body)
        }
    }

    func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws -> Result {
        try await lanes.run { [self] lane in
            try perform("BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE", over: lane, body)
        }
    }

    func close() async {
        for lane in await lanes.close() { drop(lane) }
    }

    // MARK: Transactions

    private func perform<Result>(
        _ begin: String, over lane: Lane, _ body: (Transaction) throws -> Result
    ) throws -> Result {
        var isOnNewConnection = lane.connection == nil
        var attempt = 1
        while true {
            do {
                return try performOnce(begin, over: lane, body)
            } catch let interruption as Interruption {
                switch interruption.failure.consequence {
                case .collision where attempt < Self.mostAttempts:
                    attempt += 1
                    pause(before: attempt)
                case .lost where interruption.mayRepeat && !isOnNewConnection:
                    // It may have been dead for long, and nobody noticed.
                    isOnNewConnection = true
                case .silent:
                    // The others need not find out for themselves.
                    note(interruption.failure.error)
                    throw interruption.cause
                default: throw interruption.cause
                }
            }
        }
    }

    /// Why a transaction did not come to its end.
    private struct Interruption: Error {
        let failure: StatementFailure
        /// What the caller is told if it is not tried again.
        let cause: any Error
        /// false: it may have been committed.
        var mayRepeat = true
    }

    private func performOnce<Result>(
        _ begin: String, over lane: Lane, _ body: (Transaction) throws -> Result
    ) throws -> Result {
        let connection: PostgresConnection
        do {
            connection = try connect(lane)
        } catch {
            // Another try would fail the same way.
            throw error.error.whileRunning
        }
        defer { if !connection.isAlive || connection.isInTransaction { drop(lane) } }
        do {
            try connection.command(begin)
        } catch {
            drop(lane)
            throw Interruption(failure: error, cause: error.error)
        }
        let transaction = Transaction(.postgres(connection))
        let result: Result
        do {
            result = try body(transaction)
            if let failure = transaction.failure { throw failure.error }
        } catch {
            rollBack(lane, connection)
            guard let failure = transaction.failure, failure.consequence != .final else { throw error }
            if failure.consequence.isLost { drop(lane) }
            throw Interruption(failure: failure, cause: error)
        }
        do {
            try connection.command("COMMIT")
        } catch {
            if error.consequence.isLost { drop(lane) }
            throw Interruption(failure: error, cause: error.error, mayRepeat: !error.consequence.isLost)
        }
        return result
    }

    private func rollBack(_ lane: Lane, _ connection: PostgresConnection) {
        guard connection.isAlive else { return drop(lane) }
        do {
            try connection.command("ROLLBACK")
        } catch {
            drop(lane)
        }
    }

    /// Waits a little, longer each time and never equally long, so that those who collided do not do so again.
    private func pause(before attempt: Int) {
        let most = min(1 << min(attempt, 6), 50) * 1000
        usleep(UInt32(Int.random(in: 500...most)))
    }

    // MARK: Connections

    private func drop(_ lane: Lane) { lane.connection = nil }

    private func connect(_ lane: Lane) throws(StatementFailure) -> PostgresConnection {
        if let connection = lane.connection, connection.isAlive { return connection }
        lane.connection = nil
        let refusal = outage.withLock { $0.nextTry > ContinuousClock.now ? $0.reason : nil }
        if let refusal { throw StatementFailure(refusal, .lost) }
        do {
            let connection = try PostgresConnection(
                url: url, connectLimit: configuration.connectLimit, statementLimit: configuration.statementLimit)
            noteSuccess()
            lane.connection = connection
            return connection
        } catch {
            note(error.error)
            throw error
        }
    }

    private func noteSuccess() {
        let wasOut = outage.withLock { outage in
            defer { outage = Outage() }
            return outage.reason != nil
        }
        if wasOut { logger.notice("the database can be reached again") }
    }

    private func note(_ reason: StoreError) {
        let isNew = outage.withLock { outage in
            defer { outage.reason = reason }
            outage.pause = min(max(outage.pause * 2, Self.shortestPause), Self.longestPause)
            outage.nextTry = ContinuousClock.now + outage.pause
            return outage.reason == nil
        }
        if isNew { logger.warning("\(reason)") }
    }
}

extension StoreError {
    /// What the operator has to know when the manager does not start.
    fileprivate var whenOpening: StoreError {
        switch self {
        case .refused, .unavailable, .full: self
        default: .refused("cannot prepare the database: \(self)")
        }
    }

    /// A server that turned Minion away may be about to be mended.
    fileprivate var whileRunning: StoreError {
        if case .refused(let text) = self { .unavailable(text) } else { self }
    }
}
