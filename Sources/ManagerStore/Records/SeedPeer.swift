/// A seed peer of a cluster. Unique: host name, address and cluster.
package struct SeedPeer: Record {
    package var id: Int64
    package var createdAt: Timestamp
    package var updatedAt: Timestamp
    package var hostName: String
    /// `super`.
    package var type: String
    package var idc: String
    package var location: String
    package var ip: String
    /// 0 to 65,535, as the other ports.
    package var port: Int
    package var downloadPort: Int
    package var objectStoragePort: Int
    package var state: InstanceState
    package var seedPeerClusterID: Int64
    package var version: String
    /// Who tells of it, and what of it.
    package var sighting: Sighting

    package enum Column: String, CaseIterable, Sendable {
        case hostName = "host_name"
        case type
        case idc
        case location
        case ip
        case port
        case downloadPort = "download_port"
        case objectStoragePort = "object_storage_port"
        case state
        case seedPeerClusterID = "seed_peer_cluster_id"
        case version
        case schedulerID = "scheduler_id"
        case run
        case bytesFromSource = "bytes_from_source"
        case bytesFromPeers = "bytes_from_peers"
        case bytesSent = "bytes_sent"
        case downloads
        case uploads
    }

    package static let table = "seed_peers"
    package static let kind = "seed peer"
    package static let references: [Column: Reference] = [
        .seedPeerClusterID: .seedPeerCluster, .schedulerID: .schedulerIfAny,
    ]

    package init(
        hostName: String, type: String = "super", idc: String = "", location: String = "", ip: String, port: Int,
        downloadPort: Int, objectStoragePort: Int = 0, state: InstanceState = .inactive, seedPeerClusterID: Int64,
        version: String = "", sighting: Sighting = Sighting(), id: Int64 = 0, createdAt: Timestamp = .unset,
        updatedAt: Timestamp = .unset
    ) {
        self.id = id
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.hostName = hostName
        self.type = type
        self.idc = idc
        self.location = location
        self.ip = ip
        self.port = port
        self.downloadPort = downloadPort
        self.objectStoragePort = objectStoragePort
        self.state = state
        self.seedPeerClusterID = seedPeerClusterID
        self.version = version
        self.sighting = sighting
    }

    package init(from row: inout RowReader) throws(StoreError) {
        id = try row.integer()
        createdAt = try row.time()
        updatedAt = try row.time()
        hostName = try row.text()
        type = try row.text()
        idc = try row.text()
        location = try row.text()
        ip = try row.text()
        port = try row.number()
        downloadPort = try row.number()
        objectStoragePort = try row.number()
        state = try row.name()
        seedPeerClusterID = try row.integer()
        version = try row.text()
        sighting = try Sighting(from: &row)
    }

    package func value(of column: Column) -> SQLValue {
        switch column {
        case .hostName: hostName.sqlValue
        case .type: type.sqlValue
        case .idc: idc.sqlValue
        case .location: location.sqlValue
        case .ip: ip.sqlValue
        case .port: port.sqlValue
        case .downloadPort: downloadPort.sqlValue
        case .objectStoragePort: objectStoragePort.sqlValue
        case .state: state.sqlValue
        case .seedPeerClusterID: seedPeerClusterID.sqlValue
        case .version: version.sqlValue
        case .schedulerID: .reference(sighting.schedulerID)
        case .run: sighting.run.sqlValue
        case .bytesFromSource: sighting.bytesFromSource.sqlValue
        case .bytesFromPeers: sighting.bytesFromPeers.sqlValue
        case .bytesSent: sighting.bytesSent.sqlValue
        case .downloads: sighting.downloads.sqlValue
        case .uploads: sighting.uploads.sqlValue
        }
    }
}
