/// Which seed peer clusters work for which scheduler clusters.
package struct ClusterLinks {
    let transaction: Transaction

    /// Not an error if they are linked.
    /// - Throws: `.notFound` if one of them does not exist.
    package func add(schedulerCluster: Int64, seedPeerCluster: Int64) throws(StoreError) {
        _ = try transaction.schedulerClusters.find(schedulerCluster)
        _ = try transaction.seedPeerClusters.find(seedPeerCluster)
        let now = transaction.now
        try transaction.execute(
            """
            INSERT INTO cluster_links (created_at, updated_at, scheduler_cluster_id, seed_peer_cluster_id) \
            VALUES (\(now), \(now), \(schedulerCluster), \(seedPeerCluster)) ON CONFLICT DO NOTHING
            """)
    }

    /// By number of the scheduler cluster, each in the order of numbers.
    package func seedPeerClusters(of ids: [Int64]) throws(StoreError) -> [Int64: [SeedPeerCluster]] {
        try transaction.linked(
            through: "cluster_links", "scheduler_cluster_id", of: ids, to: SeedPeerCluster.self, "seed_peer_cluster_id")
    }

    /// By number of the seed peer cluster, each in the order of numbers.
    package func schedulerClusters(of ids: [Int64]) throws(StoreError) -> [Int64: [SchedulerCluster]] {
        try transaction.linked(
            through: "cluster_links", "seed_peer_cluster_id", of: ids, to: SchedulerCluster.self, "scheduler_cluster_id"
        )
    }
}

extension Transaction {
    package var links: ClusterLinks { ClusterLinks(transaction: self) }

    /// The rows of one kind that a table links with those numbers of another.
    func linked<Element: Record>(
        through links: String, _ from: String, of ids: [Int64], to: Element.Type, _ column: String
    ) throws(StoreError) -> [Int64: [Element]] {
        var result: [Int64: [Element]] = [:]
        for chunk in ids.chunks(of: Table<Element>.batch) {
            let rows = try rows(
                """
                SELECT l.\(trusted: from), \(sql: Element.columns(of: "t")) FROM \(trusted: links) l \
                JOIN \(trusted: Element.table) t ON t.id = l.\(trusted: column) \
                WHERE l.\(trusted: from) \(among: Array(chunk)) ORDER BY l.\(trusted: from), t.id
                """)
            for row in rows {
                var reader = row.reader
                let owner = try reader.integer()
                result[owner, default: []].append(try Element(from: &reader))
            }
        }
        return result
    }
}

extension Table<SchedulerCluster> {
    /// Makes a scheduler cluster and the seed peer cluster that works for it.
    /// - Throws: `.conflict`, `.invalid`.
    package func createCluster(
        _ schedulerCluster: SchedulerCluster, with seedPeerCluster: SeedPeerCluster
    ) throws(StoreError) -> (SchedulerCluster, SeedPeerCluster) {
        let (first, second) = (try insert(schedulerCluster), try transaction.seedPeerClusters.insert(seedPeerCluster))
        try transaction.links.add(schedulerCluster: first.id, seedPeerCluster: second.id)
        return (first, second)
    }

    /// Deletes a scheduler cluster with all seed peer clusters that are linked with it.
    /// - Throws: `.notFound`; `.inUse` if it has schedulers or they have seed peers.
    package func deleteCluster(_ id: Int64) throws(StoreError) {
        _ = try find(id)
        let linked = try transaction.links.seedPeerClusters(of: [id])[id] ?? []
        try checkDependents(of: id)
        for cluster in linked {
            let sql: SQL = "SELECT 1 FROM seed_peers WHERE seed_peer_cluster_id = \(cluster.id) LIMIT \(1)"
            if try transaction.row(sql) != nil { throw .inUse("seed peer cluster exists seed peer") }
        }
        try delete(id)
        for cluster in linked { try transaction.seedPeerClusters.delete(cluster.id) }
    }
}

extension Table {
    /// The rows that belong to others, by the numbers of these, in the usual order.
    func grouped(by column: Element.Column, _ ids: [Int64]) throws(StoreError) -> [Int64: [Element]] {
        var result: [Int64: [Element]] = [:]
        for chunk in ids.chunks(of: Self.batch) {
            let found = try elements(
                """
                SELECT \(sql: Element.columns()) FROM \(trusted: Element.table) \
                WHERE \(trusted: column.rawValue) \(among: Array(chunk)) ORDER BY \(sql: Element.order.sql)
                """)
            for element in found {
                guard case .integer(let owner) = element.value(of: column) else { continue }
                result[owner, default: []].append(element)
            }
        }
        return result
    }
}

extension Table<Scheduler> {
    /// By number of their cluster.
    package func of(schedulerClusterIDs ids: [Int64]) throws(StoreError) -> [Int64: [Scheduler]] {
        try grouped(by: .schedulerClusterID, ids)
    }
}

extension Table<SeedPeer> {
    /// By number of their cluster.
    package func of(seedPeerClusterIDs ids: [Int64]) throws(StoreError) -> [Int64: [SeedPeer]] {
        try grouped(by: .seedPeerClusterID, ids)
    }
}

extension Table<Peer> {
    /// Makes `peers` the peers of a cluster: new and changed ones are stored, and those that are not among them deleted.
    /// Of those with the same host name and address, the last one counts.
    /// - Returns: how many there are now, and how many were deleted.
    /// - Throws: `.notFound` if there is no such cluster; `.invalid`.
    package func replace(
        schedulerClusterID cluster: Int64, with peers: [Peer]
    ) throws(StoreError) -> (kept: Int, deleted: Int) {
        _ = try transaction.schedulerClusters.find(cluster)
        var wanted: [[String]: Peer] = [:]
        for var peer in peers {
            (peer.id, peer.schedulerClusterID) = (0, cluster)
            wanted[[peer.hostName, peer.ip]] = peer
        }
        let count = wanted.count
        var gone: [Int64] = []
        for stored in try all(where: [.schedulerClusterID: .integer(cluster)]) {
            guard var peer = wanted[[stored.hostName, stored.ip]] else {
                gone.append(stored.id)
                continue
            }
            (peer.id, peer.createdAt, peer.updatedAt) = (stored.id, stored.createdAt, stored.updatedAt)
            // Most of them are as they were: to write these would be most of the work.
            if peer == stored { wanted[[stored.hostName, stored.ip]] = nil }
        }
        let changed = wanted.values.sorted { ($0.hostName, $0.ip) < ($1.hostName, $1.ip) }
        for chunk in changed.chunks(of: Self.batch) {
            try transaction.execute(upsertion(of: chunk, on: [.hostName, .ip, .schedulerClusterID]))
        }
        for chunk in gone.chunks(of: Self.batch) {
            try transaction.execute("DELETE FROM peers WHERE id \(among: Array(chunk))")
        }
        return (count, gone.count)
    }
}
