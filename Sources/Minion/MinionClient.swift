import Glibc
import HostNode
public import Logging
import MinionCore
import Node
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Downloads and shares files together with other machines.
///
/// ```swift
/// try await MinionClient.withClient(ClientConfiguration(trackers: ["box:8080"])) { client in
///     let result = try await client.download("https://host/disk.img", to: "/srv/disk.img").result()
///     print(result.bytesFromPeers)
/// }
/// ```
///
/// A client works with the host's node if one runs (`minion peer`), else with a node inside this process, which serves
/// what was downloaded as long as the client is open.
public final class MinionClient: Sendable {
    private let configuration: ClientConfiguration
    private let backend: any Backend
    private let logger: Logger
    /// The node that offers files of this process, made when the first is shared, unless there is one already.
    private let sharing = SharingNode()

    private init(_ configuration: ClientConfiguration, _ backend: any Backend, _ logger: Logger) {
        self.configuration = configuration
        self.backend = backend
        self.logger = logger
    }

    /// Opens a client; `close()` has to be called in the end. Throws `MinionError`.
    ///
    /// - Parameter logger: What a node inside this process logs to; nothing, if it is left out.
    public static func open(
        _ configuration: ClientConfiguration = ClientConfiguration(),
        logger: Logger = Logger(label: "minion", factory: { _ in SwiftLogNoOpLogHandler() })
    ) async throws(MinionError) -> MinionClient {
        let backend: any Backend
        switch configuration.node {
        case .own: backend = try await OwnNode.start(configuration, logger: logger)
        case .host: backend = try await HostsNode.find(at: places(configuration))
        case .hostOrOwn:
            if let host = try? await HostsNode.find(at: places(configuration)) {
                backend = host
            } else {
                backend = try await OwnNode.start(configuration, logger: logger)
            }
        }
        return MinionClient(configuration, backend, logger)
    }

    /// Opens a client for the time of `body`. Throws `MinionError` and what `body` throws.
    public static func withClient<Result>(
        _ configuration: ClientConfiguration = ClientConfiguration(),
        logger: Logger = Logger(label: "minion", factory: { _ in SwiftLogNoOpLogHandler() }),
        isolation: isolated (any Actor)? = #isolation,
        _ body: (MinionClient) async throws -> Result
    ) async throws -> Result {
        let client = try await open(configuration, logger: logger)
        do {
            let result = try await body(client)
            await client.close()
            return result
        } catch {
            await client.close()
            throw error
        }
    }

    /// Ends all downloads and shares of the client.
    public func close() async {
        await sharing.close()
        await backend.close()
    }

    /// Whether the host's node does the work.
    public var usesHostNode: Bool { backend is HostsNode }

    // MARK: - Downloading

    /// A download of `url`, `http`, `https` or `minion:NAME`, to the file `path`. It begins when it is iterated or
    /// asked for its result. Others see the file when it is complete; one that is there already is replaced then.
    public func download(_ url: String, to path: String, options: DownloadOptions = DownloadOptions()) -> Download {
        let absolute = Self.absolute(path)
        let destination = backend.hasCache ? "" : absolute
        return Download(
            backend: backend,
            request: { [configuration] () throws(MinionError) in
                guard !path.isEmpty, !path.hasSuffix("/") else {
                    throw MinionError(.badArguments, "the destination \"\(path)\" names no file")
                }
                return try options.request(
                    try Self.checked(url), destination: destination, defaults: configuration.trackers)
            },
            destination: absolute, hardLink: options.hardLink)
    }

    /// The bytes of `url` in order, while they arrive. Nothing is kept on disk but in a cache.
    public func bytes(of url: String, options: DownloadOptions = DownloadOptions()) -> ByteStream {
        ByteStream(backend: backend) { [configuration] () throws(MinionError) in
            guard options.digest == nil else {
                throw MinionError(
                    .badArguments, "a digest of the whole comes too late for bytes that have been passed on")
            }
            return try options.request(try Self.checked(url), destination: "", defaults: configuration.trackers)
        }
    }

    // MARK: - Sharing

    /// Offers the file at `path` to all that use the same tracker; returns when it is hashed and can be had.
    ///
    /// - Parameter name: A URL, or a name that becomes `minion:NAME`; nil: the file's own name.
    /// - Throws: `MinionError`; `CancellationError` if the task is cancelled.
    public func share(_ path: String, as name: String? = nil, options: DownloadOptions = DownloadOptions()) async throws
        -> Share
    {
        let trackers = try DownloadOptions.baseURLs(
            options.trackers.isEmpty ? configuration.trackers : options.trackers)
        guard !trackers.isEmpty else {
            throw MinionError(.badArguments, "to share a file takes a tracker, through which others find it")
        }
        let absolute = Self.absolute(path)
        let plain = name ?? String(absolute.split(separator: "/").last ?? "")
        let full = plain.contains("://") || plain.hasPrefix("minion:") ? plain : "minion:" + plain
        var request = ShareRequest(path: absolute, name: full)
        request.tag = options.tag
        request.application = options.application
        request.trackers = trackers
        request.uploadRate = options.uploadRate
        let node = try await sharing.node(backend as? OwnNode, configuration, logger)
        let (task, running) = try await node.share(request)
        let listener = Listener(running)
        while true {
            if case .finished = try await listener.next() { break }
        }
        return Share(name: full, task: task, listener: listener)
    }

    // MARK: - Arguments

    private static func places(_ configuration: ClientConfiguration) -> [String] {
        let environment = ProcessInfo.processInfo.environment
        if let socket = configuration.socket ?? environment["MINION_SOCKET"], !socket.isEmpty { return [socket] }
        return NodeSocket.standardPlaces(environment: environment, isRoot: geteuid() == 0)
    }

    private static func checked(_ url: String) throws(MinionError) -> String {
        let scheme = url.prefix { $0 != ":" }.lowercased()
        guard ["http", "https", "minion"].contains(scheme), url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            throw MinionError(.badArguments, "\"\(url.prefix(200))\" is no http, https or minion URL")
        }
        return url
    }

    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return String(cString: folder) + "/" + path
    }
}
