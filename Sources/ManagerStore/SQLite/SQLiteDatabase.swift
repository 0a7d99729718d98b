import GRDB

/// One file, several readers, one writer. Readers see the state of the last commit when they begin (WAL).
final class SQLiteDatabase: Sendable {
    private let pool: DatabasePool
    /// A thread for each connection, so that nobody waits within GRDB, where no limit would hold.
    private let readers: Lanes<Int>
    private let writer: Lanes<Int>

    private init(_ pool: DatabasePool, _ configuration: StoreConfiguration) {
        self.pool = pool
        let (queue, wait) = (configuration.queueLimit, configuration.waitLimit)
        readers = Lanes(Array(0..<max(configuration.connections, 1)), queueLimit: queue, waitLimit: wait)
        writer = Lanes([0], queueLimit: queue, waitLimit: wait)
    }

    static func open(path: String, _ configuration: StoreConfiguration) async throws -> SQLiteDatabase {
        // Waiting for another process that migrates may take a while.
        let opener = Lanes([0], queueLimit: 1, waitLimit: configuration.waitLimit)
        let pool: Result<DatabasePool, any Error>
        do {
            pool = .success(try await opener.run { _ in try openPool(path, configuration) })
        } catch {
            pool = .failure(error)
        }
        await opener.close()
        return SQLiteDatabase(try pool.get(), configuration)
    }

    private static func openPool(_ path: String, _ configuration: StoreConfiguration) throws -> DatabasePool {
        try DatabaseFile.prepare(path)
        var settings = Configuration()
        settings.label = "manager"
        settings.journalMode = .wal
        settings.maximumReaderCount = max(configuration.connections, 1)
        // Only another process can be in the way: here, writers come one after the other.
        settings.busyMode = .timeout(configuration.waitLimit.inSeconds)
        settings.prepareDatabase { database in
            // What was acknowledged is on the disk: not even a power failure takes it back.
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        do {
            let pool = try DatabasePool(path: path, configuration: settings)
            try pool.writeWithoutTransaction { database in
                try perform(on: database) { transaction in
                    try Migrations.apply(in: transaction, upTo: configuration.schemaVersion)
                }
            }
            return pool
        } catch let error as DatabaseError {
            throw SQLiteConnection.failure(error).error.whenOpening(path)
        } catch let error as StoreError {
            throw error.whenOpening(path)
        }
    }

    func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws -> Result {
        try await readers.run { [pool] _ in
            try Self.translating {
                try pool.read { database in try Self.run(body, on: database) }
            }
        }
    }

    func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws -> Result {
        try await writer.run { [pool] _ in
            try Self.translating {
                try pool.writeWithoutTransaction { database in try Self.perform(on: database, body) }
            }
        }
    }

    func close() async {
        await readers.close()
        await writer.close()
        // Fails only if a statement is still running, and none is. The last one moves the log into the file.
        try? pool.close()
    }

    /// Runs `body` within a transaction that holds the lock for writing from its first moment.
    private static func perform<Result>(
        on database: Database, _ body: (Transaction) throws -> Result
    ) throws -> Result {
        var result: Result?
        try database.inTransaction(.immediate) {
            result = try run(body, on: database)
            return .commit
        }
        guard let result else { throw StoreError.failed("a transaction was committed without a result") }
        return result
    }

    private static func run<Result>(_ body: (Transaction) throws -> Result, on database: Database) throws -> Result {
        let transaction = Transaction(.sqlite(SQLiteConnection(database)))
        let result = try body(transaction)
        if let failure = transaction.failure { throw failure.error }
        return result
    }

    /// Statements fail with errors of ours; beginning and committing with those of GRDB.
    private static func translating<Result>(_ work: () throws -> Result) throws -> Result {
        do {
            return try work()
        } catch let error as DatabaseError {
            throw SQLiteConnection.failure(error).error
        }
    }
}

extension Duration {
    var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
