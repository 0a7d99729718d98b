/// The parts that jobs are done in.
package struct JobParts {
    let transaction: Transaction

    /// Gives work to a job.
    package func add(_ parts: [StoredPart], to job: Int64) throws(StoreError) {
        let now = transaction.now
        for part in parts {
            try transaction.execute(
                """
                INSERT INTO job_parts (id, created_at, updated_at, job_id, kind, scheduler_cluster_id, scheduler_id, \
                holder_id, lease_until, due_at, state, attempts, error, work, report) VALUES (\(part.id), \(now), \
                \(now), \(job), \(part.kind), \(part.schedulerClusterID), \(part.schedulerID), \(part.holderID), \
                \(part.leaseUntil), \(part.dueAt), \(part.state), \(part.attempts), \(part.error), \(part.work), \
                \(part.report))
                """)
        }
    }

    /// The parts of a job, in the order of their numbers; without their work.
    package func of(job: Int64) throws(StoreError) -> [StoredPart] { try parts(where: "job_id = \(job)") }

    /// Those parts that exist; without their work.
    package func find(_ ids: [String]) throws(StoreError) -> [StoredPart] {
        var found: [StoredPart] = []
        for chunk in ids.chunks(of: Table<Job>.batch) { found += try parts(where: "id \(among: Array(chunk))") }
        return found
    }

    /// What is not done in a cluster yet; without its work.
    package func unfinished(inCluster cluster: Int64) throws(StoreError) -> [StoredPart] {
        try parts(where: "state IN ('PENDING', 'STARTED') AND scheduler_cluster_id = \(cluster)")
    }

    /// What is not done yet, anywhere; without its work.
    package func unfinished() throws(StoreError) -> [StoredPart] {
        try parts(where: "state IN ('PENDING', 'STARTED')")
    }

    private func parts(where condition: SQL) throws(StoreError) -> [StoredPart] {
        try elements("SELECT \(sql: StoredPart.columns) FROM job_parts WHERE \(sql: condition) ORDER BY job_id, id")
    }

    private func elements(_ sql: SQL) throws(StoreError) -> [StoredPart] {
        var parts: [StoredPart] = []
        for row in try transaction.rows(sql) {
            var reader = row.reader
            parts.append(try StoredPart(from: &reader))
        }
        return parts
    }

    /// The work of a part; nil if it is gone.
    package func work(of id: String) throws(StoreError) -> [UInt8]? {
        guard var reader = try transaction.row("SELECT work FROM job_parts WHERE id = \(id)")?.reader else {
            return nil
        }
        return try reader.bytes()
    }

    /// Gives a scheduler work of its cluster that nobody has, or whose holder has not been heard of in time: the oldest
    /// first, and nothing that was given away too often or is for another scheduler.
    /// - Parameters:
    ///   - kinds: what it can do.
    ///   - now: by the clock that all managers share, here and below.
    ///   - until: when it has lost it; `keep` makes that later.
    package func claim(
        by scheduler: Int64, inCluster cluster: Int64, kinds: [String], limit: Int, now: Timestamp, until: Timestamp,
        attempts: Int
    ) throws(StoreError) -> [StoredPart] {
        // Managers that claim at the same time are kept apart by the database: one of them does it again.
        let parts = try elements(
            """
            UPDATE job_parts SET state = 'STARTED', holder_id = \(scheduler), lease_until = \(until), \
            attempts = attempts + 1, updated_at = \(transaction.now) WHERE id IN (SELECT id FROM job_parts \
            WHERE state IN ('PENDING', 'STARTED') AND scheduler_cluster_id = \(cluster) AND kind \(among: kinds) \
            AND scheduler_id IN (0, \(scheduler)) AND (lease_until IS NULL OR lease_until <= \(now)) \
            AND attempts < \(attempts) AND due_at > \(now) ORDER BY created_at, id LIMIT \(limit)) \
            RETURNING \(sql: StoredPart.columns)
            """)
        return parts.sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
    }

    /// Leaves a part to its holder for longer.
    package func keep(_ id: String, until: Timestamp) throws(StoreError) {
        try transaction.execute("UPDATE job_parts SET lease_until = \(until) WHERE id = \(id)")
    }

    /// Notes how far a part is. A state that is final ends the lease.
    package func note(
        _ id: String, _ state: JobPartState, error: String = "", report: String? = nil
    ) throws(StoreError) {
        var sql: SQL = """
            UPDATE job_parts SET updated_at = \(transaction.now), state = \(state), error = \(error.limited(to: 16_384))
            """
        if let report { sql += ", report = \(report)" }
        if state.isFinal { sql += ", lease_until = NULL" }
        sql += " WHERE id = \(id)"
        try transaction.execute(sql)
    }

    /// Takes a part from its holder, for anybody who wants it.
    package func release(_ id: String) throws(StoreError) {
        try transaction.execute(
            """
            UPDATE job_parts SET state = 'PENDING', holder_id = 0, lease_until = NULL, updated_at = \(transaction.now) \
            WHERE id = \(id) AND state = 'STARTED'
            """)
    }
}

/// How many jobs may still name a cluster, for all managers.
package struct JobLevels {
    let transaction: Transaction

    /// What is left of a cluster's jobs, in millionths, and since when.
    package struct Level: Hashable, Sendable {
        package var millionths: Int64
        package var filledAt: Timestamp

        package init(millionths: Int64, filledAt: Timestamp) {
            self.millionths = millionths
            self.filledAt = filledAt
        }
    }

    package func of(_ clusters: [Int64]) throws(StoreError) -> [Int64: Level] {
        var levels: [Int64: Level] = [:]
        for chunk in clusters.chunks(of: Table<Job>.batch) {
            let sql: SQL = """
                SELECT scheduler_cluster_id, level, filled_at FROM job_rates \
                WHERE scheduler_cluster_id \(among: Array(chunk))
                """
            for row in try transaction.rows(sql) {
                var reader = row.reader
                levels[try reader.integer()] = Level(
                    millionths: try reader.integer(), filledAt: try reader.time())
            }
        }
        return levels
    }

    package func set(_ level: Level, of cluster: Int64) throws(StoreError) {
        try transaction.execute(
            """
            INSERT INTO job_rates (scheduler_cluster_id, level, filled_at) \
            VALUES (\(cluster), \(max(0, level.millionths)), \(level.filledAt)) ON CONFLICT (scheduler_cluster_id) \
            DO UPDATE SET level = excluded.level, filled_at = excluded.filled_at
            """)
    }
}

extension Transaction {
    package var jobParts: JobParts { JobParts(transaction: self) }
    package var jobLevels: JobLevels { JobLevels(transaction: self) }
}
