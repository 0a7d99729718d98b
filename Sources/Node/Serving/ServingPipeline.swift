import NIOCore
import NIOHTTP1

extension ServingHandler {
    /// Makes `channel` a connection of the piece server.
    static func install(in channel: any Channel, core: ServingCore) throws {
        let pipeline = channel.pipeline.syncOperations
        guard core.connections.add(channel) else {
            try pipeline.addHandler(RefusalHandler())
            return
        }
        channel.closeFuture.whenComplete { _ in core.connections.remove(channel) }
        let handler = ServingHandler(core: core)
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = ServingLimits.headerBytes
        limits.maxHeaderListSize = ServingLimits.headerBytes
        limits.maxHeaderFieldCount = ServingLimits.headerFields
        try pipeline.addHandler(ArrivalHandler(handler))
        try pipeline.configureHTTPServerPipeline(
            withPipeliningAssistance: true, withErrorHandling: true, withEncoderConfiguration: .init(),
            withDecoderLimitConfiguration: limits)
        try pipeline.addHandler(handler)
    }
}

/// Tells the handler behind the HTTP decoder, which sees complete headers only, that bytes are coming.
private final class ArrivalHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let handler: ServingHandler

    init(_ handler: ServingHandler) { self.handler = handler }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        handler.bytesArrived()
        context.fireChannelRead(data)
    }
}

/// Ends a connection that there is no room for.
private final class RefusalHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let answer: StaticString =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    func channelActive(context: ChannelHandlerContext) {
        let buffer = context.channel.allocator.buffer(staticString: Self.answer)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        context.close(promise: nil)
    }
}
