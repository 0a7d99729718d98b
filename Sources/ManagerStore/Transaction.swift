/// What a body sees of the database: one consistent state, until the body returns. It must not be kept.
///
/// Once a statement has thrown, the transaction is lost: whatever the body does then, later statements throw the same
/// error, and everything is rolled back. PostgreSQL works so; SQLite is made to.
package final class Transaction {
    package let engine: Engine
    /// The time of the transaction: the same for everything that it does.
    package let now: Timestamp

    /// The error that ended the transaction, if there was one.
    private(set) var failure: StatementFailure?
    private let connection: Connection

    enum Connection {
        case sqlite(SQLiteConnection)
        case postgres(PostgresConnection)
    }

    init(_ connection: Connection, now: Timestamp = .now()) {
        self.connection = connection
        self.now = now
        engine =
            switch connection {
            case .sqlite: .sqlite
            case .postgres: .postgres
            }
    }

    /// All rows of the answer.
    package func rows(_ sql: SQL) throws(StoreError) -> [Row] { try run(sql).rows }

    /// The first row of the answer.
    package func row(_ sql: SQL) throws(StoreError) -> Row? { try run(sql).rows.first }

    /// How many rows the statement changed.
    @discardableResult
    package func execute(_ sql: SQL) throws(StoreError) -> Int { try run(sql).changed }

    private func run(_ sql: SQL) throws(StoreError) -> Reply {
        if let failure { throw failure.error }
        do {
            try check(sql.values)
            switch connection {
            case .sqlite(let connection): return try connection.run(sql)
            case .postgres(let connection): return try connection.run(sql)
            }
        } catch {
            failure = error
            throw error.error
        }
    }

    private func check(_ values: [SQLValue]) throws(StatementFailure) {
        for case .text(let text) in values where text.utf8.contains(0) {
            throw StatementFailure(.invalid("text with a zero byte cannot be stored"))
        }
    }
}

/// What came back for one statement.
struct Reply {
    var rows: [Row] = []
    /// How many rows it inserted, updated or deleted.
    var changed = 0
}

/// Why a statement failed, and what that means for its transaction.
struct StatementFailure: Error {
    let error: StoreError
    let consequence: Consequence

    enum Consequence {
        /// The body gets the error; nothing else helps.
        case final
        /// The transaction got in another's way: the same once more may go well.
        case collision
        /// The connection is of no use any more: the same once more over a new one may go well.
        case lost
        /// The connection is of no use any more, and neither would a new one be: the server does not answer.
        case silent

        var isLost: Bool { self == .lost || self == .silent }
    }

    init(_ error: StoreError, _ consequence: Consequence = .final) {
        self.error = error
        self.consequence = consequence
    }
}
