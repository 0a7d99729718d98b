package enum InstanceState: String, SQLConvertible, CaseIterable, Sendable {
    case active
    case inactive
}

/// A scheduler of a cluster. Unique: host name, address and cluster.
package struct Scheduler: Record {
    package var id: Int64
    package var createdAt: Timestamp
    package var updatedAt: Timestamp
    package var hostName: String
    package var idc: String
    package var location: String
    package var ip: String
    /// 0 to 65,535.
    package var port: Int
    package var state: InstanceState
    package var features: [String]
    /// JSON text.
    package var config: String
    package var lastKeepAliveAt: Timestamp?
    package var schedulerClusterID: Int64
    /// Names the run of the process that reports; empty if none ever did. Nobody else knows it.
    package var run: String
    package var version: String
    /// Whether it is reached by HTTPS.
    package var isSecure: Bool
    /// Milliseconds between two reports; 0 if it never reported.
    package var keepAlive: Int

    package enum Column: String, CaseIterable, Sendable {
        case hostName = "host_name"
        case idc
        case location
        case ip
        case port
        case state
        case features
        case config
        case lastKeepAliveAt = "last_keep_alive_at"
        case schedulerClusterID = "scheduler_cluster_id"
        case run
        case version
        case isSecure = "is_secure"
        case keepAlive = "keep_alive"
    }

    package static let table = "schedulers"
    package static let kind = "scheduler"
    package static let references: [Column: Reference] = [.schedulerClusterID: .schedulerCluster]

    package init(
        hostName: String, idc: String = "", location: String = "", ip: String, port: Int,
        state: InstanceState = .inactive, features: [String], config: String = "{}",
        lastKeepAliveAt: Timestamp? = nil, schedulerClusterID: Int64, run: String = "", version: String = "",
        isSecure: Bool = false, keepAlive: Int = 0, id: Int64 = 0, createdAt: Timestamp = .unset,
        updatedAt: Timestamp = .unset
    ) {
        self.id = id
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.hostName = hostName
        self.idc = idc
        self.location = location
        self.ip = ip
        self.port = port
        self.state = state
        self.features = features
        self.config = config
        self.lastKeepAliveAt = lastKeepAliveAt
        self.schedulerClusterID = schedulerClusterID
        self.run = run
        self.version = version
        self.isSecure = isSecure
        self.keepAlive = keepAlive
    }

    package init(from row: inout RowReader) throws(StoreError) {
        id = try row.integer()
        createdAt = try row.time()
        updatedAt = try row.time()
        hostName = try row.text()
        idc = try row.text()
        location = try row.text()
        ip = try row.text()
        port = try row.number()
        state = try row.name()
        features = try row.names()
        config = try row.text()
        lastKeepAliveAt = try row.timeIfAny()
        schedulerClusterID = try row.integer()
        run = try row.text()
        version = try row.text()
        isSecure = try row.flag()
        keepAlive = try row.number()
    }

    package func value(of column: Column) -> SQLValue {
        switch column {
        case .hostName: hostName.sqlValue
        case .idc: idc.sqlValue
        case .location: location.sqlValue
        case .ip: ip.sqlValue
        case .port: port.sqlValue
        case .state: state.sqlValue
        case .features: features.sqlValue
        case .config: config.sqlValue
        case .lastKeepAliveAt: lastKeepAliveAt.sqlValue
        case .schedulerClusterID: schedulerClusterID.sqlValue
        case .run: run.sqlValue
        case .version: version.sqlValue
        case .isSecure: isSecure.sqlValue
        case .keepAlive: keepAlive.sqlValue
        }
    }
}
