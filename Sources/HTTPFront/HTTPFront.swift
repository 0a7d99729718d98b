package import Hummingbird
import HummingbirdCore
import HummingbirdTLS
package import Logging
package import MinionCore
import NIOCore
import NIOSSL
import ServiceLifecycle
import Synchronization

/// How a front listens, and what it does not put up with.
package struct FrontConfiguration: Sendable {
    /// Addresses to listen on for HTTP; port 0 picks a free one.
    package var listen = [Endpoint(host: "0.0.0.0", port: 8080)]
    /// Addresses to listen on for HTTPS.
    package var listenTLS: [Endpoint] = []
    /// What is shown to those who come by HTTPS; must be there if `listenTLS` has an address.
    package var certificate: CertificateFiles?
    /// Connections at each listen address at most; more have to wait. Fewer are taken if the process may not open so
    /// many files.
    package var maximumConnections = 65_536
    /// A connection without a request for so long is closed.
    package var idleTimeout = Duration.seconds(75)
    /// A request that has not arrived wholly within this time of its head is given up.
    package var requestTimeout = Duration.seconds(30)
    /// A client that takes nothing of its answer for so long is cut off.
    package var writeTimeout = Duration.seconds(60)
    /// After a stop, what is still open is cut off this much later.
    package var shutdownGrace = Duration.milliseconds(1500)

    package init() {}
}

/// The addresses that a front listens on, with the ports that it got.
package struct ListeningEndpoints: Hashable, Sendable {
    package var plain: [Endpoint]
    package var tls: [Endpoint]

    package var all: [Endpoint] { plain + tls }

    /// The one to tell people of: HTTP if there is such a one, since every tool knows it.
    package var first: (scheme: String, endpoint: Endpoint)? {
        plain.first.map { ("http", $0) } ?? tls.first.map { ("https", $0) }
    }
}

/// Why a front cannot listen.
package struct FrontError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One line: what happened, to what, and what to do.
    package var message: String

    package init(message: String) { self.message = message }

    package var description: String { message }
}

/// Listens for HTTP, holds clients to limits, and hands requests to one responder.
///
/// On a graceful stop it takes no more connections and cuts off what is still open after
/// `FrontConfiguration.shutdownGrace`.
package struct HTTPFront<Answering: HTTPResponder>: Sendable where Answering.Context == FrontContext {
    private let configuration: FrontConfiguration
    private let responder: Answering
    private let logger: Logger
    private let onConnectionClosed: @Sendable (ConnectionID) -> Void

    /// - Parameter onConnectionClosed: called on the connection's event loop, after its last request.
    package init(
        configuration: FrontConfiguration, responder: Answering, logger: Logger,
        onConnectionClosed: @escaping @Sendable (ConnectionID) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.responder = responder
        // What the framework tells of itself is of interest only when something is wrong.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .error)
        self.logger = quiet
        self.onConnectionClosed = onConnectionClosed
    }

    private enum Ended {
        case server
        /// The time that a stop leaves to what is under way is over.
        case grace
    }

    /// Runs until the service group stops, or the task is cancelled. Throws `FrontError` if an address cannot be had.
    ///
    /// - Parameters:
    ///   - onListening: called once, when all addresses are being listened on, with the ports that they got.
    ///   - onStopping: called when a graceful stop begins: the time to answer what is being held back.
    package func run(
        onListening: @escaping @Sendable (ListeningEndpoints) -> Void, onStopping: @escaping @Sendable () -> Void = {}
    ) async throws {
        let plain = configuration.listen.map { ($0, TLSConfiguration?.none) }
        var secure: [(Endpoint, TLSConfiguration?)] = []
        if !configuration.listenTLS.isEmpty {
            guard let certificate = configuration.certificate else {
                throw FrontError(message: "there is no certificate for HTTPS")
            }
            let tls = try await certificate.load()
            secure = configuration.listenTLS.map { ($0, tls) }
        }
        let listeners = plain + secure
        guard !listeners.isEmpty else { throw FrontError(message: "there is no address to listen on") }
        let bound = BoundAddresses(count: listeners.count)
        let connections = ConnectionLimit.connections(upTo: configuration.maximumConnections)
        try await withThrowingTaskGroup(of: Ended.self) { group in
            for (index, (endpoint, tls)) in listeners.enumerated() {
                let server = try server(on: endpoint, tls, maximumConnections: connections) { channel in
                    let port = channel.localAddress?.port ?? endpoint.port
                    guard let all = bound.note(Endpoint(host: endpoint.host, port: port), at: index) else { return }
                    onListening(
                        ListeningEndpoints(
                            plain: Array(all.prefix(plain.count)), tls: Array(all.dropFirst(plain.count))))
                }
                group.addTask {
                    do {
                        try await server.run()
                    } catch {
                        // What is cut off may end in any way.
                        if !Task.isCancelled {
                            throw FrontError(
                                message: "cannot listen on \(endpoint): \(error); choose another address")
                        }
                    }
                    return .server
                }
            }
            group.addTask {
                // Throws if the task is cancelled, which means the same here.
                try? await gracefulShutdown()
                onStopping()
                try? await Task.sleep(for: configuration.shutdownGrace)
                return .grace
            }
            var running = listeners.count
            while running > 0, let ended = try await group.next() {
                switch ended {
                case .server: running -= 1
                case .grace: group.cancelAll()
                }
            }
            group.cancelAll()
        }
    }

    private func server(
        on endpoint: Endpoint, _ tls: TLSConfiguration?, maximumConnections: Int,
        onRunning: @escaping @Sendable (any Channel) -> Void
    ) throws -> Application<Listener<Answering>> {
        let (requestTimeout, writeTimeout) = (configuration.requestTimeout, configuration.writeTimeout)
        let onClose = onConnectionClosed
        let http1 = HTTPServerBuilder.http1(
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [
                    ConnectionGuard(requestTimeout: requestTimeout, writeTimeout: writeTimeout, onClose: onClose)
                ],
                idleTimeout: TimeAmount(configuration.idleTimeout),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: 32 << 10, maxHeaderListSize: 64 << 10, maxHeaderFieldCount: 100)))
        return Application(
            responder: Listener(responder: responder, isSecure: tls != nil),
            server: try tls.map { try .tls(http1, tlsConfiguration: $0) } ?? http1,
            configuration: ApplicationConfiguration(
                address: .hostname(endpoint.host.isEmpty ? "0.0.0.0" : endpoint.host, port: endpoint.port),
                serverName: "minion", backlog: 1024,
                availableConnectionsDelegate: .maximum(maximumConnections, logger: logger)),
            onServerRunning: { onRunning($0) },
            logger: logger)
    }
}

/// Tells the responder how the request came in.
private struct Listener<Answering: HTTPResponder>: HTTPResponder where Answering.Context == FrontContext {
    let responder: Answering
    let isSecure: Bool

    func respond(to request: Request, context: FrontContext) async throws -> Response {
        var context = context
        context.isSecure = isSecure
        return try await responder.respond(to: request, context: context)
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
