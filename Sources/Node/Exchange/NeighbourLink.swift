import MinionCore
import NIOCore
import NIOHTTP1
import NIOPosix
import Swarm
import Wire

/// What the requests to all neighbours of one task have in common.
struct ExchangeContext: Sendable {
    let task: TaskID
    let version: TaskVersion
    let layout: PieceLayout
    /// Makes the store for a piece that is asked for; nil if the piece is there already.
    let makeReceiver: @Sendable (PieceIndex) -> PieceReceiver?
    /// Whether a tracker of this task has signed a proof.
    let isGenuine: @Sendable (PieceProof) -> Bool
    let limiter: RateLimiter
    let intake: PieceIntake
    /// Where progress and outcomes go.
    let report: @Sendable (DownloadEvent) -> Void
    /// The disk does not take what arrives.
    let diskFailed: @Sendable (any Error) -> Void
}

/// The connection on which pieces are asked of one neighbour. Requests are sent at once, one behind the other, so that
/// the neighbour always knows what comes next.
final class NeighbourLink: Sendable {
    private let context: ExchangeContext
    private let endpoint: Endpoint
    private let eventLoop: any EventLoop
    private let state: NIOLoopBoundBox<State>

    private struct State {
        var channel: (any Channel)?
        var isConnecting = false
        var isClosed = false
        /// Asked for before there was a connection.
        var unsent: [(RequestID, PieceIndex)] = []
    }

    init(_ endpoint: Endpoint, context: ExchangeContext, eventLoop: any EventLoop) {
        self.endpoint = endpoint
        self.context = context
        self.eventLoop = eventLoop
        state = .makeBoxSendingValue(State(), eventLoop: eventLoop)
    }

    func request(_ id: RequestID, _ piece: PieceIndex) {
        eventLoop.execute { [self] in
            guard !state.value.isClosed else { return context.report(.requestEnded(id, .failed)) }
            if let channel = state.value.channel {
                channel.pipeline.fireUserInboundEventTriggered(PieceExchangeHandler.Order.ask(id, piece))
            } else {
                state.value.unsent.append((id, piece))
                connect()
            }
        }
    }

    func cancel(_ id: RequestID) {
        eventLoop.execute { [self] in
            state.value.unsent.removeAll { $0.0 == id }
            state.value.channel?.pipeline.fireUserInboundEventTriggered(PieceExchangeHandler.Order.cancel(id))
        }
    }

    /// Ends the connection. What is under way ends without an outcome.
    func close() {
        eventLoop.execute { [self] in
            state.value.isClosed = true
            state.value.unsent = []
            state.value.channel?.pipeline.fireUserInboundEventTriggered(PieceExchangeHandler.Order.close)
        }
    }

    private func connect() {
        guard !state.value.isConnecting else { return }
        state.value.isConnecting = true
        PeerConnection.connect(to: endpoint, on: eventLoop) { [endpoint, context] channel in
            try channel.pipeline.syncOperations.addHTTPClientHandlers(leftOverBytesStrategy: .dropBytes)
            try channel.pipeline.syncOperations.addHandler(
                PieceExchangeHandler(host: endpoint.description, context: context))
        }.whenComplete { [self] result in
            state.value.isConnecting = false
            let unsent = state.value.unsent
            state.value.unsent = []
            switch result {
            case .success(let channel):
                guard !state.value.isClosed else { return channel.close(promise: nil) }
                state.value.channel = channel
                channel.closeFuture.whenComplete { [self] _ in state.value.channel = nil }
                for (id, piece) in unsent {
                    channel.pipeline.fireUserInboundEventTriggered(PieceExchangeHandler.Order.ask(id, piece))
                }
            case .failure:
                for (id, _) in unsent { context.report(.requestEnded(id, .failed)) }
            }
        }
    }
}

/// TCP connections to other nodes.
enum PeerConnection {
    private static let connectTimeout = TimeAmount.seconds(4)

    static func connect(
        to endpoint: Endpoint, on eventLoop: any EventLoop,
        configure: @escaping @Sendable (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        ClientBootstrap(group: eventLoop)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 65536, maximum: 262_144)
            )
            .connectTimeout(connectTimeout)
            .channelInitializer { channel in channel.eventLoop.makeCompletedFuture { try configure(channel) } }
            .connect(host: endpoint.host, port: endpoint.port)
    }
}
