package import Logging
package import MinionCore
package import NIOCore
import NIOHTTP1
import NIOPosix
package import Swarm
import Synchronization

/// The HTTP server with which a node gives pieces, and news of pieces, to others.
package final class PieceServer: Sendable {
    /// What the server does at this moment, for people and tests.
    package struct Status: Hashable, Sendable {
        package var connections: Int
        /// Bodies being sent.
        package var uploads: Int
        /// Requests that wait for their turn.
        package var waiting: Int
        /// Requests that were told to come back later, since the start.
        package var refused: Int64
        /// Bytes of all bodies since the start.
        package var bytesSent: Int64
    }

    private let core: ServingCore
    private let channel: any Channel

    private init(core: ServingCore, channel: any Channel) {
        self.core = core
        self.channel = channel
    }

    /// Binds the address and serves until `shutdown`.
    ///
    /// - Parameters:
    ///   - listen: An empty host means all addresses, IPv6 and IPv4 where the machine has both; port 0 picks a free one.
    ///   - rate: What all bodies together may pass; nil: a rate of the server's own, with the limit of `limits`.
    ///   - onNeighbour: Told when a peer that subscribes to a task's news introduces itself. Called on an event loop, so
    ///     it must not block.
    package static func start(
        group: any EventLoopGroup, listen: Endpoint = Endpoint(host: "", port: 0), shelf: Shelf,
        limits: ServingLimits = ServingLimits(), rate: SharedRate? = nil, logger: Logger,
        onNeighbour: @escaping @Sendable (TaskID, NeighbourInfo) -> Void = { _, _ in }
    ) async throws -> PieceServer {
        let core = ServingCore(
            shelf: shelf, limits: limits, rate: rate ?? SharedRate(rate: limits.uploadRate), logger: logger,
            onNeighbour: onNeighbour)
        core.pool.start()
        do {
            let channel = try await bind(listen, group: group, core: core)
            return PieceServer(core: core, channel: channel)
        } catch {
            try? await core.pool.shutdownGracefully()
            let place = listen.host.isEmpty ? "port \(listen.port)" : listen.description
            throw ServingError(message: "cannot listen on \(place) (\(error)); choose another address or port")
        }
    }

    /// The TCP port that it listens on.
    package var port: Int { channel.localAddress?.port ?? 0 }

    package var status: Status {
        let load = core.gate.load
        return Status(
            connections: core.connections.count, uploads: load.active, waiting: load.waiting, refused: load.refused,
            bytesSent: core.bytesSent)
    }

    /// What the uplink carries when busy, in bytes per second; nil until it was busy for long enough to tell.
    package var uplink: Double? { core.gate.uplink }

    /// Limits all bodies together; nil: no limit. Takes effect at once, for bodies under way too.
    package func setUploadRate(_ rate: ByteRate?) { core.gate.rate.setRate(rate) }

    /// How many bodies are sent at a time, and requests wait, from now on.
    package func setUploads(_ limits: UploadQueue.Limits) { core.gate.setLimits(limits) }

    /// Bytes per second that have lately reached others.
    package var recentRate: Double { core.gate.recentRate }

    /// Accepts nothing new, ends idle connections and news streams, and gives bodies under way `grace` to finish.
    package func shutdown(grace: Duration = .zero) async throws {
        try? await channel.close()
        try await core.connections.drain(grace: grace, on: channel.eventLoop)
        try await core.pool.shutdownGracefully()
    }

    private static func bind(
        _ listen: Endpoint, group: any EventLoopGroup, core: ServingCore
    ) async throws -> any Channel {
        let (host, port) = (listen.host, listen.port)
        guard host.isEmpty else { return try await bootstrap(group, core).bind(host: host, port: port).get() }
        do {
            let onlyIPv6 = ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only)
            return try await bootstrap(group, core)
                .serverChannelOption(onlyIPv6, value: 0)
                .bind(host: "::", port: port).get()
        } catch let error as IOError where error.errnoCode == EADDRINUSE || error.errnoCode == EACCES {
            throw error
        } catch {
            // No IPv6 on this machine.
            return try await bootstrap(group, core).bind(host: "0.0.0.0", port: port).get()
        }
    }

    private static func bootstrap(_ group: any EventLoopGroup, _ core: ServingCore) -> ServerBootstrap {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 1024, maximum: 16384)
            )
            .childChannelOption(.maxMessagesPerRead, value: 1)
            // One window, then the turn of the loop's other connections.
            .childChannelOption(.writeSpin, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try ServingHandler.install(in: channel, core: core) }
            }
        #if os(Linux)
            // A host that vanished would keep its place until the kernel gives up, a quarter of an hour later.
            let userTimeout = ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: 18))
            // Below some seconds, the kernel also gives up on hosts that are only slow.
            let milliseconds = max(.seconds(10), core.limits.stallTimeout).nanoseconds / 1_000_000
            // The kernel takes no more bytes ahead of those it sends. Otherwise whole pieces would vanish in its buffers,
            // and an upload slot would be free long before the uplink is.
            let unsentBytes = ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: 25))
            return bootstrap.childChannelOption(userTimeout, value: Int(milliseconds))
                .childChannelOption(unsentBytes, value: ServingLimits.unsentBytes)
        #else
            return bootstrap
        #endif
    }
}

/// Why a piece server could not start.
package struct ServingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One line: what failed, and what to do.
    package let message: String

    package var description: String { message }
}

/// What the connections of a piece server share.
final class ServingCore: Sendable {
    let shelf: Shelf
    let limits: ServingLimits
    let gate: UploadGate
    let connections: ServingConnections
    let logger: Logger
    let onNeighbour: @Sendable (TaskID, NeighbourInfo) -> Void
    /// For everything that blocks: opening files, looking whether they changed, hashing for old clients.
    let pool = NIOThreadPool(numberOfThreads: 2)
    private let sent = Atomic<Int64>(0)

    init(
        shelf: Shelf, limits: ServingLimits, rate: SharedRate, logger: Logger,
        onNeighbour: @escaping @Sendable (TaskID, NeighbourInfo) -> Void
    ) {
        self.shelf = shelf
        self.limits = limits
        self.logger = logger
        self.onNeighbour = onNeighbour
        gate = UploadGate(limits: limits.uploads, rate: rate)
        connections = ServingConnections(limit: limits.connections)
    }

    var bytesSent: Int64 { sent.load(ordering: .relaxed) }

    /// Serves a task no more whose content is not to be had any more.
    func lose(_ task: ServedTask, _ what: String) {
        logger.warning(
            "\(what); it is no longer served", metadata: ["task": "\(task.id)", "name": "\(task.name)"])
        shelf.remove(task)
        task.lose()
    }

    func countSent(_ bytes: Int64) { sent.add(bytes, ordering: .relaxed) }
}
