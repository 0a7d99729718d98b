/// Version 2: what pages of long lists are found with.
///
/// An index of a column that has few values finds so many rows that to look at each of them takes longer than to read the
/// whole table. So these columns stand behind the order: rows are chosen and counted within the index, and only those of the
/// page are looked at.
enum ListIndexes {
    @Sendable static func statements(_ dialect: Dialect) -> [String] {
        [
            "CREATE INDEX peers_by_id ON peers (id, state, os)",
            "DROP INDEX audits_by_created_at_id",
            "CREATE INDEX audits_by_time ON audits (created_at, id, state, status_code)",
            "CREATE INDEX audits_by_actor ON audits (actor_name, created_at, id, state, status_code)",
            // As many characters as `Audit.indexedPrefixes` says.
            "CREATE INDEX audits_by_path ON audits (substr(path, 1, 128), created_at, id)",
        ]
    }
}
