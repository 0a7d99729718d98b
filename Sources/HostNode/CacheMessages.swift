package import MinionCore

/// A cache as a whole.
package struct CacheReport: Codable, Hashable, Sendable {
    /// Absolute path.
    package var folder: String
    /// How many bytes it may grow to; nil: no limit.
    package var limit: Int64?

    package init(folder: String, limit: Int64?) {
        self.folder = folder
        self.limit = limit
    }
}

/// What came of removing a task's content.
package struct CacheRemoval: Codable, Hashable, Sendable {
    package var task: TaskID
    package var bytes: Int64
    /// Why it is still there; nil: it is not.
    package var failure: String?

    package init(task: TaskID, bytes: Int64, failure: String? = nil) {
        self.task = task
        self.bytes = bytes
        self.failure = failure
    }
}

/// What came of checking a task's content.
package struct CacheCheck: Codable, Hashable, Sendable {
    package var task: TaskID
    package var pieces: Int
    package var badPieces: Int
    /// Why it could not be checked; nil: it was.
    package var failure: String?

    package init(task: TaskID, pieces: Int, badPieces: Int, failure: String? = nil) {
        self.task = task
        self.pieces = pieces
        self.badPieces = badPieces
        self.failure = failure
    }
}
