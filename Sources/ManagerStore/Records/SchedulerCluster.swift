/// Schedulers that work together, and what they and their peers are told.
package struct SchedulerCluster: Record {
    package var id: Int64
    package var createdAt: Timestamp
    package var updatedAt: Timestamp
    /// Unique.
    package var name: String
    package var bio: String
    /// For schedulers, JSON text.
    package var config: String
    /// For ordinary peers, JSON text.
    package var clientConfig: String
    /// For seed peers, JSON text.
    package var seedClientConfig: String
    /// Who belongs here, JSON text.
    package var scopes: String
    package var isDefault: Bool

    package enum Column: String, CaseIterable, Sendable {
        case name
        case bio
        case config
        case clientConfig = "client_config"
        case seedClientConfig = "seed_client_config"
        case scopes
        case isDefault = "is_default"
    }

    package static let table = "scheduler_clusters"
    package static let kind = "scheduler cluster"
    package static let dependents = [
        Dependent(
            table: Scheduler.table, column: "scheduler_cluster_id", text: "scheduler cluster exists scheduler")
    ]

    package init(
        name: String, bio: String = "", config: String = "{}", clientConfig: String = "{}",
        seedClientConfig: String = "{}", scopes: String = "{}", isDefault: Bool = false, id: Int64 = 0,
        createdAt: Timestamp = .unset, updatedAt: Timestamp = .unset
    ) {
        self.id = id
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.name = name
        self.bio = bio
        self.config = config
        self.clientConfig = clientConfig
        self.seedClientConfig = seedClientConfig
        self.scopes = scopes
        self.isDefault = isDefault
    }

    package init(from row: inout RowReader) throws(StoreError) {
        id = try row.integer()
        createdAt = try row.time()
        updatedAt = try row.time()
        name = try row.text()
        bio = try row.text()
        config = try row.text()
        clientConfig = try row.text()
        seedClientConfig = try row.text()
        scopes = try row.text()
        isDefault = try row.flag()
    }

    package func value(of column: Column) -> SQLValue {
        switch column {
        case .name: name.sqlValue
        case .bio: bio.sqlValue
        case .config: config.sqlValue
        case .clientConfig: clientConfig.sqlValue
        case .seedClientConfig: seedClientConfig.sqlValue
        case .scopes: scopes.sqlValue
        case .isDefault: isDefault.sqlValue
        }
    }
}
