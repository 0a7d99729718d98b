package import MinionCore

/// What a node does at this moment, for people.
package struct NodeStatus: Codable, Sendable {
    package var version: String
    /// Where its piece server listens; the host is empty if it is what trackers see.
    package var endpoint: Endpoint
    /// Since the start.
    package var seconds: Double
    package var limits: NodeLimits
    /// Bytes per second at this moment.
    package var downloadRate: Double
    package var uploadRate: Double
    /// Bytes since the start.
    package var bytesFromSource: Int64
    package var bytesFromPeers: Int64
    package var bytesSent: Int64
    /// Connections to the piece server, bodies on their way over them, and requests that wait for their turn.
    package var connections: Int
    package var uploads: Int
    package var waiting: Int
    /// What the cache holds on the disk; nil without one.
    package var cacheBytes: Int64?
    package var cacheEntries: Int?
    /// In the order of their ids.
    package var tasks: [TaskStatus]
}

/// What a node does for one task.
package struct TaskStatus: Codable, Sendable {
    package enum State: String, Codable, Sendable {
        case downloading
        /// Complete, and served to others.
        case serving
        /// A file of somebody's own, served to others.
        case sharing
    }

    package var task: TaskID
    /// Empty if it is not for everybody.
    package var resource: String
    package var state: State
    /// How many wait for it.
    package var listeners: Int
    package var progress: DownloadProgress
    /// Bytes sent to others.
    package var bytesSent: Int64
}
