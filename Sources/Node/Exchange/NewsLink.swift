import MinionCore
import NIOCore
import NIOHTTP1
import NIOPosix
import Swarm
import Synchronization
import Wire

/// The long answer in which a neighbour tells which pieces it has.
final class NewsLink: Sendable {
    enum Event: Sendable {
        case connected
        /// There is something for `take`.
        case news
        /// The subscription ended, or was refused.
        case lost
        /// There was no connection.
        case unreachable
    }

    private let capacity: Int
    private let state: Mutex<State>
    private let report: @Sendable (NewsLink, Event) -> Void

    private struct State {
        var channel: (any Channel)?
        var isClosed = false
        /// Told and not yet taken; one set, however much is told.
        var news: PieceSet
        var isTold = false
    }

    init(capacity: Int, report: @escaping @Sendable (NewsLink, Event) -> Void) {
        self.capacity = capacity
        self.report = report
        state = Mutex(State(news: PieceSet(capacity: capacity)))
    }

    /// Subscribes to the neighbour's news and introduces this peer to it.
    func connect(to endpoint: Endpoint, headers: HTTPHeaders, path: String, eventLoop: any EventLoop) {
        var headers = headers
        headers.add(name: "Host", value: endpoint.description)
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: headers)
        PeerConnection.connect(to: endpoint, on: eventLoop) { [self] channel in
            try channel.pipeline.syncOperations.addHTTPClientHandlers(leftOverBytesStrategy: .dropBytes)
            try channel.pipeline.syncOperations.addHandler(IdleStateHandler(readTimeout: NewsHandler.silence))
            try channel.pipeline.syncOperations.addHandler(NewsHandler(link: self, head: head))
        }.whenComplete { [self] result in
            switch result {
            case .success(let channel):
                let isClosed = state.withLock { state in
                    state.channel = channel
                    return state.isClosed
                }
                if isClosed { channel.close(promise: nil) }
            case .failure:
                tell(.unreachable)
            }
        }
    }

    /// What has been told since the last time.
    func take() -> PieceSet {
        state.withLock { state in
            state.isTold = false
            let news = state.news
            state.news = PieceSet(capacity: capacity)
            return news
        }
    }

    /// Ends the subscription. No event follows.
    func close() {
        let channel = state.withLock { state in
            state.isClosed = true
            return state.channel
        }
        channel?.close(promise: nil)
    }

    fileprivate func tell(_ event: Event) {
        guard !state.withLock({ $0.isClosed }) else { return }
        report(self, event)
    }

    /// False if the line is nonsense.
    fileprivate func receive(_ line: [UInt8]) -> Bool {
        guard let line = NewsLine(line, capacity: capacity) else { return false }
        let news: PieceSet
        switch line {
        case .keepAlive: return true
        case .all: news = PieceSet(full: capacity)
        case .pieces(let set): news = set
        }
        let isNew = state.withLock { state in
            state.news.formUnion(news)
            defer { state.isTold = true }
            return !state.isTold
        }
        if isNew { tell(.news) }
        return true
    }
}

/// Cuts the answer into lines.
private final class NewsHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    /// A neighbour that says nothing for so long, not even that it is there, is gone.
    static let silence = TimeAmount.seconds(30)

    private let link: NewsLink
    private let head: HTTPRequestHead
    private var line: [UInt8] = []
    private var isAccepted = false

    init(link: NewsLink, head: HTTPRequestHead) {
        self.link = link
        self.head = head
    }

    func channelActive(context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard head.status == .ok else { return context.close(promise: nil) }
            isAccepted = true
            link.tell(.connected)
        case .body(let bytes):
            guard isAccepted, take(bytes) else { return context.close(promise: nil) }
        case .end:
            context.close(promise: nil)
        }
    }

    private func take(_ bytes: ByteBuffer) -> Bool {
        for byte in bytes.readableBytesView {
            if byte == UInt8(ascii: "\n") {
                guard link.receive(line) else { return false }
                line.removeAll(keepingCapacity: true)
            } else {
                guard line.count < NewsLine.maximumLength else { return false }
                line.append(byte)
            }
        }
        return true
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        link.tell(.lost)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
