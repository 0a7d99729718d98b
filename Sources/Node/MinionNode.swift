package import Logging
import MinionCore
import NIOCore
import NIOPosix
import Swarm
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A node with one download: it fetches, stores and serves one task, for as long as it is kept.
package final class MinionNode: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let services: NodeServices
    private let engine: DownloadEngine
    private let run: Task<Void, Never>

    private init(
        group: MultiThreadedEventLoopGroup, services: NodeServices, engine: DownloadEngine
    ) {
        self.group = group
        self.services = services
        self.engine = engine
        // Ended by `shutdown`, which waits for it.
        run = Task(executorPreference: services.executor) { await engine.run() }
    }

    /// Starts the node's piece server and joins the task. Throws `DownloadError`.
    package static func start(_ request: DownloadRequest, logger: Logger) async throws -> MinionNode {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, min(2, System.coreCount / 2)))
        do {
            return try await start(request, group: group, logger: logger)
        } catch {
            try? await group.shutdownGracefully()
            throw error as? DownloadError ?? DownloadError(.other, "\(error)")
        }
    }

    private static func start(
        _ request: DownloadRequest, group: MultiThreadedEventLoopGroup, logger: Logger
    ) async throws -> MinionNode {
        let identity = TaskIdentity(
            url: request.url, ignoring: Set(request.ignoredParameters), tag: request.tag,
            application: request.application, headers: request.headers.map { ($0.name, $0.value) })
        guard let listen = Endpoint(hostOptional: request.listen) else {
            throw DownloadError(.badArguments, "\(request.listen) is no address to listen on; give host:port or :port")
        }
        let options = try options()
        let shelf = Shelf()
        let desk = IntroductionDesk()
        var limits = ServingLimits()
        limits.uploadRate = request.uploadRate.map(ByteRate.init(bytesPerSecond:))
        let server = try await PieceServer.start(
            group: group, listen: listen, shelf: shelf, limits: limits, logger: logger
        ) { task, info in desk.introduce(info, to: task) }
        let limiter = RateLimiter(rate: request.downloadRate.map(ByteRate.init(bytesPerSecond:)))
        let services = NodeServices(
            group: group, executor: EventLoopTaskExecutor(group.next()),
            intake: PieceIntake(threads: min(2, System.coreCount)),
            source: SourceClient(group: group, options: options, downloadLimiter: limiter),
            tracker: request.trackers.isEmpty ? nil : TrackerClient(group: group, trackers: request.trackers),
            limiter: limiter, server: server, shelf: shelf, logger: logger)
        let introduction = PeerIntroduction(
            endpoint: Endpoint(host: advertisedHost(request, listen), port: server.port),
            resource: identity.publicResource,
            site: request.site, canFetch: request.mayUseSource,
            secret: PeerID(.random(in: .min ... .max)).hex + PeerID(.random(in: .min ... .max)).hex)
        let engine = DownloadEngine(
            request: request, identity: identity, peer: PeerID(.random(in: .min ... .max)),
            introduction: introduction, services: services)
        desk.open(engine.task) { engine.introduce($0) }
        return MinionNode(group: group, services: services, engine: engine)
    }

    private static func options() throws -> SourceOptions {
        do {
            return try SourceOptions(environment: ProcessInfo.processInfo.environment)
        } catch {
            throw DownloadError(.badArguments, "\(error)")
        }
    }

    /// The host that others are told; empty: the one that the tracker sees.
    private static func advertisedHost(_ request: DownloadRequest, _ listen: Endpoint) -> String {
        if let advertise = request.advertise { return advertise }
        if !["", "0.0.0.0", "::"].contains(listen.host) { return listen.host }
        // A tracker on this very host sees a loopback address, which is of no use to others.
        guard let tracker = request.trackers.first, tracker.contains("://127.") || tracker.contains("://localhost"),
            let devices = try? System.enumerateDevices()
        else { return "" }
        let addresses = devices.compactMap(\.address)
        return addresses.first { $0.protocol == .inet && $0.ipAddress?.hasPrefix("127.") == false }?.ipAddress ?? ""
    }

    /// What the download tells; ends after `finished` or `failed`. Cancelling the task that reads it ends the download.
    package func download() -> AsyncStream<DownloadUpdate> {
        engine.updates
    }

    /// Serves the finished file for so long; returns early when the file is changed or removed, or the task cancelled.
    package func serve(for duration: Duration) async {
        let end = SteadyClock.now + duration
        while SteadyClock.now < end, !Task.isCancelled {
            guard let served = services.shelf.find(engine.task) else { return }
            guard (try? await services.intake.run { served.isStillThere }) ?? true else {
                services.logger.info("the file was changed or removed; it is no longer served")
                return services.shelf.remove(served)
            }
            try? await Task.sleep(for: min(.seconds(1), end - SteadyClock.now))
        }
    }

    /// Leaves the tracker and ends everything; with `deleteFile`, the finished file is removed.
    package func shutdown(deleteFile: Bool) async {
        engine.stop(removingFile: deleteFile)
        await run.value
        try? await services.server.shutdown()
        await services.tracker?.shutdown()
        await services.source.shutdown()
        await services.intake.shutdown()
        try? await group.shutdownGracefully()
    }
}

/// Passes on who has introduced itself to the piece server.
final class IntroductionDesk: Sendable {
    private let handlers = Mutex<[TaskID: @Sendable (NeighbourInfo) -> Void]>([:])

    func open(_ task: TaskID, _ handler: @escaping @Sendable (NeighbourInfo) -> Void) {
        handlers.withLock { $0[task] = handler }
    }

    func introduce(_ info: NeighbourInfo, to task: TaskID) {
        handlers.withLock { $0[task] }?(info)
    }
}
