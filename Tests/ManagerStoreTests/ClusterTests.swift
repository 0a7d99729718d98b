import ManagerStore
import Testing

@Suite struct ClusterTests {
    @Test(arguments: Engine.allCases)
    func clusterIsMadeAndDeletedAsAWhole(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            let (first, second) = try await store.write { tx in
                try tx.schedulerClusters.createCluster(
                    SchedulerCluster(name: "b"), with: SeedPeerCluster(name: "b"))
            }
            try await store.write { tx in
                #expect(try tx.links.seedPeerClusters(of: [1, first.id])[first.id] == [second])
                #expect(try tx.links.schedulerClusters(of: [second.id]) == [second.id: [first]])
                // Linking them again changes nothing.
                try tx.links.add(schedulerCluster: first.id, seedPeerCluster: second.id)
                #expect(try tx.links.schedulerClusters(of: [second.id])[second.id]?.count == 1)
                _ = try tx.peers.insert(.sample(1, cluster: first.id))
                let job = try tx.jobs.create(
                    Job(type: "preheat"), schedulerClusters: [first.id, 1], seedPeerClusters: [second.id])
                try tx.schedulerClusters.deleteCluster(first.id)
                #expect(try tx.seedPeerClusters.findIfAny(second.id) == nil)
                #expect(try tx.peers.count() == 0)
                #expect(try tx.jobs.schedulerClusters(of: [job.id])[job.id]?.map(\.id) == [1])
                #expect(throws: StoreError.notFound(kind: "scheduler cluster", id: String(first.id))) {
                    try tx.schedulerClusters.deleteCluster(first.id)
                }
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func clusterOfWhichHalfIsTakenIsNotMade(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            let error = try await storeError {
                _ = try await store.write { tx in
                    try tx.schedulerClusters.createCluster(
                        SchedulerCluster(name: "new"), with: SeedPeerCluster(name: "cluster-1"))
                }
            }
            #expect(error == .conflict(key: "seed_peer_clusters.name"))
            #expect(try await store.read { tx in try tx.schedulerClusters.count() } == 1)
        }
    }

    @Test(arguments: Engine.allCases)
    func clusterInUseStays(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                let scheduler = try tx.schedulers.insert(
                    Scheduler(hostName: "h", ip: "i", port: 1, features: ["schedule"], schedulerClusterID: 1))
                for delete in [tx.schedulerClusters.deleteCluster, tx.schedulerClusters.delete] {
                    #expect(throws: StoreError.inUse("scheduler cluster exists scheduler")) { try delete(1) }
                }
                #expect(try tx.schedulers.of(schedulerClusterIDs: [1, 2]) == [1: [scheduler]])
                try tx.schedulers.delete(scheduler.id)
                let seedPeer = try tx.seedPeers.insert(
                    SeedPeer(hostName: "h", ip: "i", port: 1, downloadPort: 2, seedPeerClusterID: 1))
                #expect(throws: StoreError.inUse("seed peer cluster exists seed peer")) {
                    try tx.schedulerClusters.deleteCluster(1)
                }
                #expect(throws: StoreError.inUse("seedPeer cluster exists seedPeer")) {
                    try tx.seedPeerClusters.delete(1)
                }
                #expect(try tx.seedPeers.of(seedPeerClusterIDs: [1])[1] == [seedPeer])
                try tx.seedPeers.delete(seedPeer.id)
                try tx.schedulerClusters.deleteCluster(1)
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func registeringAgainKeepsTheNumber(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            let first = try await store.write { tx in
                try tx.schedulers.upsert(
                    Scheduler(hostName: "h", ip: "i", port: 1, features: [], schedulerClusterID: 1),
                    on: [.hostName, .ip, .schedulerClusterID])
            }
            let again = try await store.write { tx in
                try tx.schedulers.upsert(
                    Scheduler(hostName: "h", idc: "x", ip: "i", port: 2, features: ["schedule"], schedulerClusterID: 1),
                    on: [.hostName, .ip, .schedulerClusterID])
            }
            #expect(again.id == first.id && again.createdAt == first.createdAt && again.updatedAt > first.updatedAt)
            #expect(again.port == 2 && again.idc == "x" && again.features == ["schedule"])
        }
    }

    @Test(arguments: Engine.allCases)
    func peersOfAClusterAreReplaced(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            let other = try await store.write { tx in
                let cluster = try tx.schedulerClusters.insert(SchedulerCluster(name: "other"))
                return try tx.peers.insert(.sample(1, cluster: cluster.id))
            }
            let first = try await store.write { tx in
                try tx.peers.replace(schedulerClusterID: 1, with: (0..<1200).map { .sample($0) })
            }
            #expect(first == (1200, 0))
            let before = try await store.read { tx in try tx.peers.all(where: [.schedulerClusterID: 1]) }
            let second = try await store.write { tx in
                var peers = (600..<1300).map { Peer.sample($0) }
                var twice = Peer.sample(700)
                twice.os = "last"
                peers.append(twice)
                return try tx.peers.replace(schedulerClusterID: 1, with: peers)
            }
            #expect(second == (700, 600))
            let after = try await store.read { tx in try tx.peers.all(where: [.schedulerClusterID: 1]) }
            #expect(after.count == 700 && after.first { $0.hostName == "host-700" }?.os == "last")
            let kept = before.first { $0.hostName == "host-1000" }?.id
            #expect(kept != nil && after.first { $0.hostName == "host-1000" }?.id == kept)
            #expect(try await store.read { tx in try tx.peers.find(other.id) } == other)
        }
    }
}
