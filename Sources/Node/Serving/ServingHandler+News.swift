import MinionCore
import NIOCore
import NIOHTTP1
import Swarm
import Wire

/// A long answer that tells one neighbour which pieces there are, and which come.
struct NewsStream {
    let task: ServedTask
    let subscriber: UInt64
    /// What the neighbour knows of. A neighbour that reads slowly costs this set, not a queue.
    var told: PieceSet
    var lastLine: NIODeadline
    var scheduled: Scheduled<Void>?
    /// Since when the channel has been full.
    var blockedSince: NIODeadline?
}

extension ServingHandler {
    func startNews(_ head: HTTPRequestHead, of task: ServedTask) {
        guard let context else { return }
        let neighbour: NeighbourInfo?
        switch Introduction.read(head.headers, remoteHost: Introduction.host(of: context.remoteAddress), task) {
        case .malformed: return send(.error(.badRequest, "a Minion- header field is not well formed"))
        case .otherVersion: return send(.error(.conflict, "this node has another version of the task"))
        case .peer(let info): neighbour = info
        case .anonymous: neighbour = nil
        }
        let loop = context.eventLoop
        let handler = NIOLoopBound(self, eventLoop: loop)
        let subscriber = task.subscribe(limit: core.limits.newsSubscribers) {
            loop.execute { handler.value.newsAreThere() }
        }
        guard let subscriber else {
            return send(.error(.serviceUnavailable, "too many neighbours; try another peer", [("Retry-After", "5")]))
        }
        guard let offered = task.news(for: subscriber) else {
            task.unsubscribe(subscriber)
            return send(.unknownTask)
        }
        phase = .news
        news = NewsStream(task: task, subscriber: subscriber, told: offered, lastLine: .now())
        writeHead(.ok, ["Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"])
        write(NewsLine.bytes(of: offered), context)
        if let neighbour { core.onNeighbour(task.id, neighbour) }
    }

    private func newsAreThere() {
        guard let context, let news, news.scheduled == nil else { return }
        let due = news.lastLine + TimeAmount(core.limits.newsInterval ?? core.gate.newsInterval)
        guard due > .now() else { return flushNews() }
        self.news?.scheduled = context.eventLoop.assumeIsolated().scheduleTask(deadline: due) { [weak self] in
            self?.news?.scheduled = nil
            self?.flushNews()
        }
    }

    /// Writes what the neighbour does not know yet; if the channel is full, that happens when it no longer is.
    func flushNews() {
        guard let context, var news, news.scheduled == nil else { return }
        guard context.channel.isWritable else {
            self.news?.blockedSince = news.blockedSince ?? .now()
            return
        }
        guard let offered = news.task.news(for: news.subscriber) else { return finishNews() }
        let fresh = offered.subtracting(news.told)
        news.told = offered
        news.blockedSince = nil
        if !fresh.isEmpty { news.lastLine = .now() }
        self.news = news
        guard !fresh.isEmpty else { return }
        write(offered.isComplete ? NewsLine.allBytes : NewsLine.bytes(ofRuns: fresh.runs), context)
    }

    /// Ends the stream; the connection can be used on.
    func finishNews() {
        guard news != nil else { return }
        endNews()
        finishAnswer()
    }

    func endNews() {
        guard let news else { return }
        self.news = nil
        news.scheduled?.cancel()
        news.task.unsubscribe(news.subscriber)
    }

    /// Keeps the stream alive, and tells whether its reader is to be given up.
    func isNewsStalled(_ now: NIODeadline) -> Bool {
        guard let context, let news else { return false }
        guard context.channel.isWritable else {
            let since = news.blockedSince ?? now
            self.news?.blockedSince = since
            return now - since >= TimeAmount(core.limits.stallTimeout)
        }
        if now - news.lastLine >= TimeAmount(core.limits.newsKeepAlive) {
            self.news?.lastLine = now
            write(NewsLine.keepAliveBytes, context)
        }
        return false
    }

    private func write(_ line: [UInt8], _ context: ChannelHandlerContext) {
        let buffer = context.channel.allocator.buffer(bytes: line)
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
    }
}

/// What a subscriber to news says about itself. All of it may be left out, by a person with curl for instance.
private enum Introduction {
    case anonymous
    case peer(NeighbourInfo)
    case otherVersion
    case malformed

    static func read(_ headers: HTTPHeaders, remoteHost: String?, _ task: ServedTask) -> Introduction {
        if let text = headers.first(name: HeaderName.validator) {
            guard let validator = HeaderValue.validator(encoded: text) else { return .malformed }
            guard validator == task.version.validator else { return .otherVersion }
        }
        if let text = headers.first(name: HeaderName.layout) {
            guard let layout = HeaderValue.layout(text) else { return .malformed }
            guard layout == task.layout else { return .otherVersion }
        }
        guard let text = headers.first(name: HeaderName.peer) else { return .anonymous }
        guard let peer = PeerID(hex: text) else { return .malformed }
        guard let address = headers.first(name: HeaderName.endpoint) else { return .anonymous }
        guard let endpoint = HeaderValue.endpoint(address) else { return .malformed }
        guard let host = endpoint.host.isEmpty ? remoteHost : endpoint.host else { return .anonymous }
        return .peer(NeighbourInfo(id: peer, endpoint: Endpoint(host: host, port: endpoint.port)))
    }

    /// The address that a connection came from. IPv4 addresses are written as such, though a dual-stack socket sees them
    /// as IPv6.
    static func host(of address: SocketAddress?) -> String? {
        guard let text = address?.ipAddress else { return nil }
        return text.hasPrefix("::ffff:") && text.contains(".") ? String(text.dropFirst(7)) : text
    }
}
