/// Seed peers that work for the same scheduler clusters.
package struct SeedPeerCluster: Record {
    package var id: Int64
    package var createdAt: Timestamp
    package var updatedAt: Timestamp
    /// Unique.
    package var name: String
    package var bio: String
    /// JSON text.
    package var config: String

    package enum Column: String, CaseIterable, Sendable {
        case name
        case bio
        case config
    }

    package static let table = "seed_peer_clusters"
    package static let kind = "seed peer cluster"
    package static let dependents = [
        Dependent(table: SeedPeer.table, column: "seed_peer_cluster_id", text: "seedPeer cluster exists seedPeer")
    ]

    package init(
        name: String, bio: String = "", config: String = "{}", id: Int64 = 0, createdAt: Timestamp = .unset,
        updatedAt: Timestamp = .unset
    ) {
        self.id = id
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.name = name
        self.bio = bio
        self.config = config
    }

    package init(from row: inout RowReader) throws(StoreError) {
        id = try row.integer()
        createdAt = try row.time()
        updatedAt = try row.time()
        name = try row.text()
        bio = try row.text()
        config = try row.text()
    }

    package func value(of column: Column) -> SQLValue {
        switch column {
        case .name: name.sqlValue
        case .bio: bio.sqlValue
        case .config: config.sqlValue
        }
    }
}
