/// A peer that the schedulers of a cluster know. Unique: host name, address and cluster.
package struct Peer: Record {
    package var id: Int64
    package var createdAt: Timestamp
    package var updatedAt: Timestamp
    package var hostName: String
    /// `super` or `normal`.
    package var type: String
    package var idc: String
    package var location: String
    package var ip: String
    /// 0 to 65,535, as the other ports.
    package var port: Int
    package var downloadPort: Int
    package var proxyPort: Int
    package var objectStoragePort: Int
    package var state: InstanceState
    package var os: String
    package var platform: String
    package var platformFamily: String
    package var platformVersion: String
    package var kernelVersion: String
    package var gitVersion: String
    package var gitCommit: String
    package var buildPlatform: String
    package var schedulerClusterID: Int64
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
        case proxyPort = "proxy_port"
        case objectStoragePort = "object_storage_port"
        case state
        case os
        case platform
        case platformFamily = "platform_family"
        case platformVersion = "platform_version"
        case kernelVersion = "kernel_version"
        case gitVersion = "git_version"
        case gitCommit = "git_commit"
        case buildPlatform = "build_platform"
        case schedulerClusterID = "scheduler_cluster_id"
        case schedulerID = "scheduler_id"
        case run
        case bytesFromSource = "bytes_from_source"
        case bytesFromPeers = "bytes_from_peers"
        case bytesSent = "bytes_sent"
        case downloads
        case uploads
    }

    package static let table = "peers"
    package static let kind = "peer"
    package static let references: [Column: Reference] = [
        .schedulerClusterID: .schedulerCluster, .schedulerID: .schedulerIfAny,
    ]

    package init(
        hostName: String, type: String, idc: String = "", location: String = "", ip: String, port: Int,
        downloadPort: Int, proxyPort: Int, objectStoragePort: Int = 0, state: InstanceState = .inactive,
        os: String = "", platform: String = "", platformFamily: String = "", platformVersion: String = "",
        kernelVersion: String = "", gitVersion: String = "", gitCommit: String = "", buildPlatform: String = "",
        schedulerClusterID: Int64, sighting: Sighting = Sighting(),
        id: Int64 = 0, createdAt: Timestamp = .unset, updatedAt: Timestamp = .unset
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
        self.proxyPort = proxyPort
        self.objectStoragePort = objectStoragePort
        self.state = state
        self.os = os
        self.platform = platform
        self.platformFamily = platformFamily
        self.platformVersion = platformVersion
        self.kernelVersion = kernelVersion
        self.gitVersion = gitVersion
        self.gitCommit = gitCommit
        self.buildPlatform = buildPlatform
        self.schedulerClusterID = schedulerClusterID
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
        proxyPort = try row.number()
        objectStoragePort = try row.number()
        state = try row.name()
        os = try row.text()
        platform = try row.text()
        platformFamily = try row.text()
        platformVersion = try row.text()
        kernelVersion = try row.text()
        gitVersion = try row.text()
        gitCommit = try row.text()
        buildPlatform = try row.text()
        schedulerClusterID = try row.integer()
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
        case .proxyPort: proxyPort.sqlValue
        case .objectStoragePort: objectStoragePort.sqlValue
        case .state: state.sqlValue
        case .os: os.sqlValue
        case .platform: platform.sqlValue
        case .platformFamily: platformFamily.sqlValue
        case .platformVersion: platformVersion.sqlValue
        case .kernelVersion: kernelVersion.sqlValue
        case .gitVersion: gitVersion.sqlValue
        case .gitCommit: gitCommit.sqlValue
        case .buildPlatform: buildPlatform.sqlValue
        case .schedulerClusterID: schedulerClusterID.sqlValue
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
