/// Which node a client works with, and what a node of its own may do.
public struct ClientConfiguration: Hashable, Sendable {
    /// Whose node downloads and serves.
    public enum NodeChoice: Hashable, Sendable {
        /// The host's node if one answers, else a node inside this process.
        case hostOrOwn
        /// The host's node, `minion peer`; without it, opening the client fails.
        case host
        /// A node inside this process. It serves others as long as the client is open.
        case own
    }

    public var node = NodeChoice.hostOrOwn
    /// The socket of the host's node; nil: `MINION_SOCKET`, else the usual places.
    public var socket: String?
    /// Trackers in order of preference, as `host`, `host:port` or URL. Downloads and shares may name others. The host's
    /// node has trackers of its own, which it uses if none are named here.
    public var trackers: [String] = []

    // What follows is for a node of the client's own; the host's has its own settings.

    /// Where it serves others, `host:port`; port 0 picks a free one.
    public var listen = ":0"
    /// The address at which others reach it, if it is not the one that the tracker sees.
    public var advertise: String?
    /// The place that it is at. Machines of one site prefer each other.
    public var site = ""
    /// Bytes per second of all downloads together; nil: unlimited.
    public var downloadRate: Double?
    /// Bytes per second of all that others get; nil: unlimited.
    public var uploadRate: Double?
    /// A folder for a cache, in which content survives the client; nil: none.
    public var cacheFolder: String?
    /// How many bytes the cache may take; nil: no limit.
    public var cacheSize: Int64?

    public init(node: NodeChoice = .hostOrOwn, trackers: [String] = []) {
        self.node = node
        self.trackers = trackers
    }
}
