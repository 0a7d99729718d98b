import AsyncHTTPClient
import MinionCore
import NIOCore
import NIOHTTP1
import Synchronization

/// The connections of a node to trackers and managers. They are made without any proxy of the environment, since the other
/// ends have to see where the node is. Nothing is there before it is needed.
final class DirectClient: Sendable {
    private enum State {
        case new
        case open(HTTPClient)
        case closed
    }

    private let group: any EventLoopGroup
    private let connectTimeout: Duration
    private let certificateFile: String?
    private let state = Mutex(State.new)

    /// `shutdown` has to be called in the end. For `certificateFile` see `SourceOptions`.
    init(group: any EventLoopGroup, connectTimeout: Duration = .seconds(2), certificateFile: String? = nil) {
        self.group = group
        self.connectTimeout = connectTimeout
        self.certificateFile = certificateFile
    }

    private func open() throws -> HTTPClient {
        try state.withLock { state in
            switch state {
            case .open(let client): return client
            case .closed: throw CancellationError()
            case .new:
                var configuration = HTTPClient.Configuration(
                    connectTimeout: connectTimeout, certificateFile: certificateFile)
                configuration.httpVersion = .http1Only
                let client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
                state = .open(client)
                return client
            }
        }
    }

    /// Sends a request and reads the whole answer. Throws what the transport throws, `DeadlineExceeded`, and
    /// `CancellationError`.
    func exchange(
        _ request: HTTPClientRequest, limit: Duration, replyBytes: Int
    ) async throws -> (HTTPResponseStatus, ByteBuffer) {
        let client = try open()
        return try await withDeadline(limit) {
            let response: HTTPClientResponse
            do {
                response = try await client.execute(request, deadline: .distantFuture)
            } catch  where SourceExchange.isClosedConnection(error) && !Task.isCancelled {
                // A kept-alive connection that the other end closed just as we sent says nothing about that end.
                response = try await client.execute(request, deadline: .distantFuture)
            }
            return (response.status, try await response.body.collect(upTo: replyBytes))
        }
    }

    /// Ends all connections. What is under way fails, and so does what comes later.
    func shutdown() async {
        let client = state.withLock { state -> HTTPClient? in
            defer { state = .closed }
            if case .open(let client) = state { return client }
            return nil
        }
        // A second shutdown is the only thing that fails, and harmless.
        try? await client?.shutdown()
    }
}
