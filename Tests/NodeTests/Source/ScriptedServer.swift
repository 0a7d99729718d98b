import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A server on loopback that answers each request with what a script says, right or wrong.
final class ScriptedServer: Sendable {
    struct Request: Sendable {
        let method: String
        let target: String
        /// Names in lower case; of repeated fields the last.
        let headers: [String: String]
        let body: String
        /// Which connection it came over, from 0.
        let connection: Int
    }

    enum Step: Sendable {
        case text(String)
        case bytes([UInt8])
        /// The same text again and again, as long as the client reads.
        case flood(String)
        case close
    }

    /// What to do with a request, whose number (from 0) is given; after the last step the connection is left open.
    typealias Script = @Sendable (Request, Int) -> [Step]

    private struct State {
        var requests: [Request] = []
        var connections = 0
        var flooded = 0
        var closed: Set<Int> = []
    }

    private let state = Mutex(State())
    private let script: Script
    private let channel: Mutex<(any Channel)?> = Mutex(nil)

    private init(_ script: @escaping Script) { self.script = script }

    /// Runs `body` while the server listens. A greeting is sent before anything has been asked.
    static func run<Result>(
        isSecure: Bool = false, greeting: String? = nil, _ script: @escaping Script,
        _ body: (ScriptedServer) async throws -> Result
    ) async throws -> Result {
        let server = ScriptedServer(script)
        let tls = isSecure ? try TestCertificate.serverContext() : nil
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try channel.pipeline.syncOperations.addHandler(ScriptedHandler(server, greeting))
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
    /// A URL of this server; hosts other than `127.0.0.1` have to resolve to it.
    func url(_ path: String = "/file", scheme: String = "http", host: String = "127.0.0.1") -> String {
        "\(scheme)://\(host):\(port)\(path)"
    }

    var requests: [Request] { state.withLock { $0.requests } }
    var connectionCount: Int { state.withLock { $0.connections } }
    /// Bytes of floods that the kernel has taken.
    var flooded: Int { state.withLock { $0.flooded } }

    /// Returns when the connection has been closed.
    func connectionClosed(_ connection: Int = 0) async throws {
        try await eventually { self.state.withLock { $0.closed.contains(connection) } }
    }

    fileprivate func opened() -> Int {
        state.withLock { state in
            defer { state.connections += 1 }
            return state.connections
        }
    }

    fileprivate func closed(_ connection: Int) {
        state.withLock { _ = $0.closed.insert(connection) }
    }

    fileprivate func steps(for request: Request) -> [Step] {
        let number = state.withLock { state in
            state.requests.append(request)
            return state.requests.count - 1
        }
        return script(request, number)
    }

    fileprivate func flooded(_ bytes: Int) { state.withLock { $0.flooded += bytes } }
}

/// Reads requests by hand, since it has to go on after a `CONNECT` as after any other.
private final class ScriptedHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let server: ScriptedServer
    private let greeting: String?
    private var connection = 0
    private var received: [UInt8] = []
    private var flood: ByteBuffer?

    init(_ server: ScriptedServer, _ greeting: String?) {
        self.server = server
        self.greeting = greeting
    }

    func channelActive(context: ChannelHandlerContext) {
        connection = server.opened()
        if let greeting { run([.text(greeting)], context) }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        server.closed(connection)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += Array(unwrapInboundIn(data).readableBytesView)
        while let request = nextRequest() { run(server.steps(for: request), context) }
    }

    private func nextRequest() -> ScriptedServer.Request? {
        guard let end = received.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: received[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let words = lines[0].split(separator: " ")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count == 2 ? String(parts[1].drop { $0 == " " }) : ""
        }
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        guard received.count - end.upperBound >= length else { return nil }
        let body = String(decoding: received[end.upperBound..<end.upperBound + length], as: UTF8.self)
        received.removeFirst(end.upperBound + length)
        return ScriptedServer.Request(
            method: String(words[0]), target: String(words[1]), headers: headers, body: body, connection: connection)
    }

    private func run(_ steps: [ScriptedServer.Step], _ context: ChannelHandlerContext) {
        for step in steps {
            switch step {
            case .text(let text): context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
            case .bytes(let bytes): context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
            case .close: context.close(promise: nil)
            case .flood(let text):
                flood = ByteBuffer(string: String(repeating: text, count: max(1, (64 << 10) / text.utf8.count)))
                pour(context)
            }
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { pour(context) }
        context.fireChannelWritabilityChanged()
    }

    private func pour(_ context: ChannelHandlerContext) {
        guard let flood else { return }
        let promise = context.eventLoop.makePromise(of: Void.self)
        let server = server
        promise.futureResult.whenSuccess { server.flooded(flood.readableBytes) }
        context.writeAndFlush(wrapOutboundOut(flood), promise: promise)
        guard context.channel.isWritable else { return }
        // From the loop again, so that other connections of it get their turn.
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.execute { bound.value.0.pour(bound.value.1) }
    }
}
