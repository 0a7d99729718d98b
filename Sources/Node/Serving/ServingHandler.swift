import Logging
import MinionCore
import NIOCore
import NIOHTTP1
import Swarm
import Wire

/// One connection of the piece server: reads requests, one at a time, and answers them.
///
/// The handler lives on its channel's event loop. The pipelining handler before it holds later requests back, and with
/// them the reading of the socket, until the answer to the current one is complete.
final class ServingHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    enum Phase {
        /// Between two answers: waiting for a request, or reading it.
        case reading
        /// In the queue for an upload slot.
        case queued
        /// On the thread pool, which opens the file or looks at it.
        case preparing
        case sending
        case news
        /// The last answer is on its way out.
        case closing
        case closed
    }

    let core: ServingCore
    private(set) var context: ChannelHandlerContext?
    var phase = Phase.reading
    /// When the connection is cut, in `.reading` and `.closing`.
    private var deadline: NIODeadline = .distantFuture
    /// The bytes of a request have begun to arrive.
    private var isReceiving = true
    private var head: HTTPRequestHead?
    private var requestBodyBytes = 0
    /// A complete request that is not answered before the client has taken the earlier answers.
    private var held: HTTPRequestHead?
    private var isWritingEnd = false
    // How the request that is being answered was made.
    var version = HTTPVersion.http1_1
    var keepsAlive = true
    private var tick: Scheduled<Void>?

    // See ServingHandler+Body.swift.
    var order: BodyOrder?
    var ticket: UploadGate.Ticket?
    var transfer: BodyTransfer?
    var account = DeliveryAccount()
    var pace = ConnectionPace()
    /// The connection's socket, as long as it is open. Asking the channel for it costs more than what is done with it.
    private(set) var socket: NIOBSDSocket.Handle?
    /// The file of the task that this connection asked for last.
    var reader: (task: ServedTask, file: TaskReader)?

    // See ServingHandler+News.swift.
    var news: NewsStream?

    init(core: ServingCore) { self.core = core }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        socket = try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            $0
        }
        deadline = .now() + TimeAmount(core.limits.requestTimeout)
        scheduleTick()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    /// Gives everything back that the connection held.
    private func end() {
        guard phase != .closed else { return }
        phase = .closed
        context = nil
        socket = nil
        tick?.cancel()
        tick = nil
        held = nil
        head = nil
        endBody()
        endAccount()
        endNews()
        reader = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Resets and malformed requests are the weather of any server.
        core.logger.debug("connection failed", metadata: ["error": "\(error)"])
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ServingConnections.DrainEvent {
            switch phase {
            case .reading where head == nil && held == nil: context.close(promise: nil)
            case .news: finishNews()
            case .reading, .queued, .preparing, .sending, .closing, .closed: break
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func scheduleTick() {
        guard let context else { return }
        let limits = core.limits
        let shortest = min(limits.requestTimeout, limits.idleTimeout, limits.stallTimeout, limits.newsKeepAlive)
        let interval = max(.milliseconds(10), min(.seconds(1), shortest / 4))
        tick = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(interval)) { [weak self] in
            self?.lookAtClock()
        }
    }

    private func lookAtClock() {
        guard let context else { return }
        let now = NIODeadline.now()
        let isTooLate: Bool =
            switch phase {
            case .reading, .closing: now >= deadline
            case .sending: isBodyStalled(now)
            case .news: isNewsStalled(now)
            case .queued, .preparing, .closed: false
            }
        if isTooLate {
            context.close(promise: nil)
        } else {
            scheduleTick()
        }
    }

    // MARK: - Requests

    /// The first bytes of a request, or more of them, have come.
    func bytesArrived() {
        guard phase == .reading, !isReceiving else { return }
        isReceiving = true
        deadline = .now() + TimeAmount(core.limits.requestTimeout)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase == .reading else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            requestBodyBytes = 0
        case .body(let bytes):
            requestBodyBytes += bytes.readableBytes
            guard head != nil, requestBodyBytes > ServingLimits.requestBodyBytes else { return }
            head = nil
            keepsAlive = false
            send(.error(.payloadTooLarge, "requests have no body here"))
        case .end:
            guard let head else { return }
            self.head = nil
            if isWritingEnd {
                // The pipelining handler hands on the next request from within the end of the last answer. Answering it
                // here would go one level deeper for each request that was sent ahead.
                held = head
                deadline = .now() + TimeAmount(core.limits.stallTimeout)
                context.eventLoop.assumeIsolated().execute { [weak self] in self?.answerHeld() }
            } else if context.channel.isWritable {
                answer(head)
            } else {
                held = head
                deadline = .now() + TimeAmount(core.limits.stallTimeout)
            }
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            answerHeld()
            if phase == .news { flushNews() }
        }
        context.fireChannelWritabilityChanged()
    }

    private func answerHeld() {
        guard let context, context.channel.isWritable, phase == .reading, let head = held else { return }
        held = nil
        answer(head)
    }

    // MARK: - Answers

    /// Writes a whole short answer.
    func send(_ reply: ServingReply, isHead: Bool = false) {
        guard let context else { return }
        var headers = reply.headers
        if reply.status != .notModified {
            headers.replaceOrAdd(name: "Content-Length", value: String(reply.body.count))
        }
        writeHead(reply.status, headers)
        if !isHead, !reply.body.isEmpty {
            let buffer = context.channel.allocator.buffer(bytes: reply.body)
            context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
        }
        finishAnswer()
    }

    func writeHead(_ status: HTTPResponseStatus, _ headers: HTTPHeaders) {
        guard let context else { return }
        var headers = headers
        if !keepsAlive {
            headers.replaceOrAdd(name: "Connection", value: "close")
        } else if version == .http1_0 {
            headers.replaceOrAdd(name: "Connection", value: "keep-alive")
        }
        let head = HTTPResponseHead(version: version, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
    }

    /// Completes an answer whose body is written, and makes ready for the next request.
    func finishAnswer() {
        guard let context else { return }
        guard keepsAlive, !core.connections.isDraining else {
            phase = .closing
            deadline = .now() + TimeAmount(core.limits.stallTimeout)
            let promise = context.eventLoop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenComplete { [weak self] _ in
                self?.context?.close(promise: nil)
            }
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: promise)
            return
        }
        phase = .reading
        isReceiving = false
        deadline = .now() + TimeAmount(core.limits.idleTimeout)
        isWritingEnd = true
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        isWritingEnd = false
    }
}
