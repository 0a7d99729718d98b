import MinionCore

/// One order to a node: what to download, to where, and within which limits. It crosses a process boundary as JSON, in
/// which every field but the URL may be left out.
package struct DownloadRequest: Codable, Sendable {
    /// The source's URL, `http` or `https`; or `minion:NAME` for what somebody shares under that name.
    package var url: String
    /// Absolute path of the file to make. Empty: it stays in the node's cache, and `finished` tells where.
    package var destination: String
    /// Extra header fields for the source, in order.
    package var headers: [Header] = []
    package var tag: String = ""
    package var application: String = ""
    /// Query parameters that do not belong to the task's identity.
    package var ignoredParameters: [String] = []
    /// Base URLs of trackers in order of preference, `http://host:port`; empty: the node's, if it has any; else it is a
    /// plain download.
    package var trackers: [String] = []
    /// Bytes of each piece, if this node is the first to say how the content is cut; nil: as its size suggests.
    package var pieceLength: Int64?
    /// Base URLs of managers that are asked for trackers if none are named, and the join token that they are shown.
    package var managers: [String] = []
    package var joinToken: String = ""
    /// Bytes per second of this task; nil: as much as the node lets it have.
    package var downloadRate: Double?
    package var uploadRate: Double?
    /// Whether the source may be read by this node.
    package var mayUseSource: Bool = true
    /// Whether others may get pieces of it from this node.
    package var mayUpload: Bool = true
    /// Whether pieces are wanted from front to back, for a reader that follows.
    package var inOrder: Bool = false
    /// `sha256:<hex>` and the like: what the whole file must hash to.
    package var digest: String?
    /// Where the piece server listens, `host:port`; port 0 picks a free one. Empty host: all addresses, IPv6 and IPv4.
    package var listen: String = ":0"
    /// Address that others reach this node at, if it is not the one the tracker sees.
    package var advertise: String?
    package var site: String = ""
    /// Seconds without any progress after which the download fails; nil: never.
    package var timeoutSeconds: Double?
    /// Seconds between two tellings of how far the download is.
    package var progressSeconds: Double = 0.2
    /// Where a trace of the download is written, as JSON lines; nil: none.
    package var tracePath: String?

    package struct Header: Codable, Hashable, Sendable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(url: String, destination: String) {
        self.url = url
        self.destination = destination
    }
}

extension DownloadRequest {
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.init(url: try fields.decode(String.self, forKey: .url), destination: "")
        func read<Value: Decodable>(_ value: inout Value, _ key: CodingKeys) throws {
            if let found = try fields.decodeIfPresent(Value.self, forKey: key) { value = found }
        }
        try read(&destination, .destination)
        try read(&headers, .headers)
        try read(&tag, .tag)
        try read(&application, .application)
        try read(&ignoredParameters, .ignoredParameters)
        try read(&trackers, .trackers)
        try read(&pieceLength, .pieceLength)
        try read(&managers, .managers)
        try read(&joinToken, .joinToken)
        try read(&downloadRate, .downloadRate)
        try read(&uploadRate, .uploadRate)
        try read(&mayUseSource, .mayUseSource)
        try read(&mayUpload, .mayUpload)
        try read(&inOrder, .inOrder)
        try read(&digest, .digest)
        try read(&listen, .listen)
        try read(&advertise, .advertise)
        try read(&site, .site)
        try read(&timeoutSeconds, .timeoutSeconds)
        try read(&progressSeconds, .progressSeconds)
        try read(&tracePath, .tracePath)
    }
}

extension DownloadRequest {
    /// What it asks for.
    var identity: TaskIdentity {
        TaskIdentity(
            url: url, ignoring: Set(ignoredParameters), tag: tag, application: application,
            headers: headers.map { ($0.name, $0.value) })
    }
}

/// What a running download tells, several times a second at most; also as JSON lines between processes.
package enum DownloadUpdate: Codable, Sendable {
    case progress(DownloadProgress)
    /// The first `bytes` bytes of the file under `path` (its temporary name) are verified and may be read.
    case prefix(path: String, bytes: Int64)
    /// Something the user should know though the download goes on; one line.
    case warning(String)
    /// The file is complete, verified and under its name.
    case finished(DownloadProgress)
    case failed(DownloadError)
}

package struct DownloadProgress: Codable, Hashable, Sendable {
    /// Nil until known.
    package var size: Int64?
    package var bytesFromSource: Int64 = 0
    package var bytesFromPeers: Int64 = 0
    /// Bytes that were here already: left by an earlier download that was interrupted, or all, out of the cache.
    package var bytesAlreadyHere: Int64 = 0
    /// Bytes per second over the last seconds (in `finished`: over the whole download).
    package var bytesPerSecond: Double = 0
    /// Neighbours connected now (in `finished`: neighbours that sent something).
    package var neighbours: Int = 0
    package var seconds: Double = 0
    /// Where the content lies, in `finished` of a task that a cache has; it stays there until the download is cancelled.
    package var path: String?
    /// Why bytes came from the source, one sentence each, most important first.
    package var sourceReasons: [String] = []
    /// In `finished`: how often the source was asked which version it has; nil from a node that does not count.
    package var sourceQuestions: Int?

    package init() {}

    package var bytesDone: Int64 { bytesFromSource + bytesFromPeers + bytesAlreadyHere }
}

/// Why a download failed, in terms that have an exit code.
package struct DownloadError: Error, Codable, Hashable, Sendable {
    package enum Kind: String, Codable, Sendable {
        /// Anything without a kind of its own: no peers, 4xx or 5xx of the source, local files.
        case other
        case badArguments
        case checksumMismatch
        case trackerUnreachable
        case nameResolution
        case sourceUnreachable
    }

    package var kind: Kind
    /// One line: what happened, to what, and what to do.
    package var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }
}
