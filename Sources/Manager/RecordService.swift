package import ManagerStore

/// What is done with rows of a kind that has no rules of its own.
package struct RecordService<R: Record>: Sendable {
    let store: Store
    let table: @Sendable (Transaction) -> Table<R>

    package func list(_ filter: [R.Column: SQLValue], _ page: Page) async throws -> Listing<R> {
        try await store.read { [table] in try table($0).list(where: filter, page: page) }
    }

    package func find(_ id: Int64) async throws -> R { try await store.read { [table] in try table($0).find(id) } }

    package func create(_ record: R) async throws -> R {
        try await store.write { [table] in try table($0).insert(record) }
    }

    package func update(_ id: Int64, _ changes: [R.Column: SQLValue]) async throws -> R {
        try await store.write { [table] in try table($0).update(id, set: changes) }
    }

    package func delete(_ id: Int64) async throws { try await store.write { [table] in try table($0).delete(id) } }
}

extension Manager {
    package var schedulers: RecordService<Scheduler> { RecordService(store: store) { $0.schedulers } }
    package var seedPeers: RecordService<SeedPeer> { RecordService(store: store) { $0.seedPeers } }
    package var seedPeerClusters: RecordService<SeedPeerCluster> { RecordService(store: store) { $0.seedPeerClusters } }
    package var schedulerClusters: RecordService<SchedulerCluster> {
        RecordService(store: store) { $0.schedulerClusters }
    }
    package var configs: RecordService<Config> { RecordService(store: store) { $0.configs } }
    package var oauth: RecordService<OAuthProvider> { RecordService(store: store) { $0.oauthProviders } }

    package var applications: RecordService<Application> { RecordService(store: store) { $0.applications } }
    package var peers: RecordService<Peer> { RecordService(store: store) { $0.peers } }

    /// Records of calls, the latest first.
    package func audits(_ filter: [Audit.Column: SQLValue], _ page: Page) async throws -> Listing<Audit> {
        try await store.read { try $0.audits.list(where: filter, page: page) }
    }
}

/// A row with another one that it refers to.
package struct Related<R: Sendable, Other: Sendable>: Sendable {
    package var record: R
    package var other: Other
}

extension RecordService<Peer> {
    /// Peers with their clusters.
    package func listWithClusters(
        _ filter: [Peer.Column: SQLValue], _ page: Page
    ) async throws -> Listing<Related<Peer, SchedulerCluster>> {
        try await store.read { store in
            let peers = try store.peers.list(where: filter, page: page)
            let clusters = try store.schedulerClusters.find(Set(peers.elements.map(\.schedulerClusterID)))
            return peers.map { Related(record: $0, other: clusters[$0.schedulerClusterID] ?? .none) }
        }
    }

    package func findWithCluster(_ id: Int64) async throws -> Related<Peer, SchedulerCluster> {
        try await store.read { store in
            let peer = try store.peers.find(id)
            return Related(record: peer, other: try store.schedulerClusters.find(peer.schedulerClusterID))
        }
    }

    package func createWithCluster(_ peer: Peer) async throws -> Related<Peer, SchedulerCluster> {
        try await store.write { store in
            let peer = try store.peers.insert(peer)
            return Related(record: peer, other: try store.schedulerClusters.find(peer.schedulerClusterID))
        }
    }
}

extension RecordService<Application> {
    /// Applications with their users.
    package func listWithUsers(
        _ filter: [Application.Column: SQLValue], _ page: Page
    ) async throws -> Listing<Related<Application, User>> {
        try await store.read { store in
            let applications = try store.applications.list(where: filter, page: page)
            let users = try store.users.find(Set(applications.elements.map(\.userID)))
            return applications.map { Related(record: $0, other: users[$0.userID] ?? .nobody) }
        }
    }

    package func withUser(_ application: Application) async throws -> Related<Application, User> {
        let user = try await store.read { try $0.users.findIfAny(application.userID) }
        return Related(record: application, other: user ?? .nobody)
    }
}

extension SchedulerCluster {
    /// What stands where there is none.
    static let none = SchedulerCluster(name: "")
}
