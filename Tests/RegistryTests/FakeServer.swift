import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// A server on loopback that answers each request with what a script says, right or wrong.
final class FakeServer: Sendable {
    struct Request: Sendable {
        var target: String
        var headers: HTTPHeaders

        var path: String { String(target.prefix { $0 != "?" }) }
        /// This server, as the client sees it.
        var host: String { headers.first(name: "Host") ?? "" }
        var authorization: String? { headers.first(name: "Authorization") }
    }

    struct Answer: Sendable {
        enum Body: Sendable {
            case bytes([UInt8])
            /// As much as the client reads.
            case endless
            /// Neither a head nor a body.
            case never
        }

        var status = 200
        var headers: HTTPHeaders = [:]
        var body = Body.bytes([])

        static func text(_ text: String, status: Int = 200, headers: HTTPHeaders = [:]) -> Answer {
            Answer(status: status, headers: headers, body: .bytes(Array(text.utf8)))
        }

        static func redirect(_ location: String, status: Int = 307) -> Answer {
            Answer(status: status, headers: ["Location": location])
        }
    }

    typealias Script = @Sendable (Request) -> Answer

    private let script: Script
    private let seen = Mutex<[Request]>([])
    private let channel = Mutex<(any Channel)?>(nil)

    private init(_ script: @escaping Script) { self.script = script }

    /// Runs `body` while the server listens.
    static func run<Result>(
        tls: NIOSSLContext? = nil, _ script: @escaping Script, _ body: (FakeServer) async throws -> Result
    ) async throws -> Result {
        let server = FakeServer(script)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(FakeServerHandler(server))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        server.channel.withLock { $0 = channel }
        do {
            let result = try await body(server)
            try await channel.close()
            return result
        } catch {
            try? await channel.close()
            throw error
        }
    }

    var port: Int { channel.withLock { $0?.localAddress?.port } ?? 0 }
    var requests: [Request] { seen.withLock { $0 } }

    fileprivate func answer(_ request: Request) -> Answer {
        seen.withLock { $0.append(request) }
        return script(request)
    }
}

private final class FakeServerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let server: FakeServer
    private var head: HTTPRequestHead?
    private var isPouring = false

    init(_ server: FakeServer) { self.server = server }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            send(server.answer(FakeServer.Request(target: head.uri, headers: head.headers)), context)
        }
    }

    private func send(_ answer: FakeServer.Answer, _ context: ChannelHandlerContext) {
        if case .never = answer.body { return }
        var head = HTTPResponseHead(
            version: .http1_1, status: .init(statusCode: answer.status), headers: answer.headers)
        if case .bytes(let bytes) = answer.body {
            head.headers.replaceOrAdd(name: "Content-Length", value: "\(bytes.count)")
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        } else {
            context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
            isPouring = true
            pour(context)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if isPouring { pour(context) }
        context.fireChannelWritabilityChanged()
    }

    private func pour(_ context: ChannelHandlerContext) {
        guard context.channel.isActive, context.channel.isWritable else { return }
        context.writeAndFlush(
            wrapOutboundOut(.body(.byteBuffer(ByteBuffer(repeating: 32, count: 64 << 10)))), promise: nil)
        // From the loop again, so that other connections of it get their turn.
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.execute { bound.value.0.pour(bound.value.1) }
    }
}
