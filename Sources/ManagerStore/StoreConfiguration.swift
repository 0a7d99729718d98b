/// Which database, and how much may be asked of it at a time.
package struct StoreConfiguration: Sendable {
    package enum Location: Hashable, Sendable {
        /// The path of a file, which is made if it is missing.
        case sqlite(path: String)
        /// As libpq understands it, with `sslmode`, `sslrootcert` and whatever else it knows.
        case postgres(url: String)
    }

    package var location: Location
    /// Connections to PostgreSQL; connections that read SQLite, beside the one that writes.
    package var connections = 8
    /// How many callers may wait for one of them.
    package var queueLimit = 1000
    /// How long they may wait.
    package var waitLimit = Duration.seconds(5)
    /// How long one statement may take.
    package var statementLimit = Duration.seconds(8)
    /// How long connecting may take.
    package var connectLimit = Duration.seconds(5)
    /// How long `open` tries to reach a server that does not answer.
    package var startLimit = Duration.seconds(20)

    /// The version that tables are brought to: older ones than the newest are for tests of what comes after.
    package var schemaVersion = Migrations.all.count

    package init(location: Location) { self.location = location }

    /// - Parameters:
    ///   - database: `postgres://…`, `postgresql://…` or `sqlite:PATH`; nil or empty: a file in `dataFolder`.
    ///   - dataFolder: where files are kept.
    /// - Throws: `.refused`, without the text of a URL, which may hold a password.
    package init(database: String?, dataFolder: String) throws(StoreError) {
        guard let database, !database.isEmpty else {
            guard !dataFolder.isEmpty else { throw .refused("the data directory has no name") }
            self.init(location: .sqlite(path: dataFolder + (dataFolder.hasSuffix("/") ? "" : "/") + "manager.sqlite"))
            return
        }
        guard !database.utf8.contains(0) else { throw .refused("the name of the database has a zero byte in it") }
        if database.hasPrefix("postgres://") || database.hasPrefix("postgresql://") {
            self.init(location: .postgres(url: database))
        } else if database.hasPrefix("sqlite:"), database.utf8.count > "sqlite:".utf8.count {
            self.init(location: .sqlite(path: String(database.dropFirst("sqlite:".count))))
        } else {
            throw .refused("the database is neither postgres://… nor sqlite:PATH")
        }
    }
}
