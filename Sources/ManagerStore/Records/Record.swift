/// A row of a table that has a number and times. Each kind says what its columns are; `Table` does the rest.
package protocol Record: Sendable, Equatable {
    /// Every column but `id`, `created_at` and `updated_at`, in the order in which they are read. The raw value is the
    /// name in the database, which is the one in the manager's interface.
    associatedtype Column: RawRepresentable<String>, CaseIterable, Hashable, Sendable

    static var table: String { get }
    /// What people call it: `scheduler cluster`.
    static var kind: String { get }
    static var order: Order { get }
    /// Columns that hold the number of a row of another table, with that table and what people call its rows.
    static var references: [Column: Reference] { get }
    /// Columns of text of which the index has only so many characters.
    static var indexedPrefixes: [Column: Int] { get }
    /// Tables whose rows keep a record from being deleted.
    static var dependents: [Dependent] { get }

    /// 0 until it is stored.
    var id: Int64 { get set }
    var createdAt: Timestamp { get set }
    var updatedAt: Timestamp { get set }

    /// Reads `id`, `created_at`, `updated_at` and then each column.
    init(from row: inout RowReader) throws(StoreError)
    func value(of column: Column) -> SQLValue
}

/// How lists are sorted.
package enum Order: Sendable {
    /// As the rows were made.
    case byNumber
    case newestFirst

    var sql: SQL {
        switch self {
        case .byNumber: "id"
        case .newestFirst: "created_at DESC, id DESC"
        }
    }

    /// From the other end.
    var reversed: SQL {
        switch self {
        case .byNumber: "id DESC"
        case .newestFirst: "created_at, id"
        }
    }
}

package struct Reference: Sendable {
    let table: String
    let kind: String
    /// Whether there may be nobody: 0 in records, NULL in the database.
    var isOptional = false

    static let userIfAny = Reference(table: User.table, kind: User.kind, isOptional: true)
    static let user = Reference(table: User.table, kind: User.kind)
    static let schedulerCluster = Reference(table: SchedulerCluster.table, kind: SchedulerCluster.kind)
    static let schedulerClusterIfAny = Reference(
        table: SchedulerCluster.table, kind: SchedulerCluster.kind, isOptional: true)
    static let schedulerIfAny = Reference(table: Scheduler.table, kind: Scheduler.kind, isOptional: true)
    static let seedPeerCluster = Reference(table: SeedPeerCluster.table, kind: SeedPeerCluster.kind)
}

package struct Dependent: Sendable {
    let table: String
    let column: String
    /// What the manager's interface says then.
    let text: String
}

extension Record {
    package static var order: Order { .byNumber }
    package static var references: [Column: Reference] { [:] }
    package static var indexedPrefixes: [Column: Int] { [:] }
    package static var dependents: [Dependent] { [] }

    /// All columns, for `SELECT`; with the name that the table has in the statement before each.
    static func columns(of alias: String? = nil) -> SQL {
        let names = ["id", "created_at", "updated_at"] + Column.allCases.map(\.rawValue)
        let prefix = alias.map { $0 + "." } ?? ""
        return SQL(trusted: names.map { prefix + $0 }.joined(separator: ", "))
    }
}
