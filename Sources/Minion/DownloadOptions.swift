import MinionCore
import Node

/// What a download is to be like, beyond its URL and its destination.
public struct DownloadOptions: Hashable, Sendable {
    /// A header field for the source.
    public struct Header: Hashable, Sendable {
        public var name: String
        public var value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Extra header fields for the source, in order. Credentials among them make it a task of its own: nobody gets from
    /// peers what the source would refuse.
    public var headers: [Header] = []
    /// Downloads with different tags share nothing.
    public var tag = ""
    /// Downloads for different applications share nothing.
    public var application = ""
    /// Query parameters that do not make it another file, in addition to those of signed URLs.
    public var ignoredQueryParameters: Set<String> = []
    /// Trackers in order of preference; empty: those of the client.
    public var trackers: [String] = []
    /// What the whole file must hash to, such as `sha256:9f86d0…`; nil: it is not checked as a whole. Its pieces always are.
    public var digest: String?
    /// Bytes per second; nil: unlimited.
    public var downloadRate: Double?
    /// Bytes per second to others; nil: unlimited.
    public var uploadRate: Double?
    /// Whether the source may be read; if not, every byte comes from other machines.
    public var usesSource = true
    /// Whether others get what has arrived.
    public var serves = true
    /// How long nothing may arrive before the download fails; nil: for ever.
    public var timeout: Duration?
    /// Puts the file in place as a second name of the cached one, where that is possible. Such a file is read-only, and
    /// must not be changed.
    public var hardLink = false

    public init() {}
}

extension DownloadOptions {
    /// The order for a node. Throws `MinionError` with the code `badArguments`.
    func request(_ url: String, destination: String, defaults: [String]) throws(MinionError) -> DownloadRequest {
        var request = DownloadRequest(url: url, destination: destination)
        request.headers = headers.map { DownloadRequest.Header(name: $0.name, value: $0.value) }
        request.tag = tag
        request.application = application
        request.ignoredParameters = TaskIdentity.signatureParameters.union(ignoredQueryParameters).sorted()
        request.trackers = try Self.baseURLs(trackers.isEmpty ? defaults : trackers)
        request.digest = digest
        request.downloadRate = downloadRate
        request.uploadRate = uploadRate
        request.mayUseSource = usesSource
        request.mayUpload = serves
        request.timeoutSeconds = timeout?.inSeconds
        return request
    }

    /// Trackers as people write them, as nodes want them.
    static func baseURLs(_ trackers: [String]) throws(MinionError) -> [String] {
        do {
            return try trackers.map(TrackerAddress.baseURL)
        } catch {
            throw MinionError(.badArguments, "\(error)")
        }
    }
}
