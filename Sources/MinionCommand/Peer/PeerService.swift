import Dispatch
import FoundationEssentials
import Glibc
import HostNode
import Logging
import MinionCore
import NIOPosix
import Node
import PieceStore
import ServiceLifecycle
import UnixSignals

/// The node of a host as a service: its cache, its local socket, and what keeps both in order.
struct PeerService: Service {
    let settings: LoadedSettings
    let reader: PeerSettingsReader
    let manager: ServiceManager
    let logger: Logger

    /// Runs until its group stops. Throws `CommandError` if it cannot start.
    func run() async throws {
        // From here on, a SIGHUP ends nothing.
        let reloads = await UnixSignalsSequence(trapping: .sighup)
        let threads = NIOThreadPool(numberOfThreads: 2)
        threads.start()
        do {
            try await run(threads: threads, reloads: reloads)
        } catch {
            try? await threads.shutdownGracefully()
            throw Self.commandError(error)
        }
        try? await threads.shutdownGracefully()
    }

    private func run(threads: NIOThreadPool, reloads: UnixSignalsSequence) async throws {
        let limits = try Self.cacheLimits(settings.settings)
        let cache = try await threads.runIfActive { [settings = settings.settings, logger] in
            try Folders.makeParents(of: settings.cacheFolder, flag: "--cache-dir")
            return try ContentCache.open(
                folder: settings.cacheFolder, limits: limits, now: { Date().timeIntervalSince1970 },
                onWarning: { logger.warning("\($0)") })
        }
        defer { cache.close() }
        let listener = try HostListener(path: settings.settings.socket)
        let node: MinionNode
        do {
            node = try await MinionNode.start(Self.configuration(settings.settings), cache: cache, logger: logger)
        } catch {
            listener.remove()
            throw error
        }
        let desk = CacheDesk(cache: cache, node: node, threads: threads)
        let server = HostServer(
            listener: listener, node: node, cache: desk, program: MinionProgram.version, logger: logger)
        do {
            try await cancelWhenGracefulShutdown {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await server.run() }
                    group.addTask { await reload(on: reloads, node, cache, threads) }
                    if let interval = manager.watchdogInterval {
                        group.addTask { await showLife(of: node, every: interval) }
                    }
                    // Asked for already while the cache is announced, which may take long: it hashes what it cannot trust.
                    greet(node, cache)
                    group.addTask { await node.announceCache() }
                    try await group.waitForAll()
                }
            }
        } catch is CancellationError {
        } catch {
            logger.error("the local socket failed", metadata: ["error": "\(error)"])
            await node.shutdown(deletingFiles: false)
            throw error
        }
        manager.stopping()
        logger.info("stopping")
        await node.shutdown(deletingFiles: false)
    }

    // MARK: - While it runs

    private func greet(_ node: MinionNode, _ cache: ContentCache) {
        let size = ByteSize(cache.bytesOnDisk)
        let text =
            "serves on \(node.endpoint), programs on \(settings.settings.socket); "
            + "cache \(settings.settings.cacheFolder) has \(size) of "
            + (cache.limits.size.map { ByteSize($0).description } ?? "unlimited")
        FileDescriptors.writeAll(STDOUT_FILENO, "minion \(MinionProgram.version) \(text)\n")
        manager.ready(text)
    }

    /// A node that answers is alive.
    private func showLife(of node: MinionNode, every interval: Duration) async {
        while !Task.isCancelled {
            _ = await node.status()
            manager.isAlive()
            try? await Task.sleep(for: interval)
        }
    }

    private func reload(
        on signals: UnixSignalsSequence, _ node: MinionNode, _ cache: ContentCache, _ threads: NIOThreadPool
    ) async {
        var current = settings
        for await _ in signals {
            manager.reloading()
            do {
                let new = try await reader.load()
                let limits = try Self.cacheLimits(new.settings)
                for setting in current.unreloadable(in: new) {
                    logger.warning("\(setting.rawValue) changes with a restart only")
                }
                node.setLimits(Self.limits(new.settings))
                try? await threads.runIfActive { cache.setLimits(limits) }
                await node.tidy()
                current = new
                logger.info("settings read again")
            } catch {
                let reason = (error as? CommandError)?.message ?? "\(error)"
                logger.error("the settings stay as they were", metadata: ["error": "\(reason)"])
            }
            manager.ready("serves on \(node.endpoint)")
        }
    }

    // MARK: - Settings

    private static func cacheLimits(_ settings: PeerSettings) throws(CommandError) -> CacheLimits {
        CacheLimits(size: try settings.cacheLimit(), age: settings.cacheAge)
    }

    private static func configuration(_ settings: PeerSettings) -> NodeConfiguration {
        var configuration = NodeConfiguration()
        configuration.listen = settings.listen
        configuration.advertise = settings.advertise
        configuration.site = settings.site
        configuration.location = settings.location
        configuration.trackers = settings.trackers
        configuration.isSeed = settings.isSeed
        configuration.mayUpload = settings.mayUpload
        configuration.mayUseSource = settings.mayUseSource
        configuration.limits = limits(settings)
        configuration.fleet = fleet(settings)
        // Each was looked at when it was read.
        let allowed = try? AddressRules.allowances(settings.preheatSources.joined(separator: ","))
        configuration.preheatSources.allowed = allowed ?? []
        return configuration
    }

    private static func fleet(_ settings: PeerSettings) -> FleetSettings {
        var fleet = FleetSettings()
        fleet.managers = settings.managers
        fleet.joinToken = settings.joinToken ?? ""
        fleet.hostName = settings.hostName.isEmpty ? HostSystem.hostName : settings.hostName
        return fleet
    }

    private static func limits(_ settings: PeerSettings) -> NodeLimits {
        var limits = NodeLimits()
        limits.downloadRate = settings.downloadRate?.bytesPerSecond
        limits.uploadRate = settings.uploadRate?.bytesPerSecond
        limits.sourceRate = settings.sourceRate?.bytesPerSecond
        limits.uploadSlots = settings.uploadSlots
        limits.piecesInFlight = settings.concurrentPieces
        return limits
    }

    static func commandError(_ error: any Error) -> any Error {
        switch error {
        case let error as HostError: CommandError(error)
        case let error as StorageError: CommandError(error.message)
        case let error as DownloadError: CommandError(error)
        default: error
        }
    }
}
