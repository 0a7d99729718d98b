import Dispatch
import HostNode
import Logging
import MinionCore
import NIOPosix
import Node
import PieceStore
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Who carries out a client's orders.
protocol Backend: Sendable {
    /// Whether content goes to the node's cache, from which the caller puts it in place; if not, the node writes it to
    /// its destination.
    var hasCache: Bool { get }
    func download(_ request: DownloadRequest) async throws(MinionError) -> RunningDownload
    func close() async
}

/// A download or a share under way at a node.
struct RunningDownload: Sendable {
    let updates: AsyncStream<DownloadUpdate>
    /// The caller is no longer interested; after the end, the content need not stay any longer.
    let end: @Sendable () async -> Void
}

/// A node inside this process.
struct OwnNode: Backend {
    let node: MinionNode
    let cache: ContentCache?

    var hasCache: Bool { cache != nil }

    static func start(_ configuration: ClientConfiguration, logger: Logger) async throws(MinionError) -> OwnNode {
        var settings = NodeConfiguration()
        settings.listen = configuration.listen
        settings.advertise = configuration.advertise
        settings.site = configuration.site
        settings.trackers = try DownloadOptions.baseURLs(configuration.trackers)
        settings.limits.downloadRate = configuration.downloadRate
        settings.limits.uploadRate = configuration.uploadRate
        do {
            let cache = try await openCache(configuration, logger)
            do {
                let node = try await MinionNode.start(settings, cache: cache, logger: logger)
                await node.announceCache()
                return OwnNode(node: node, cache: cache)
            } catch {
                cache?.close()
                throw error
            }
        } catch {
            throw MinionError(error)
        }
    }

    private static func openCache(
        _ configuration: ClientConfiguration, _ logger: Logger
    ) async throws -> ContentCache? {
        guard let folder = configuration.cacheFolder else { return nil }
        return try await NIOThreadPool.singleton.runIfActive {
            try ContentCache.open(
                folder: folder, limits: CacheLimits(size: configuration.cacheSize),
                now: { Date().timeIntervalSince1970 },
                onWarning: { logger.warning("\($0)") })
        }
    }

    func download(_ request: DownloadRequest) async throws(MinionError) -> RunningDownload {
        let download = await node.download(request)
        return RunningDownload(updates: download.updates, end: { await download.cancel() })
    }

    func share(_ request: ShareRequest) async throws(MinionError) -> (task: TaskID, RunningDownload) {
        do {
            let share = try await node.share(request)
            return (share.task, RunningDownload(updates: share.updates, end: { await share.cancel() }))
        } catch {
            throw MinionError(error)
        }
    }

    func close() async {
        await node.shutdown(deletingFiles: false)
        cache?.close()
    }
}

/// The host's node, `minion peer`, through its socket. A connection carries one order.
struct HostsNode: Backend {
    let socket: String

    var hasCache: Bool { true }

    /// The first node that answers at `places`. Throws `MinionError` with the code `noHostNode`.
    static func find(at places: [String]) async throws(MinionError) -> HostsNode {
        var failure = MinionError(.noHostNode, "no node runs on this host; start one with 'minion peer'")
        for place in places {
            do {
                _ = try await blocking { try HostConnection(path: place) }
                return HostsNode(socket: place)
            } catch {
                failure = MinionError(error)
            }
        }
        throw failure
    }

    func download(_ request: DownloadRequest) async throws(MinionError) -> RunningDownload {
        let connection: HostConnection
        do {
            connection = try await Self.blocking { [socket] in
                let connection = try HostConnection(path: socket)
                try connection.send(HostOrder(.get(request)))
                return connection
            }
        } catch {
            throw MinionError(error)
        }
        let (updates, tell) = AsyncStream.makeStream(
            of: DownloadUpdate.self, bufferingPolicy: .bufferingNewest(256))
        // Ends when the connection does, which `end` sees to.
        let reading = Task { await Self.read(connection, tell) }
        return RunningDownload(updates: updates) {
            connection.hangUp()
            await reading.value
        }
    }

    func close() async {}

    /// Passes on what the node says until it or this side hangs up.
    private static func read(_ connection: HostConnection, _ tell: AsyncStream<DownloadUpdate>.Continuation) async {
        let splitter = Mutex(LineSplitter())
        let end = { (reason: String) in
            tell.yield(.failed(DownloadError(.other, reason)))
            tell.finish()
        }
        while true {
            let messages: [NodeMessage]?
            do {
                messages = try await blocking { try splitter.withLock { try connection.read(&$0) } }
            } catch {
                return end("\(error)")
            }
            guard let messages else { return end("the node of this host has hung up") }
            for message in messages {
                switch message {
                case .update(let update): tell.yield(update)
                case .refused(let reason): return end("the node of this host refuses: \(reason)")
                default: break
                }
            }
        }
    }

    /// Runs what waits for a socket on a thread of its own: a pool's threads would all be taken by a few downloads.
    private static func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value
    {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try body() }) }
        }
    }
}
