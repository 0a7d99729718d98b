package import Logging
package import MinionCore
import NIOCore
import NIOPosix
package import PieceStore
import Swarm
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A node: it fetches, stores and serves tasks, as many as it is asked for, within one budget.
package final class MinionNode: Sendable {
    /// Of Minion.
    package static let version = MinionVersion.current

    let services: NodeServices
    let reception: Reception
    private let started = SteadyClock.now
    private let upkeep: Mutex<RepeatedTask?> = Mutex(nil)
    /// What the node's owner allows; what holds is within what its cluster does.
    let ownLimits: Mutex<NodeLimits>
    /// Its place in a fleet, if it is to have one.
    let membership: Mutex<FleetMember?> = Mutex(nil)

    /// How often the cache is tidied.
    private static let upkeepInterval = TimeAmount.seconds(60)

    private init(services: NodeServices) {
        self.services = services
        ownLimits = Mutex(services.configuration.limits)
        reception = Reception(services)
        guard services.cache != nil else { return }
        let task = services.group.next().scheduleRepeatedTask(
            initialDelay: Self.upkeepInterval, delay: Self.upkeepInterval
        ) { [weak self] _ in
            guard let self else { return }
            reception.nursery.add { [weak self] in await self?.tidy() }
        }
        upkeep.withLock { $0 = task }
    }

    /// Starts the node's piece server. Throws `DownloadError`.
    ///
    /// - Parameters:
    ///   - cache: Where content is kept that requests name no place for; nil: they have to. It stays the caller's, who
    ///     closes it after `shutdown`.
    ///   - wallClock: Seconds since 1970.
    package static func start(
        _ configuration: NodeConfiguration, cache: ContentCache? = nil, logger: Logger,
        wallClock: @escaping @Sendable () -> Double = { Date().timeIntervalSince1970 }
    ) async throws -> MinionNode {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, min(2, System.coreCount / 2)))
        do {
            let node = try await start(configuration, cache, group, logger, wallClock)
            if configuration.isMember { node.join() }
            return node
        } catch {
            try? await group.shutdownGracefully()
            throw error as? DownloadError ?? DownloadError(.other, "\(error)")
        }
    }

    private static func start(
        _ configuration: NodeConfiguration, _ cache: ContentCache?, _ group: MultiThreadedEventLoopGroup,
        _ logger: Logger, _ wallClock: @escaping @Sendable () -> Double
    ) async throws -> MinionNode {
        guard let listen = Endpoint(hostOptional: configuration.listen) else {
            throw DownloadError(
                .badArguments, "\(configuration.listen) is no address to listen on; give host:port or :port")
        }
        var options = try sourceOptions()
        options.rules = configuration.preheatSources
        let shelf = Shelf()
        let desk = TaskDesk()
        let budget = HostBudget(configuration.limits)
        var limits = ServingLimits()
        limits.uploads.slots = configuration.limits.uploadSlots
        let server = try await PieceServer.start(
            group: group, listen: listen, shelf: shelf, limits: limits, rate: budget.upload, logger: logger
        ) { task, info in desk.introduce(info, to: task) }
        let direct = DirectClient(group: group, certificateFile: options.certificateFile)
        let threads = min(2, System.coreCount)
        let pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
        return MinionNode(
            services: NodeServices(
                group: group, intake: PieceIntake(threads: threads), pool: pool, cache: cache,
                sources: SourceClient(group: group, options: options), direct: direct,
                trackers: TrackerClients(direct), standing: ClusterStanding(isMember: configuration.isMember),
                budget: budget, server: server, shelf: shelf, desk: desk, totals: NodeTotals(), logger: logger,
                configuration: configuration, wallClock: wallClock))
    }

    private static func sourceOptions() throws -> SourceOptions {
        do {
            return try SourceOptions(environment: ProcessInfo.processInfo.environment)
        } catch {
            throw DownloadError(.badArguments, "\(error)")
        }
    }

    // MARK: Tasks

    /// Fetches a task, and serves it from then on. Whatever goes wrong is told as `failed`. Those who ask for the same
    /// task share one download; what a cache has, and is fresh, is there at once.
    package func download(_ request: DownloadRequest) async -> TaskDownload {
        await begin(request, isGuarded: false)
    }

    /// The same; what others than this host's users have ordered `isGuarded`.
    func begin(_ request: DownloadRequest, isGuarded: Bool) async -> TaskDownload {
        var request = request
        let isName = TaskIdentity.isName(request.url)
        request.mayUseSource = request.mayUseSource && services.configuration.mayUseSource && !isName
        request.mayUpload = request.mayUpload && services.configuration.mayUpload
        let problem = await findTrackers(for: &request)
        let refusal = services.refusal(of: &request)
        let listener = DownloadListener(request, isGuarded: isGuarded, nodeTrackers: services.trackers)
        if let refusal {
            listener.end(.failed(DownloadError(.other, refusal)))
        } else if let problem, !request.mayUseSource, listener.request.trackers.isEmpty {
            listener.end(.failed(DownloadError(.trackerUnreachable, problem)))
        } else {
            if let problem { listener.tell(.warning("\(problem); going on with the source alone")) }
            reception.receive(listener)
        }
        return TaskDownload(listener)
    }

    /// Serves the task's complete content for so long; returns early when it is changed or removed, or when the task
    /// that called is cancelled.
    package func serve(_ task: TaskID, for duration: Duration) async {
        let end = SteadyClock.now + duration
        while SteadyClock.now < end, !Task.isCancelled {
            guard let served = services.shelf.find(task) else { return }
            guard (try? await services.intake.run { served.isStillThere }) ?? true else {
                services.logger.info("the file was changed or removed; it is no longer served")
                return services.shelf.remove(served)
            }
            try? await Task.sleep(for: min(.seconds(1), end - SteadyClock.now))
        }
    }

    // MARK: The node

    /// Where others reach the piece server; the host is empty if it is what trackers see.
    package var endpoint: Endpoint {
        Endpoint(host: services.configuration.advertise ?? "", port: services.server.port)
    }

    /// Takes effect at once, for what is under way, too.
    package func setLimits(_ limits: NodeLimits) {
        ownLimits.withLock { own in
            own = limits
            put(limits)
        }
    }

    /// Lets those limits hold that are within both the node's own and its cluster's. To be called with the lock.
    func put(_ own: NodeLimits) {
        let limits = own.within(services.standing.policy)
        reception.limits = limits
        services.budget.set(limits)
        services.server.setUploads(limits.uploads)
        for run in services.desk.runs { run.set(limits) }
    }

    package func status() async -> NodeStatus {
        let runs = services.desk.runs.map { ($0, $0.status) }
        let serving = services.server.status
        let ended = services.totals.bytes
        var status = NodeStatus(
            version: Self.version, endpoint: endpoint, seconds: (SteadyClock.now - started).inSeconds,
            limits: reception.limits, downloadRate: 0, uploadRate: services.server.recentRate,
            bytesFromSource: ended.fromSource, bytesFromPeers: ended.fromPeers, bytesSent: serving.bytesSent,
            connections: serving.connections, uploads: serving.uploads, waiting: serving.waiting, tasks: [])
        for (run, view) in runs {
            status.bytesFromSource += view.progress.bytesFromSource
            status.bytesFromPeers += view.progress.bytesFromPeers
            if view.state == .downloading { status.downloadRate += view.progress.bytesPerSecond }
            status.tasks.append(
                TaskStatus(
                    task: run.task, resource: run.order.resource, state: view.state, listeners: view.listeners,
                    progress: view.progress, bytesSent: view.served?.bytesSent ?? 0))
        }
        status.tasks.sort { $0.task.hex < $1.task.hex }
        if let cache = services.cache {
            status.cacheBytes = cache.bytesOnDisk
            status.cacheEntries = try? await services.pool.runIfActive { cache.list().count }
        }
        return status
    }

    /// Leaves the trackers and ends everything. With `deletingFiles`, files that were made outside a cache are removed,
    /// complete or not.
    package func shutdown(deletingFiles: Bool) async {
        upkeep.withLock { $0?.cancel() }
        await membership.withLock { $0 }?.end()
        for run in services.desk.close() { run.stop(removingFile: deletingFiles) }
        await reception.nursery.end()
        try? await services.server.shutdown()
        await services.direct.shutdown()
        await services.sources.shutdown()
        await services.intake.shutdown()
        try? await services.pool.shutdownGracefully()
        try? await services.group.shutdownGracefully()
    }
}
