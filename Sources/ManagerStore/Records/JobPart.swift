package enum JobPartState: String, SQLConvertible, CaseIterable, Sendable {
    case pending = "PENDING"
    case started = "STARTED"
    case success = "SUCCESS"
    case failure = "FAILURE"

    /// Whether nothing comes after it.
    package var isFinal: Bool { self == .success || self == .failure }
}

/// What a scheduler has to do for a job.
package struct StoredPart: Hashable, Sendable {
    /// `task_<uuid>`
    package var id: String
    package var createdAt: Timestamp
    package var updatedAt: Timestamp
    package var jobID: Int64
    /// What kind of work it is, in a word.
    package var kind: String
    package var schedulerClusterID: Int64
    /// The only scheduler that can do it; 0: any of the cluster.
    package var schedulerID: Int64
    /// The scheduler that has it; 0: none.
    package var holderID: Int64
    /// When the holder has lost it if it does not report.
    package var leaseUntil: Timestamp?
    /// When it has failed if it is not done.
    package var dueAt: Timestamp
    package var state: JobPartState
    /// How often it was given to a scheduler.
    package var attempts: Int
    /// Why it failed; empty if it did not.
    package var error: String
    /// The work; sealed, for it may hold secrets.
    package var work: [UInt8]
    /// What the holder told last, JSON text.
    package var report: String

    package init(
        id: String, kind: String, schedulerClusterID: Int64, schedulerID: Int64 = 0, holderID: Int64 = 0,
        leaseUntil: Timestamp? = nil, dueAt: Timestamp, state: JobPartState = .pending, attempts: Int = 0,
        error: String = "", work: [UInt8], report: String = "{}", jobID: Int64 = 0, createdAt: Timestamp = .unset,
        updatedAt: Timestamp = .unset
    ) {
        self.id = id
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.jobID = jobID
        self.kind = kind
        self.schedulerClusterID = schedulerClusterID
        self.schedulerID = schedulerID
        self.holderID = holderID
        self.leaseUntil = leaseUntil
        self.dueAt = dueAt
        self.state = state
        self.attempts = attempts
        self.error = error
        self.work = work
        self.report = report
    }

    init(from row: inout RowReader) throws(StoreError) {
        id = try row.text()
        createdAt = try row.time()
        updatedAt = try row.time()
        jobID = try row.integer()
        kind = try row.text()
        schedulerClusterID = try row.integer()
        schedulerID = try row.integer()
        holderID = try row.integer()
        leaseUntil = try row.timeIfAny()
        dueAt = try row.time()
        state = try row.name()
        attempts = try row.number()
        error = try row.text()
        report = try row.text()
        work = []
    }

    /// All but the work, which is only read by who does it.
    static let columns: SQL = """
        id, created_at, updated_at, job_id, kind, scheduler_cluster_id, scheduler_id, holder_id, lease_until, due_at, \
        state, attempts, error, report
        """
}
