import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Watches one connection: closes it when a request takes too long to arrive, an answer is not taken or the client is
/// gone, and tells when it ends, so that nothing waits for somebody who is not there.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// What a client that has closed its side may still wait for its answer.
    private static let patience = TimeAmount.seconds(1)
    /// What a client may go on sending, in bytes, after the connection's last response.
    private static let leftOver = 4 << 20

    private let requestTimeout: TimeAmount
    private let writeTimeout: TimeAmount
    private let onClose: @Sendable (ConnectionID) -> Void
    private var isRequestArriving = false
    private var arrival: Scheduled<Void>?
    private var end: Scheduled<Void>?
    private var stall: Scheduled<Void>?
    /// The response under way is the connection's last.
    private var isLast = false
    /// Bytes that came after it.
    private var left = 0

    init(requestTimeout: Duration, writeTimeout: Duration, onClose: @escaping @Sendable (ConnectionID) -> Void) {
        self.requestTimeout = TimeAmount(requestTimeout)
        self.writeTimeout = TimeAmount(writeTimeout)
        self.onClose = onClose
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            isRequestArriving = true
            // Whoever asks first gets to hear at once that the body may come; what is too long is refused all the same.
            if head.headerFields[.expect]?.lowercased() == "100-continue" {
                context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
            }
        case .body(let bytes):
            guard isLast else { break }
            left += bytes.readableBytes
            if left > Self.leftOver { return context.close(promise: nil) }
        case .end:
            isRequestArriving = false
            arrival?.cancel()
            arrival = nil
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Most requests arrive at once and need no timer.
        if isRequestArriving, arrival == nil { arrival = closing(context, in: requestTimeout) }
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed, end == nil {
            end = closing(context, in: Self.patience)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head): isLast = head.headerFields[.connection] == "close"
        case .body: break
        case .end:
            guard isLast else { break }
            context.writeAndFlush(data, promise: promise)
            // Closed at once, the response could be lost together with what the client is still sending.
            context.close(mode: .output, promise: nil)
            if end == nil { end = closing(context, in: Self.patience) }
            return
        }
        context.write(data, promise: promise)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stall?.cancel()
        stall = context.channel.isWritable ? nil : closing(context, in: writeTimeout)
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        arrival?.cancel()
        end?.cancel()
        stall?.cancel()
        onClose(ConnectionID(context.channel))
        context.fireChannelInactive()
    }

    private func closing(_ context: ChannelHandlerContext, in delay: TimeAmount) -> Scheduled<Void> {
        context.eventLoop.assumeIsolated().scheduleTask(in: delay) { context.close(promise: nil) }
    }
}
