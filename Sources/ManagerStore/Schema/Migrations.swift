/// One step from one form of the tables to the next.
struct Migration {
    /// From 1, without gaps.
    let version: Int64
    let name: String
    let statements: @Sendable (Dialect) -> [String]
}

/// Brings the tables to the form that this program knows. Only forward: what is released is never changed.
enum Migrations {
    static let all: [Migration] = [
        Migration(version: 1, name: "accounts, clusters, jobs and audits", statements: FirstSchema.statements),
        Migration(version: 2, name: "indexes for lists", statements: ListIndexes.statements),
        Migration(version: 3, name: "the fleet and its work", statements: FleetSchema.statements),
    ]

    /// The name of the advisory lock that keeps managers apart which start at the same time: "minion" as a number.
    static let lock: Int64 = 0x6D69_6E69_6F6E

    /// Does what is still to be done. The caller sees to it that nobody else does so at the same time.
    /// - Throws: `.refused` if the tables are those of a newer program, or of another one.
    static func apply(in transaction: Transaction, upTo newest: Int) throws(StoreError) {
        let migrations = all.prefix(newest)
        let dialect = Dialect(engine: transaction.engine)
        try transaction.execute(
            SQL(
                trusted: """
                    CREATE TABLE IF NOT EXISTS minion_schema (
                    version \(dialect.integer) PRIMARY KEY, name TEXT NOT NULL, applied_at \(dialect.integer) NOT NULL
                    )\(dialect.tableEnd)
                    """))
        var done: Int64 = 0
        for row in try transaction.rows("SELECT version, name FROM minion_schema ORDER BY version") {
            var reader = row.reader
            let (version, name) = (try reader.integer(), try reader.text())
            done += 1
            guard version == done else { throw .refused("the database lacks step \(done) of its own history") }
            guard version <= migrations.count else {
                let newest = migrations.count
                throw .refused(
                    """
                    the database was made by a newer Minion (its tables have version \(version) or later, this program \
                    knows \(newest)); start that one, or restore a backup
                    """)
            }
            guard migrations[Int(version) - 1].name == name else {
                throw .refused("the database was made by another program: step \(version) is \(name.debugDescription)")
            }
        }
        for migration in migrations where migration.version > done {
            for statement in migration.statements(dialect) { try transaction.execute(SQL(trusted: statement)) }
            try transaction.execute(
                """
                INSERT INTO minion_schema (version, name, applied_at)
                VALUES (\(migration.version), \(migration.name), \(transaction.now))
                """)
        }
    }
}
