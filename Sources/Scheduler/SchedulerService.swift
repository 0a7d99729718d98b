import HTTPFront
package import Logging
package import MinionCore
import ServiceLifecycle

/// The scheduler as a service of its own: listens, answers, and stops when its group does.
///
/// On a graceful stop it takes no more connections, answers at once the reports whose answers it holds back, and cuts
/// off what is still open after `FrontConfiguration.shutdownGrace`.
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
        let responder = try await SchedulerResponder(configuration, logger: logger)
        let front = HTTPFront(configuration: configuration.front, responder: responder, logger: logger) { connection in
            responder.connectionClosed(connection)
        }
        let (listening, source) = AsyncStream.makeStream(of: ListeningEndpoints.self)
        async let fleet: Void = responder.runFleet(on: listening)
        defer { source.finish() }
        do {
            try await front.run { endpoints in
                source.yield(endpoints)
                logger.info(
                    "scheduler started",
                    metadata: [
                        "address": "\(endpoints.all.map(\.description).joined(separator: ","))",
                        "version": "\(configuration.version)", "key": "\(responder.publicKeyHex)",
                    ])
                onListening(endpoints.all)
            } onStopping: {
                responder.stop()
            }
        } catch let error as FrontError {
            throw SchedulerError(error.message)
        }
        source.finish()
        await fleet
        logger.info("scheduler stopped")
    }
}
