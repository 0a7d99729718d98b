import GRDB

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Statements on one connection to SQLite, within a transaction.
struct SQLiteConnection {
    private let database: Database

    init(_ database: Database) { self.database = database }

    func run(_ sql: SQL) throws(StatementFailure) -> Reply {
        do {
            let statement =
                sql.isRare ? try database.makeStatement(sql: sql.text) : try database.cachedStatement(sql: sql.text)
            try statement.setArguments(StatementArguments(sql.values.map(\.databaseValue)))
            guard statement.columnCount > 0 else {
                try statement.execute()
                return Reply(changed: database.changesCount)
            }
            var rows: [Row] = []
            let cursor = try GRDB.Row.fetchCursor(statement)
            while let row = try cursor.next() { rows.append(try Row(row)) }
            return Reply(rows: rows, changed: database.changesCount)
        } catch let error as DatabaseError {
            throw Self.failure(error)
        } catch let error as StoreError {
            throw StatementFailure(error)
        } catch {
            throw StatementFailure(.failed("SQLite: \(error)"))
        }
    }

    // MARK: Errors

    static func failure(_ error: DatabaseError) -> StatementFailure {
        let words = error.message ?? "result code \(error.extendedResultCode.rawValue)"
        switch error.extendedResultCode {
        case .SQLITE_CONSTRAINT_UNIQUE, .SQLITE_CONSTRAINT_PRIMARYKEY, .SQLITE_CONSTRAINT_ROWID:
            return StatementFailure(.conflict(key: key(in: words)))
        default: break
        }
        return switch error.resultCode {
        case .SQLITE_CONSTRAINT, .SQLITE_MISMATCH, .SQLITE_TOOBIG:
            StatementFailure(.invalid("the database does not take a value: \(words)"))
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL, .SQLITE_INTERRUPT:
            StatementFailure(.unavailable("the database is busy: \(words)"))
        case .SQLITE_FULL: StatementFailure(.full("the disk of the database is full; make room"))
        case .SQLITE_READONLY: StatementFailure(.full("the database may not be written to: \(words)"))
        case .SQLITE_IOERR, .SQLITE_CANTOPEN:
            StatementFailure(.unavailable("the disk of the database fails: \(words); check the disk"))
        default: StatementFailure(.failed("SQLite: \(words)"))
        }
    }

    /// `users.name` in `UNIQUE constraint failed: users.name`; with several columns, the table is named only once.
    private static func key(in message: String) -> String {
        guard let list = message.split(separator: "constraint failed: ").last else { return message }
        let names = list.split(separator: ", ").map { $0.split(separator: ".", maxSplits: 1) }
        guard let table = names.first?.first, names.allSatisfy({ $0.count == 2 }) else { return String(list) }
        return table + "." + names.map { $0[1] }.joined(separator: ",")
    }
}

extension StoreError {
    /// What a running store reports as trouble that may pass is, when it is opened, the operator's affair.
    func whenOpening(_ path: String) -> StoreError {
        switch self {
        case .refused, .full: self
        case .unavailable(let text): .unavailable("cannot open the database \(path): \(text)")
        default: .refused("cannot open the database \(path): \(self)")
        }
    }
}

extension SQLValue {
    fileprivate var databaseValue: DatabaseValue {
        switch self {
        case .null: .null
        case .integer(let number): number.databaseValue
        case .text(let text): text.databaseValue
        case .bytes(let bytes): Data(bytes).databaseValue
        }
    }
}

extension Row {
    fileprivate init(_ row: GRDB.Row) throws(StoreError) {
        var values: [SQLValue] = []
        values.reserveCapacity(row.count)
        for index in 0..<row.count {
            let value: DatabaseValue = row[index]
            switch value.storage {
            case .null: values.append(.null)
            case .int64(let number): values.append(.integer(number))
            case .string(let text): values.append(.text(text))
            case .blob(let data): values.append(.bytes([UInt8](data)))
            case .double: throw .surprise("a fraction")
            }
        }
        self.init(values: values)
    }
}
