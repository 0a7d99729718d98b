extension Table<Job> {
    /// Stores a job with the clusters that it is for.
    /// - Throws: `.notFound` if a cluster or the user does not exist; `.invalid`.
    package func create(
        _ job: Job, schedulerClusters: [Int64] = [], seedPeerClusters: [Int64] = []
    ) throws(StoreError) -> Job {
        let stored = try insert(job)
        let now = transaction.now
        for id in schedulerClusters {
            _ = try transaction.schedulerClusters.find(id)
            try transaction.execute(
                """
                INSERT INTO job_scheduler_clusters (created_at, updated_at, job_id, scheduler_cluster_id) \
                VALUES (\(now), \(now), \(stored.id), \(id))
                """)
        }
        for id in seedPeerClusters {
            _ = try transaction.seedPeerClusters.find(id)
            try transaction.execute(
                """
                INSERT INTO job_seed_peer_clusters (created_at, updated_at, job_id, seed_peer_cluster_id) \
                VALUES (\(now), \(now), \(stored.id), \(id))
                """)
        }
        return stored
    }

    /// By number of the job. A cluster that was given more than once comes as often.
    package func schedulerClusters(of ids: [Int64]) throws(StoreError) -> [Int64: [SchedulerCluster]] {
        try transaction.linked(
            through: "job_scheduler_clusters", "job_id", of: ids, to: SchedulerCluster.self, "scheduler_cluster_id")
    }

    /// By number of the job.
    package func seedPeerClusters(of ids: [Int64]) throws(StoreError) -> [Int64: [SeedPeerCluster]] {
        try transaction.linked(
            through: "job_seed_peer_clusters", "job_id", of: ids, to: SeedPeerCluster.self, "seed_peer_cluster_id")
    }

    /// Takes jobs that are not finished, due, and claimed by nobody who still may be at work, the oldest first.
    /// - Parameters:
    ///   - owner: the name of the manager.
    ///   - duration: how long they are its own; `extend` makes it longer.
    package func claim(
        by owner: String, for duration: Duration, limit: Int, types: [String]
    ) throws(StoreError) -> [Job] {
        let (now, until) = (transaction.now, transaction.now.advanced(by: duration))
        return try elements(
            """
            UPDATE jobs SET claimed_by = \(owner), claimed_until = \(until), attempts = attempts + 1, \
            updated_at = \(now) WHERE id IN (SELECT id FROM jobs WHERE state NOT IN ('SUCCESS', 'FAILURE') \
            AND type \(among: types) AND (due_at IS NULL OR due_at <= \(now)) \
            AND (claimed_until IS NULL OR claimed_until <= \(now)) ORDER BY id LIMIT \(limit)) \
            RETURNING \(sql: Job.columns())
            """
        ).sorted { $0.id < $1.id }
    }

    /// Keeps a claim for longer.
    /// - Returns: false if it was lost: somebody else may be at work on the job.
    package func extend(_ id: Int64, owner: String, for duration: Duration) throws(StoreError) -> Bool {
        try transaction.execute(
            """
            UPDATE jobs SET claimed_until = \(transaction.now.advanced(by: duration)) \
            WHERE id = \(id) AND claimed_by = \(owner)
            """) > 0
    }

    /// Changes a claimed job and gives it back.
    /// - Parameter dueAt: when it is to be looked at again, if it is not finished.
    /// - Returns: nil if the claim was lost; nothing is changed then.
    package func release(
        _ id: Int64, owner: String, dueAt: Timestamp? = nil, set values: Values = [:]
    ) throws(StoreError) -> Job? {
        guard let job = try findIfAny(id), job.claimedBy == owner else { return nil }
        let freed: Values = [.claimedBy: "", .claimedUntil: .null, .dueAt: .of(dueAt)]
        return try update(id, set: values.merging(freed) { _, freed in freed })
    }

    /// Deletes the oldest jobs that were made before, at most `limit`.
    /// - Returns: how many there were.
    package func purge(before time: Timestamp, limit: Int) throws(StoreError) -> Int {
        try deleteOldest(before: time, limit: limit)
    }
}

extension Table<Audit> {
    /// Stores many at once. Names and paths are cut off where they are too long.
    package func append(_ audits: [Audit]) throws(StoreError) {
        let cut = audits.map { audit in
            var audit = audit
            audit.actorName = audit.actorName.limited(to: 256)
            audit.operation = audit.operation.limited(to: 256)
            audit.path = audit.path.limited(to: 1024)
            return audit
        }
        for chunk in cut.chunks(of: Self.batch) { try transaction.execute(insertion(of: chunk)) }
    }

    /// Deletes the oldest that were made before, at most `limit`.
    /// - Returns: how many there were.
    package func purge(before time: Timestamp, limit: Int) throws(StoreError) -> Int {
        try deleteOldest(before: time, limit: limit)
    }
}

extension String {
    /// The first characters, as databases count them, without zero bytes, which they do not take.
    func limited(to most: Int) -> String {
        guard utf8.count > most || utf8.contains(0) else { return self }
        return String(UnicodeScalarView(unicodeScalars.lazy.filter { $0.value != 0 }.prefix(most)))
    }
}
