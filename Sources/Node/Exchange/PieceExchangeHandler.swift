import MinionCore
import NIOCore
import NIOHTTP1
import PieceStore
import Swarm
import Wire

/// The client's side of a piece exchange: sends requests, takes the answers in the same order, and passes their bytes on.
/// An answer that is not what was asked for ends with an outcome that says so, and costs at most the connection.
final class PieceExchangeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    enum Order: Sendable {
        case ask(RequestID, PieceIndex)
        case cancel(RequestID)
        case close
    }

    private struct Exchange {
        let id: RequestID
        let piece: PieceIndex
        var isCancelled = false
    }

    /// What is being received for the first of `exchanges`.
    private enum Answer {
        /// Its head has not arrived.
        case none
        case piece(PieceReceiver, PieceProof, received: Int, told: Progress)
        /// A body of which nothing is wanted; the outcome was told, or nobody waits for it.
        case ignored(bytes: Int)
    }

    private let host: String
    private let context: ExchangeContext
    private let path: String
    /// Asked and not yet answered, in order.
    private var exchanges: [Exchange] = []
    private var answer = Answer.none
    private var isPaused = false
    private var wakeUp = WakeUpMark()
    /// The neighbour said that it closes the connection after this answer.
    private var isLast = false

    /// How much had come when that was last told, and when.
    private struct Progress {
        var bytes = 0
        var time: NIODeadline
    }

    /// Progress is told at the first bytes, then in steps of this many, and no more often than this: a trickle is none.
    private static let progressStep = (bytes: 64 << 10, time: TimeAmount.milliseconds(100))
    /// The longest body of an answer that is no piece.
    private static let ignoredLimit = 64 << 10

    init(host: String, context: ExchangeContext) {
        self.host = host
        self.context = context
        path = TaskPath.content(context.task).text
    }

    // MARK: Requests

    func userInboundEventTriggered(context channel: ChannelHandlerContext, event: Any) {
        guard let order = event as? Order else { return channel.fireUserInboundEventTriggered(event) }
        switch order {
        case .ask(let id, let piece): ask(id, piece, channel)
        case .cancel(let id): cancel(id, channel)
        case .close:
            for index in exchanges.indices { exchanges[index].isCancelled = true }
            channel.close(promise: nil)
        }
    }

    private func ask(_ id: RequestID, _ piece: PieceIndex, _ channel: ChannelHandlerContext) {
        let range = context.layout.range(of: piece)
        exchanges.append(Exchange(id: id, piece: piece))
        let head = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: path,
            headers: [
                "Host": host, "User-Agent": "minion",
                "Range": "bytes=\(range.lowerBound)-\(range.upperBound - 1)",
            ])
        channel.write(wrapOutboundOut(.head(head)), promise: nil)
        channel.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    private func cancel(_ id: RequestID, _ channel: ChannelHandlerContext) {
        guard let index = exchanges.firstIndex(where: { $0.id == id }) else { return }
        exchanges[index].isCancelled = true
        if index == 0, case .piece(let receiver, _, let received, _) = answer {
            receiver.abandon()
            answer = .ignored(bytes: received)
        }
        // Nothing that comes on this connection is wanted any more.
        if exchanges.allSatisfy(\.isCancelled) { channel.close(promise: nil) }
    }

    // MARK: Answers

    func channelRead(context channel: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): receive(head, channel)
        case .body(let bytes): receive(bytes, channel)
        case .end: receiveEnd(channel)
        }
    }

    private func receive(_ head: HTTPResponseHead, _ channel: ChannelHandlerContext) {
        guard let exchange = exchanges.first else { return channel.close(promise: nil) }
        isLast = !head.isKeepAlive
        let length = head.headers.first(name: "Content-Length").flatMap { Int64($0) }
        switch head.status.code {
        case 206:
            guard !exchange.isCancelled else { break }
            let range = context.layout.range(of: exchange.piece)
            guard let field = head.headers.first(name: "Content-Range"), let told = ContentRange(field),
                told.range == range, told.size == context.layout.size, length == range.upperBound - range.lowerBound,
                let proof = head.headers.first(name: HeaderName.proof)
                    .flatMap({ HeaderValue.proof($0, piece: exchange.piece) })
            else { return refuse(.bad, channel) }
            guard let receiver = context.makeReceiver(exchange.piece) else {
                end(exchange, .failed)
                return refuse(nil, channel)
            }
            let now = NIODeadline.now()
            answer = .piece(receiver, proof, received: 0, told: Progress(time: now))
            wakeUp.begin(at: now)
            return
        case 503:
            guard !exchange.isCancelled else { break }
            if head.headers.contains(name: HeaderName.missing) {
                end(exchange, .missing)
            } else {
                let pause = head.headers.first(name: "Retry-After").flatMap { Double($0) } ?? 1
                end(exchange, .overloaded(retryAfterSeconds: pause))
            }
        case 404, 416:
            guard !exchange.isCancelled else { break }
            end(exchange, .missing)
        default:
            guard !exchange.isCancelled else { break }
            end(exchange, .failed)
        }
        answer = .ignored(bytes: 0)
    }

    private func receive(_ bytes: ByteBuffer, _ channel: ChannelHandlerContext) {
        switch answer {
        case .piece(let receiver, let proof, var received, var told):
            received += bytes.readableBytes
            guard received <= context.layout.length(of: receiver.piece) else {
                receiver.abandon()
                return refuse(.bad, channel)
            }
            receiver.append(bytes)
            let now = NIODeadline.now()
            let isStep = received - told.bytes >= Self.progressStep.bytes && now - told.time >= Self.progressStep.time
            if told.bytes == 0 || isStep, let id = exchanges.first?.id {
                told = Progress(bytes: received, time: now)
                context.report(.requestProgress(id, bytes: Int64(received)))
            }
            answer = .piece(receiver, proof, received: received, told: told)
            wakeUp.note(
                bytes.readableBytes, remaining: Int(context.layout.length(of: receiver.piece)) - received, at: now,
                channel)
            hold(bytes.readableBytes, channel)
        case .ignored(let before):
            let total = before + bytes.readableBytes
            // The rest of a cancelled piece is let through; it may be long, but not longer than a piece.
            let limit = exchanges.first?.isCancelled == true ? Int(context.layout.pieceSize) : Self.ignoredLimit
            guard total <= limit else { return channel.close(promise: nil) }
            answer = .ignored(bytes: total)
        case .none:
            channel.close(promise: nil)
        }
    }

    private func receiveEnd(_ channel: ChannelHandlerContext) {
        guard !exchanges.isEmpty else { return channel.close(promise: nil) }
        let exchange = exchanges.removeFirst()
        if case .piece(let receiver, let proof, _, _) = answer { finish(exchange, receiver, proof) }
        answer = .none
        if isLast { channel.close(promise: nil) }
    }

    /// Checks a piece that has come whole, on the threads of the intake, and tells what came of it.
    private func finish(_ exchange: Exchange, _ receiver: PieceReceiver, _ proof: PieceProof) {
        let context = context
        receiver.finish { hash in
            hash == proof.hash && context.isGenuine(proof)
        } done: { outcome in
            switch outcome {
            case .stored: context.report(.requestEnded(exchange.id, .verified(proof)))
            // Whoever was first has told that the piece is there.
            case .superseded: context.report(.requestEnded(exchange.id, .failed))
            case .bad: context.report(.requestEnded(exchange.id, .bad))
            case .failed(let error): context.diskFailed(error)
            }
        }
    }

    private func end(_ exchange: Exchange, _ outcome: RequestOutcome) {
        exchanges[0].isCancelled = true
        context.report(.requestEnded(exchange.id, outcome))
    }

    /// Ends a connection whose other end does not keep to the protocol.
    private func refuse(_ outcome: RequestOutcome?, _ channel: ChannelHandlerContext) {
        if let outcome, let exchange = exchanges.first, !exchange.isCancelled { end(exchange, outcome) }
        answer = .ignored(bytes: 0)
        channel.close(promise: nil)
    }

    // MARK: Flow

    /// Reads no more while the rate is used up or the disk is behind.
    private func hold(_ bytes: Int, _ channel: ChannelHandlerContext) {
        let pause = context.limiter.take(bytes)
        if pause > .zero {
            setPaused(true, channel)
            channel.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(pause.nanoseconds)) { [self] in
                setPaused(false, channel)
            }
        } else if !isPaused {
            let loop = channel.eventLoop
            let bound = NIOLoopBound((self, channel), eventLoop: loop)
            let mustWait = context.intake.waitForRoom {
                loop.execute { bound.value.0.setPaused(false, bound.value.1) }
            }
            if mustWait { setPaused(true, channel) }
        }
    }

    private func setPaused(_ paused: Bool, _ channel: ChannelHandlerContext) {
        guard paused != isPaused else { return }
        isPaused = paused
        channel.channel.setOption(.autoRead, value: !paused).whenFailure { _ in }
    }

    func channelInactive(context channel: ChannelHandlerContext) {
        if case .piece(let receiver, _, _, _) = answer { receiver.abandon() }
        answer = .none
        for exchange in exchanges where !exchange.isCancelled {
            context.report(.requestEnded(exchange.id, .failed))
        }
        exchanges = []
        channel.fireChannelInactive()
    }

    func errorCaught(context channel: ChannelHandlerContext, error: any Error) {
        channel.close(promise: nil)
    }
}
