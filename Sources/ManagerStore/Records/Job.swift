package enum JobState: String, SQLConvertible, CaseIterable, Sendable {
    case pending = "PENDING"
    case received = "RECEIVED"
    case started = "STARTED"
    case retry = "RETRY"
    case success = "SUCCESS"
    case failure = "FAILURE"
}

/// Work that somebody asked for.
package struct Job: Record {
    package var id: Int64
    package var createdAt: Timestamp
    package var updatedAt: Timestamp
    /// The number of the group of tasks that it became.
    package var taskID: String
    package var bio: String
    package var type: String
    package var state: JobState
    /// JSON text.
    package var args: String
    /// JSON text.
    package var result: String
    /// 0: nobody.
    package var userID: Int64
    /// The manager that works on it; empty: none.
    package var claimedBy: String
    /// When that one has lost it.
    package var claimedUntil: Timestamp?
    /// How often it was claimed.
    package var attempts: Int
    /// When to look at it again; nil: at once.
    package var dueAt: Timestamp?

    package enum Column: String, CaseIterable, Sendable {
        case taskID = "task_id"
        case bio
        case type
        case state
        case args
        case result
        case userID = "user_id"
        case claimedBy = "claimed_by"
        case claimedUntil = "claimed_until"
        case attempts
        case dueAt = "due_at"
    }

    package static let table = "jobs"
    package static let kind = "job"
    package static let order = Order.newestFirst
    package static let references: [Column: Reference] = [.userID: .userIfAny]

    package init(
        taskID: String = "", bio: String = "", type: String, state: JobState = .pending, args: String = "{}",
        result: String = "{}", userID: Int64 = 0, claimedBy: String = "", claimedUntil: Timestamp? = nil,
        attempts: Int = 0, dueAt: Timestamp? = nil, id: Int64 = 0, createdAt: Timestamp = .unset,
        updatedAt: Timestamp = .unset
    ) {
        self.id = id
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.taskID = taskID
        self.bio = bio
        self.type = type
        self.state = state
        self.args = args
        self.result = result
        self.userID = userID
        self.claimedBy = claimedBy
        self.claimedUntil = claimedUntil
        self.attempts = attempts
        self.dueAt = dueAt
    }

    package init(from row: inout RowReader) throws(StoreError) {
        id = try row.integer()
        createdAt = try row.time()
        updatedAt = try row.time()
        taskID = try row.text()
        bio = try row.text()
        type = try row.text()
        state = try row.name()
        args = try row.text()
        result = try row.text()
        userID = try row.reference()
        claimedBy = try row.text()
        claimedUntil = try row.timeIfAny()
        attempts = try row.number()
        dueAt = try row.timeIfAny()
    }

    package func value(of column: Column) -> SQLValue {
        switch column {
        case .taskID: taskID.sqlValue
        case .bio: bio.sqlValue
        case .type: type.sqlValue
        case .state: state.sqlValue
        case .args: args.sqlValue
        case .result: result.sqlValue
        case .userID: .reference(userID)
        case .claimedBy: claimedBy.sqlValue
        case .claimedUntil: claimedUntil.sqlValue
        case .attempts: attempts.sqlValue
        case .dueAt: dueAt.sqlValue
        }
    }
}
