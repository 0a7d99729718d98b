/// Which kind of process an operator removed.
package enum InstanceKind: String, SQLConvertible, CaseIterable, Sendable {
    case scheduler
    case seedPeer = "seed_peer"
    case peer
}

/// Runs of processes that an operator has removed, and that may not come back.
package struct RemovedInstances {
    let transaction: Transaction

    package func add(
        _ kind: InstanceKind, run: String, hostName: String, ip: String, cluster: Int64
    ) throws(StoreError) {
        guard !run.isEmpty else { return }
        let now = transaction.now
        try transaction.execute(
            """
            INSERT INTO removed_instances (created_at, updated_at, kind, host_name, ip, scheduler_cluster_id, run) \
            VALUES (\(now), \(now), \(kind), \(hostName), \(ip), \(cluster), \(run)) ON CONFLICT DO NOTHING
            """)
    }

    /// Whether a run was removed. Noted again, so that it is remembered for as long as it asks.
    package func has(_ kind: InstanceKind, run: String) throws(StoreError) -> Bool {
        let sql: SQL = "SELECT updated_at FROM removed_instances WHERE kind = \(kind) AND run = \(run)"
        guard var reader = try transaction.row(sql)?.reader else { return false }
        if try reader.time() < transaction.now.advanced(by: .seconds(-3600)) {
            try transaction.execute(
                "UPDATE removed_instances SET updated_at = \(transaction.now) WHERE kind = \(kind) AND run = \(run)")
        }
        return true
    }

    /// Runs of nodes that were removed from a cluster, the latest first, at most 1,000.
    package func hosts(ofCluster cluster: Int64) throws(StoreError) -> [String] {
        let sql: SQL = """
            SELECT run FROM removed_instances WHERE scheduler_cluster_id = \(cluster) \
            AND kind IN ('seed_peer', 'peer') ORDER BY id DESC LIMIT 1000
            """
        var runs: [String] = []
        for row in try transaction.rows(sql) {
            var reader = row.reader
            runs.append(try reader.text())
        }
        return runs
    }

    /// Forgets those that nobody has asked for since.
    package func purge(before time: Timestamp) throws(StoreError) -> Int {
        try transaction.execute("DELETE FROM removed_instances WHERE updated_at < \(time)")
    }
}

extension Table<Scheduler> {
    /// The row of a run, wherever it is now.
    package func with(run: String) throws(StoreError) -> Scheduler? {
        guard !run.isEmpty else { return nil }
        return try first(where: [.run: .text(run)])
    }

    /// Notes that a scheduler reports.
    /// - Parameter now: by the clock that all managers share, here and below.
    package func markAlive(_ id: Int64, now: Timestamp) throws(StoreError) {
        try transaction.execute("UPDATE schedulers SET last_keep_alive_at = \(now) WHERE id = \(id)")
    }

    /// Those of some clusters that run.
    package func active(inClusters clusters: [Int64]) throws(StoreError) -> [Scheduler] {
        try of(schedulerClusterIDs: clusters).values.joined().filter { $0.state == .active }.sorted { $0.id < $1.id }
    }

    /// Those that count as running, and have not been heard of for three times as long as they promised.
    package func silent(now: Timestamp) throws(StoreError) -> [Scheduler] {
        try elements(
            """
            SELECT \(sql: Scheduler.columns()) FROM schedulers WHERE state = 'active' \
            AND (last_keep_alive_at IS NULL OR last_keep_alive_at + keep_alive * 3000 < \(now)) ORDER BY id
            """)
    }

    /// Notes that a scheduler runs no more, nor do its hosts as far as anybody knows.
    package func deactivate(_ id: Int64) throws(StoreError) {
        let now = transaction.now
        try transaction.execute("UPDATE schedulers SET state = 'inactive', updated_at = \(now) WHERE id = \(id)")
        try transaction.forgetHosts(of: id)
    }

    /// Deletes those that have not run since a time, at most `limit`.
    package func purgeInactive(before time: Timestamp, limit: Int) throws(StoreError) -> Int {
        try transaction.purgeInactive(Scheduler.table, before: time, limit: limit)
    }
}

extension Table<SeedPeer> {
    package func purgeInactive(before time: Timestamp, limit: Int) throws(StoreError) -> Int {
        try transaction.purgeInactive(SeedPeer.table, before: time, limit: limit)
    }

    /// Stores new and changed ones; of those with the same key, the last one counts.
    package func store(_ seedPeers: [SeedPeer]) throws(StoreError) {
        for chunk in seedPeers.chunks(of: Self.batch) {
            try transaction.execute(upsertion(of: chunk, on: [.hostName, .ip, .seedPeerClusterID]))
        }
    }

    /// All of a cluster that have one of these names.
    package func named(_ names: [String], inCluster cluster: Int64) throws(StoreError) -> [SeedPeer] {
        var found: [SeedPeer] = []
        for chunk in names.chunks(of: Self.batch) {
            found += try elements(
                """
                SELECT \(sql: SeedPeer.columns()) FROM seed_peers \
                WHERE seed_peer_cluster_id = \(cluster) AND host_name \(among: Array(chunk))
                """)
        }
        return found
    }
}

extension Table<Peer> {
    package func purgeInactive(before time: Timestamp, limit: Int) throws(StoreError) -> Int {
        try transaction.purgeInactive(Peer.table, before: time, limit: limit)
    }

    /// Stores new and changed ones; of those with the same key, the last one counts.
    package func store(_ peers: [Peer]) throws(StoreError) {
        for chunk in peers.chunks(of: Self.batch) {
            try transaction.execute(upsertion(of: chunk, on: [.hostName, .ip, .schedulerClusterID]))
        }
    }

    /// All of a cluster that have one of these names.
    package func named(_ names: [String], inCluster cluster: Int64) throws(StoreError) -> [Peer] {
        var found: [Peer] = []
        for chunk in names.chunks(of: Self.batch) {
            found += try elements(
                """
                SELECT \(sql: Peer.columns()) FROM peers \
                WHERE scheduler_cluster_id = \(cluster) AND host_name \(among: Array(chunk))
                """)
        }
        return found
    }
}

extension Transaction {
    package var removedInstances: RemovedInstances { RemovedInstances(transaction: self) }

    /// The time by the clock that all managers on the database share: the server's, if there is one. What one of them
    /// writes and another compares is told by this one.
    package func commonTime() throws(StoreError) -> Timestamp {
        guard engine == .postgres else { return now }
        let sql: SQL = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
        guard var reader = try row(sql)?.reader else { throw .surprise("no time") }
        return try reader.time()
    }

    /// Notes that hosts of a scheduler are gone: all, or those of some runs.
    package func forgetHosts(of scheduler: Int64, runs: [String]? = nil) throws(StoreError) {
        for table in [SeedPeer.table, Peer.table] {
            let sql: SQL = """
                UPDATE \(trusted: table) SET state = 'inactive', downloads = 0, uploads = 0, updated_at = \(now) \
                WHERE scheduler_id = \(scheduler) AND state = 'active'
                """
            guard let runs else {
                try execute(sql)
                continue
            }
            for chunk in runs.chunks(of: Table<Peer>.batch) {
                try execute("\(sql: sql) AND run \(among: Array(chunk))")
            }
        }
    }

    /// The runs of all hosts that a scheduler tells of and that are there.
    package func activeRuns(of scheduler: Int64) throws(StoreError) -> [String] {
        var runs: [String] = []
        for table in [SeedPeer.table, Peer.table] {
            let sql: SQL = """
                SELECT run FROM \(trusted: table) WHERE scheduler_id = \(scheduler) AND state = 'active'
                """
            for row in try rows(sql) {
                var reader = row.reader
                runs.append(try reader.text())
            }
        }
        return runs
    }

    /// Writes what a host has done, where the run is still the one that is known and nothing later was written by
    /// another manager.
    package func setTraffic(_ sighting: Sighting) throws(StoreError) {
        for table in [SeedPeer.table, Peer.table] {
            try execute(
                """
                UPDATE \(trusted: table) SET bytes_from_source = \(sighting.bytesFromSource), \
                bytes_from_peers = \(sighting.bytesFromPeers), bytes_sent = \(sighting.bytesSent), \
                downloads = \(sighting.downloads), uploads = \(sighting.uploads), updated_at = \(now) \
                WHERE scheduler_id = \(sighting.schedulerID) AND run = \(sighting.run) AND state = 'active' \
                AND bytes_from_source <= \(sighting.bytesFromSource) \
                AND bytes_from_peers <= \(sighting.bytesFromPeers) AND bytes_sent <= \(sighting.bytesSent)
                """)
        }
    }

    fileprivate func purgeInactive(_ table: String, before time: Timestamp, limit: Int) throws(StoreError) -> Int {
        try execute(
            """
            DELETE FROM \(trusted: table) WHERE id IN (SELECT id FROM \(trusted: table) \
            WHERE state = 'inactive' AND updated_at < \(time) ORDER BY id LIMIT \(limit))
            """)
    }
}
