import Hummingbird
import HummingbirdCore
package import Logging
package import MinionCore
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
import Wire

/// The scheduler as a service: listens, answers, and stops when its group does.
///
/// On a graceful stop it takes no more connections, answers at once the reports whose answers it holds back, and cuts
/// off what is still open after `SchedulerConfiguration.shutdownGrace`.
package struct SchedulerService: Service {
    private let configuration: SchedulerConfiguration
    private let logger: Logger
    private let onListening: @Sendable ([Endpoint]) -> Void

    /// - Parameter onListening: called once, when all addresses are being listened on, with the ports that they got.
    package init(
        configuration: SchedulerConfiguration, logger: Logger,
        onListening: @escaping @Sendable ([Endpoint]) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.logger = logger
        self.onListening = onListening
    }

    /// Runs until the group stops. Throws `SchedulerError` if it cannot start.
    package func run() async throws {
        guard !configuration.listen.isEmpty else { throw SchedulerError("there is no address to listen on") }
        let driver = TrackerDriver(
            limits: configuration.trackerLimits, seed: configuration.seed, key: try await key(),
            eventLoop: MultiThreadedEventLoopGroup.singleton.any(), logger: logger)
        let bodies = BodyReader(limit: configuration.largeBodies)
        let responder = SchedulerResponder(
            driver: driver,
            minion: MinionResponder(
                driver: driver, bodies: bodies, limits: configuration.minionLimits, seed: ~configuration.seed),
            bodies: bodies, refusals: RefusalLog(logger: logger))
        try await serve(responder, driver)
        logger.info("scheduler stopped")
    }

    private func key() async throws -> TrackerKey {
        guard let directory = configuration.dataDirectory else { return TrackerKey() }
        return try await NIOThreadPool.singleton.runIfActive { try TrackerKeyFile.load(fromDirectory: directory) }
    }

    private enum Ended {
        case server
        /// The time that a stop leaves to what is under way is over.
        case grace
    }

    private func serve(_ responder: SchedulerResponder, _ driver: TrackerDriver) async throws {
        let bound = BoundAddresses(count: configuration.listen.count)
        let connections = ConnectionLimit.connections(upTo: configuration.maximumConnections)
        try await withThrowingTaskGroup(of: Ended.self) { group in
            for (index, endpoint) in configuration.listen.enumerated() {
                let server = server(responder, driver, on: endpoint, maximumConnections: connections) { channel in
                    let port = channel.localAddress?.port ?? endpoint.port
                    guard let all = bound.note(Endpoint(host: endpoint.host, port: port), at: index) else { return }
                    announce(all, driver)
                }
                group.addTask {
                    do {
                        try await server.run()
                    } catch {
                        // What is cut off may end in any way.
                        if !Task.isCancelled {
                            throw SchedulerError("cannot listen on \(endpoint): \(error); choose another address")
                        }
                    }
                    return .server
                }
            }
            group.addTask {
                // Throws if the task is cancelled, which means the same here.
                try? await gracefulShutdown()
                driver.stop()
                try? await Task.sleep(for: configuration.shutdownGrace)
                return .grace
            }
            var running = configuration.listen.count
            while running > 0, let ended = try await group.next() {
                switch ended {
                case .server: running -= 1
                case .grace: group.cancelAll()
                }
            }
            group.cancelAll()
        }
    }

    private func announce(_ endpoints: [Endpoint], _ driver: TrackerDriver) {
        logger.info(
            "scheduler started",
            metadata: [
                "address": "\(endpoints.map(\.description).joined(separator: ","))",
                "version": "\(configuration.version)", "key": "\(driver.publicKeyHex)",
            ])
        onListening(endpoints)
    }

    private func server(
        _ responder: SchedulerResponder, _ driver: TrackerDriver, on endpoint: Endpoint, maximumConnections: Int,
        onRunning: @escaping @Sendable (any Channel) -> Void
    ) -> Application<SchedulerResponder> {
        // What the framework tells of itself is of interest only when something is wrong.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .error)
        let requestTimeout = configuration.requestTimeout
        return Application(
            responder: responder,
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    additionalChannelHandlers: [
                        ConnectionGuard(requestTimeout: requestTimeout) { driver.connectionClosed($0) }
                    ],
                    idleTimeout: TimeAmount(configuration.idleTimeout),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 32 << 10, maxHeaderListSize: 64 << 10, maxHeaderFieldCount: 100))),
            configuration: ApplicationConfiguration(
                address: .hostname(endpoint.host.isEmpty ? "0.0.0.0" : endpoint.host, port: endpoint.port),
                serverName: "minion", backlog: 1024,
                availableConnectionsDelegate: .maximum(maximumConnections, logger: quiet)),
            onServerRunning: { onRunning($0) },
            logger: quiet)
    }
}

/// Gathers the addresses of several listeners until all are there.
private final class BoundAddresses: Sendable {
    private let endpoints: Mutex<[Endpoint?]>

    init(count: Int) { endpoints = Mutex(Array(repeating: nil, count: count)) }

    /// All addresses, in the order of the configuration, when this one was the last.
    func note(_ endpoint: Endpoint, at index: Int) -> [Endpoint]? {
        endpoints.withLock { endpoints in
            endpoints[index] = endpoint
            return endpoints.contains(nil) ? nil : endpoints.compactMap { $0 }
        }
    }
}
