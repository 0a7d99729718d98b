package import ManagerStore

/// A scheduler cluster and its seed peer cluster under one name, as people see them.
package struct Cluster: Sendable {
    package var id: Int64
    package var name: String
    package var bio: String
    package var seedPeerClusterID: Int64
    /// Nil in the answer to a change that did not touch it, here and below.
    package var scopes: JSONObject?
    package var schedulerConfig: JSONObject?
    package var seedPeerConfig: JSONObject?
    package var peerConfig: JSONObject?
    package var isDefault: Bool
    package var createdAt: Timestamp
    package var updatedAt: Timestamp

    init(_ scheduler: SchedulerCluster, seedPeer: SeedPeerCluster?) {
        id = scheduler.id
        name = scheduler.name
        bio = scheduler.bio
        seedPeerClusterID = seedPeer?.id ?? 0
        scopes = ClusterShapes.scopes.complete(scheduler.scopes)
        schedulerConfig = ClusterShapes.schedulerConfig.complete(scheduler.config)
        seedPeerConfig = ClusterShapes.seedPeerConfig.complete(seedPeer?.config ?? "{}")
        peerConfig = ClusterShapes.peerConfig.complete(scheduler.clientConfig)
        isDefault = scheduler.isDefault
        createdAt = scheduler.createdAt
        updatedAt = scheduler.updatedAt
    }
}

/// What a cluster is made of, or what of it changes.
package struct ClusterChange: Sendable {
    package var name = ""
    package var bio = ""
    package var scopes: JSONObject?
    package var schedulerConfig: JSONObject?
    package var seedPeerConfig: JSONObject?
    package var peerConfig: JSONObject?
    package var isDefault: Bool?

    package init() {}
}

/// Clusters.
package struct ClusterService: Sendable {
    let store: Store

    package func create(_ new: ClusterChange) async throws -> Cluster {
        let seedConfig = (new.seedPeerConfig ?? [:]).text
        let scheduler = SchedulerCluster(
            name: new.name, bio: new.bio, config: (new.schedulerConfig ?? [:]).text,
            clientConfig: (new.peerConfig ?? [:]).text, seedClientConfig: seedConfig, scopes: (new.scopes ?? [:]).text,
            isDefault: new.isDefault ?? false)
        let seedPeer = SeedPeerCluster(name: new.name, bio: new.bio, config: seedConfig)
        let stored = try await store.write { try $0.schedulerClusters.createCluster(scheduler, with: seedPeer) }
        return Cluster(stored.0, seedPeer: stored.1)
    }

    package func list(_ filter: [SchedulerCluster.Column: SQLValue], _ page: Page) async throws -> Listing<Cluster> {
        try await store.read { store in
            let clusters = try store.schedulerClusters.list(where: filter, page: page)
            let seedPeers = try store.links.seedPeerClusters(of: clusters.elements.map(\.id))
            return clusters.map { Cluster($0, seedPeer: seedPeers[$0.id]?.first) }
        }
    }

    package func find(_ id: Int64) async throws -> Cluster {
        try await store.read { store in
            let cluster = try store.schedulerClusters.find(id)
            return Cluster(cluster, seedPeer: try store.links.seedPeerClusters(of: [id])[id]?.first)
        }
    }

    /// Replaces each object that is given as a whole; empty texts and what is nil stay as they are. The answer has the
    /// objects that were given, and nil for the others. Throws `Refusal` if there is not exactly one seed peer cluster.
    package func update(_ id: Int64, _ change: ClusterChange) async throws -> Cluster {
        let (scheduler, seedPeer) = try await store.write { store in
            var ofScheduler: [SchedulerCluster.Column: SQLValue] = [:]
            var ofSeedPeer: [SeedPeerCluster.Column: SQLValue] = [:]
            if !change.name.isEmpty {
                (ofScheduler[.name], ofSeedPeer[.name]) = (.text(change.name), .text(change.name))
            }
            if !change.bio.isEmpty { (ofScheduler[.bio], ofSeedPeer[.bio]) = (.text(change.bio), .text(change.bio)) }
            if let scopes = change.scopes { ofScheduler[.scopes] = .text(scopes.text) }
            if let config = change.schedulerConfig { ofScheduler[.config] = .text(config.text) }
            if let config = change.peerConfig { ofScheduler[.clientConfig] = .text(config.text) }
            if let config = change.seedPeerConfig {
                ofScheduler[.seedClientConfig] = .text(config.text)
                ofSeedPeer[.config] = .text(config.text)
            }
            if let isDefault = change.isDefault { ofScheduler[.isDefault] = .of(isDefault) }
            let scheduler = try store.schedulerClusters.update(id, set: ofScheduler)
            let linked = try store.links.seedPeerClusters(of: [id])[id] ?? []
            guard linked.count == 1, let seedPeer = linked.first else {
                throw Refusal(.conflict, "invalid number of the seed peer cluster")
            }
            return (scheduler, try store.seedPeerClusters.update(seedPeer.id, set: ofSeedPeer))
        }
        var cluster = Cluster(scheduler, seedPeer: seedPeer)
        if change.scopes == nil { cluster.scopes = nil }
        if change.schedulerConfig == nil { cluster.schedulerConfig = nil }
        if change.seedPeerConfig == nil { cluster.seedPeerConfig = nil }
        if change.peerConfig == nil { cluster.peerConfig = nil }
        return cluster
    }

    /// Removes a cluster with its seed peer clusters. Throws `StoreError.inUse` while there are schedulers or seed peers.
    package func delete(_ id: Int64) async throws {
        try await store.write { try $0.schedulerClusters.deleteCluster(id) }
    }

    // MARK: Their parts

    /// Makes a scheduler cluster, with a link if it names a seed peer cluster.
    package func createSchedulerCluster(
        _ cluster: SchedulerCluster, linkedTo seedPeerCluster: Int64
    ) async throws -> SchedulerCluster {
        try await store.write { store in
            let stored = try store.schedulerClusters.insert(cluster)
            if seedPeerCluster != 0 {
                try store.links.add(schedulerCluster: stored.id, seedPeerCluster: seedPeerCluster)
            }
            return stored
        }
    }

    package func updateSchedulerCluster(
        _ id: Int64, _ changes: [SchedulerCluster.Column: SQLValue], linkedTo seedPeerCluster: Int64
    ) async throws -> SchedulerCluster {
        try await store.write { store in
            let stored = try store.schedulerClusters.update(id, set: changes)
            if seedPeerCluster != 0 { try store.links.add(schedulerCluster: id, seedPeerCluster: seedPeerCluster) }
            return stored
        }
    }

    /// A scheduler cluster with what belongs to it.
    package func findSchedulerCluster(
        _ id: Int64
    ) async throws -> (cluster: SchedulerCluster, seedPeerClusters: [SeedPeerCluster], schedulers: [Scheduler]) {
        try await store.read { store in
            (
                try store.schedulerClusters.find(id), try store.links.seedPeerClusters(of: [id])[id] ?? [],
                try store.schedulers.of(schedulerClusterIDs: [id])[id] ?? []
            )
        }
    }

    /// A seed peer cluster with what belongs to it.
    package func findSeedPeerCluster(
        _ id: Int64
    ) async throws -> (cluster: SeedPeerCluster, schedulerClusters: [SchedulerCluster], seedPeers: [SeedPeer]) {
        try await store.read { store in
            (
                try store.seedPeerClusters.find(id), try store.links.schedulerClusters(of: [id])[id] ?? [],
                try store.seedPeers.of(seedPeerClusterIDs: [id])[id] ?? []
            )
        }
    }

    package func link(schedulerCluster: Int64, seedPeerCluster: Int64) async throws {
        try await store.write { try $0.links.add(schedulerCluster: schedulerCluster, seedPeerCluster: seedPeerCluster) }
    }

    /// Moves a seed peer to a cluster.
    package func move(seedPeer: Int64, to cluster: Int64) async throws {
        try await store.write { store in
            _ = try store.seedPeerClusters.find(cluster)
            _ = try store.seedPeers.update(seedPeer, set: [.seedPeerClusterID: .of(cluster)])
        }
    }

    // MARK: Matching

    /// The clusters for a peer, best first. Throws `ClusterMatch.Failure` if none can serve.
    package func ranked(for conditions: ClusterMatch.Conditions) async throws -> [ClusterMatch.Match] {
        let candidates = try await store.read { store in
            let clusters = try store.schedulerClusters.all()
            let schedulers = try store.schedulers.of(schedulerClusterIDs: clusters.map(\.id))
            return clusters.map { cluster in
                ClusterMatch.Candidate(
                    id: cluster.id, scopes: ClusterMatch.Scopes(json: cluster.scopes), isDefault: cluster.isDefault,
                    hasSchedulers: (schedulers[cluster.id] ?? []).contains {
                        $0.state == .active && $0.features.contains("schedule")
                    })
            }
        }
        return try ClusterMatch.ranked(candidates, for: conditions)
    }
}

extension ClusterMatch.Scopes {
    /// Reads what lies in the store; what is missing counts as empty.
    init(json: String) {
        self.init()
        guard let object = (try? JSONParser.parse(json))?.object else { return }
        idc = object["idc"]?.string ?? ""
        location = object["location"]?.string ?? ""
        cidrs = object["cidrs"].flatMap { [String]($0) } ?? []
        hostNames = object["hostnames"].flatMap { [String]($0) } ?? []
    }
}
