package import MinionCore
package import Swarm

/// What a piece server allows. Every figure bounds something that strangers could otherwise make grow.
package struct ServingLimits: Hashable, Sendable {
    /// Bodies sent at a time, and requests that wait for their turn.
    package var uploads = UploadQueue.Limits()
    /// Bytes per second of all bodies together; nil: unlimited.
    package var uploadRate: ByteRate?
    /// Open connections; the next is told 503 and closed.
    package var connections = 1024
    /// News streams of one task.
    package var newsSubscribers = 96
    /// A request must have arrived this long after its first byte (or after the connection was made).
    package var requestTimeout = Duration.seconds(10)
    /// How long a connection may lie idle between requests.
    package var idleTimeout = Duration.seconds(120)
    /// A client that takes next to nothing of what lies ready for it during this time is cut off.
    package var stallTimeout = Duration.seconds(30)
    /// What a client must take in `stallTimeout`, in bytes, to keep its place.
    package var stallBytes: Int64 = 16 << 10
    /// News are gathered for this long between two lines to one subscriber; nil: as `NewsPace` says.
    package var newsInterval: Duration?
    /// A news stream is never silent for longer.
    package var newsKeepAlive = Duration.seconds(10)
    /// How long a task's file is trusted to be what it was after it was looked at.
    package var checkInterval = Duration.milliseconds(100)

    package init() {}

    /// Bytes of a request's line and header fields, and the number of these.
    static let headerBytes = 16 << 10
    static let headerFields = 64
    /// Bytes of a request's body, which is thrown away.
    static let requestBodyBytes = 64 << 10
    /// Ranges of one request.
    static let ranges = 256
    /// The largest part of a file that is handed to the kernel at once. Other connections of the same event loop have
    /// their turn between two of them.
    static let window: Int64 = 128 << 10
    /// Bytes that the kernel takes ahead of those that it has sent, for each connection.
    static let unsentBytes = 64 << 10
}
