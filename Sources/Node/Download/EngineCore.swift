import Logging
import MinionCore
import NIOCore
import NIOHTTP1
import PieceStore
import Swarm
import Wire

/// The state of a running download. Only the engine's one task touches it.
final class EngineCore {
    typealias Job = @Sendable () async -> Void

    let order: RunOrder
    let peer = PeerID(.random(in: .min ... .max))
    let services: RunServices
    let life: RunLife
    let post: AsyncStream<EngineEvent>.Continuation
    /// Called when a version's content is on the shelf.
    let whenOpened: () -> Void
    let keys = TrackerKeys()
    let source: SourceReader
    let started = SteadyClock.now
    let trace: DownloadTrace?

    var download: Download
    /// Which version's transfers are under way.
    var generation = 0
    /// Where pieces are stored, as long as any may come.
    var storage: TaskStorage?
    /// The version's place on the shelf.
    var served: ServedTask?
    /// The content once it is complete, if it is not at a destination.
    var kept: (any KeptContent)?
    var exchange: ExchangeContext?
    var unsized: OpenedContent?
    var news: [PeerID: NewsLink] = [:]
    var links: [PeerID: NeighbourLink] = [:]
    /// What each request is for, to find the link again and to name it in the trace.
    var requests: [RequestID: (piece: PieceIndex, peer: PeerID)] = [:]
    /// Reads of the source by their first piece; cancelled by the rules or at the end.
    var reads: [PieceIndex: Task<Void, Never>] = [:]
    var board: ProgressBoard
    var audience = Audience()
    /// Set when there is nothing left to download.
    var ending: Ending?
    /// A version's file is just being opened.
    var isOpening = false
    /// The listeners of a complete download are just being given what they asked for.
    var isConcluding = false
    /// What was served is not there any more, or nobody wants it to be served.
    var isWithdrawn = false
    /// The listener of a share has been told that others can get it; and that the tracker does not help.
    var isAnnounced = false
    var lastLook = Instant.zero
    var hasWarned = false

    private var jobs: [Job] = []
    private var timer: Scheduled<Void>?
    private var timerAt = Instant.never

    enum Ending {
        case complete
        case failed(DownloadError)
    }

    var task: TaskID { order.task }
    var request: DownloadRequest { order.request }
    var isOver: Bool { ending != nil }

    init(
        order: RunOrder, introduction: PeerIntroduction, limits: NodeLimits, services: RunServices, life: RunLife,
        post: AsyncStream<EngineEvent>.Continuation, whenOpened: @escaping () -> Void
    ) {
        self.order = order
        self.whenOpened = whenOpened
        self.services = services
        self.life = life
        self.post = post
        let request = order.request
        source = SourceReader(
            client: services.source, url: request.url, headers: request.headers, isGuarded: order.isGuarded)
        board = ProgressBoard(started: started)
        trace = request.tracePath.flatMap { [peer] in DownloadTrace(path: $0, peer: peer, start: SteadyClock.now) }
        var configuration = DownloadConfiguration(introduction: introduction)
        configuration.hasTracker = services.tracker != nil
        configuration.mayUseSource = request.mayUseSource
        configuration.inOrder = request.inOrder
        configuration.piecesInFlight = limits.piecesInFlight
        if case .kept(let content, _) = order.content {
            configuration.known = content.version
            configuration.servesOnly = true
        }
        download = Download(configuration: configuration, seed: .random(in: .min ... .max))
    }

    /// Work that the engine is to run beside itself.
    func takeJobs() -> [Job] {
        defer { jobs = [] }
        return jobs
    }

    func begin() {
        apply(.start)
    }

    // MARK: Events

    func handle(_ event: EngineEvent) {
        switch event {
        case .join(let listener): seat(listener)
        case .leave(let listener): leave(listener)
        case .limits(let limits):
            download.piecesInFlight = limits.piecesInFlight
            services.budget.setWeight(order.weight(services.standing.policy))
        case .trackers(let trackers): services.tracker?.follow(trackers)
        case .forbidden(let why): withdraw(why)
        case .swarm(let event, let generation):
            if let generation, generation != self.generation { return }
            apply(event)
        case .trackerReplied(let reply):
            if let key = reply.key { keys.add(key) }
            board.trackerAnswered()
            apply(.trackerReplied(reply))
            announce(after: reply)
        case .trackerFailed(let error):
            services.logger.debug("no answer from the tracker", metadata: ["error": "\(error)"])
            board.trackerFailed(error.message)
            apply(.trackerFailed)
            warnSharer(error.message)
        case .statted(let stat): statted(stat)
        case .unsizedProgress(let path, let bytes, let end):
            apply(.sourceProgress(bytes: bytes))
            audience.passOn(end, of: path, version: nil)
        case .unsizedRead(let result): unsizedRead(result)
        case .opened(let content):
            isOpening = false
            opened(content)
        case .openFailed(let error):
            isOpening = false
            fail(DownloadError(.other, error.message))
        case .diskFailed(let error, let generation): diskFailed(error, generation)
        case .news(let id, let link, let event): heard(event, from: id, link)
        case .digested(let listener):
            audience.update(listener) { $0.digest?.isBusy = false }
            followPrefix()
        case .concluded(let results): concluded(results)
        case .contentLost: lose()
        case .timer:
            timerAt = .never
            measureUplink()
            apply(.timer)
        case .tick: tick()
        case .stop: break
        }
    }

    /// Asks the rules and carries out what they say.
    func apply(_ event: DownloadEvent) {
        guard !isOver || download.phase == .complete else { return }
        let now = SteadyClock.now
        trace?.note(event, request: { requests[$0] }, at: now)
        if case .requestEnded(let id, _) = event { requests[id] = nil }
        for action in download.handle(event, at: now) {
            trace?.note(action, request: { requests[$0] }, at: now)
            perform(action)
        }
        switch event {
        case .sourcePiece, .requestEnded: followPrefix()
        default: break
        }
        setTimer(now)
    }

    private func setTimer(_ now: Instant) {
        let wake = download.nextWake
        guard wake < timerAt else { return }
        timer?.cancel()
        timerAt = wake
        let post = post
        timer = services.group.any().scheduleTask(in: .nanoseconds(max(0, (wake - now).nanoseconds))) {
            _ = post.yield(.timer)
        }
    }

    // MARK: Actions

    private func perform(_ action: DownloadAction) {
        switch action {
        case .report(let report): send(report)
        case .statSource:
            warnIfAlone()
            stat()
        case .open(let version): open(version)
        case .fetchSource(let run):
            warnIfAlone()
            read(run)
        case .cancelSource(let run): reads.removeValue(forKey: run.lowerBound)?.cancel()
        case .connect(let info): connect(info)
        case .disconnect(let id): disconnect(id)
        case .request(let id, let piece, let peer):
            requests[id] = (piece, peer)
            links[peer]?.request(id, piece)
        case .cancel(let id):
            if let peer = requests.removeValue(forKey: id)?.peer { links[peer]?.cancel(id) }
        case .offer(let proofs):
            offer(proofs)
        case .discard(let piece):
            storage?.discard(piece)
            // What was hashed may hold the piece.
            followAnew()
        case .complete:
            disconnectAll()
            if isServingOnly { ending = .complete } else { conclude() }
        case .fail(let failure): fail(error(for: failure))
        }
    }

    private func send(_ report: PeerReport) {
        guard let tracker = services.tracker else { return }
        jobs.append { [task, peer, post] in
            do {
                post.yield(.trackerReplied(try await tracker.report(report, task: task, peer: peer)))
            } catch let error as TrackerError {
                post.yield(.trackerFailed(error))
            } catch {
                // The download has ended; nobody waits for the answer.
            }
        }
    }

    private func stat() {
        services.logger.debug("asking the source for its version")
        board.sourceAsked()
        jobs.append { [source, post] in post.yield(.statted(await source.stat())) }
    }

    private func statted(_ stat: SourceReader.Stat) {
        switch stat {
        case .version(let version): apply(.sourceStat(.version(cut(version))))
        case .failed(let failure): apply(.sourceStat(.failed(failure)))
        case .unsized(let validator, let freshSeconds, let response):
            let reader = UnsizedSource(response: response, validator: validator, freshSeconds: freshSeconds)
            // The old version's file has the same temporary name.
            closeStorage()
            jobs.append { [order, post, intake = services.intake, wallClock = services.wallClock] in
                do {
                    let content = try await reader.read(for: order, intake: intake, wallClock: wallClock) {
                        post.yield(.unsizedProgress(path: $0, bytes: $1, end: $2))
                    }
                    post.yield(.unsizedRead(.success(content)))
                } catch let error as StorageError {
                    post.yield(.unsizedRead(.failure(.disk(error))))
                } catch {
                    post.yield(.unsizedRead(.failure(.source(SourceReader.failure(error)))))
                }
            }
        }
    }

    /// Cuts a version as it is cut in the cache already, or as the request wishes.
    private func cut(_ version: TaskVersion) -> TaskVersion {
        var pieceSize = request.pieceLength
        if case .cache(let cache, _) = order.content {
            pieceSize = cache.pieceSize(of: task, validator: version.validator, size: version.size) ?? pieceSize
        }
        guard let pieceSize, let layout = PieceLayout(size: version.size, pieceSize: pieceSize) else { return version }
        var version = version
        version.pieceSize = layout.pieceSize
        return version
    }

    private func unsizedRead(_ result: Result<OpenedContent, UnsizedFailure>) {
        switch result {
        case .success(let content):
            unsized = content
            apply(.sourceStat(.version(content.version)))
        case .failure(.source(let failure)):
            // Another try starts from the front, where readers that follow no longer are.
            let error = error(for: .source(failure))
            for seat in audience.remove(where: { $0.prefix > 0 }) { seat.listener.end(.failed(error)) }
            if !audience.isEmpty { apply(.sourceStat(.failed(failure))) }
        case .failure(.disk(let error)): diskFailed(error, generation)
        }
    }

    private func read(_ run: Range<PieceIndex>) {
        guard let storage else { return }
        let report = reporter()
        let diskFailed = diskReporter()
        let task = Task(executorPreference: services.executor) { [source] in
            let failure = await source.read(
                run, into: storage,
                progress: { report(.sourceProgress(bytes: $0)) },
                stored: { report(.sourcePiece($0, $1)) },
                diskFailed: diskFailed)
            report(.sourceEnded(run, failure))
        }
        reads[run.lowerBound] = task
        // The event loops must not end before it does.
        jobs.append { await task.value }
    }

    /// Posts events of the present version's transfers.
    func reporter() -> @Sendable (DownloadEvent) -> Void {
        { [post, generation] in post.yield(.swarm($0, generation: generation)) }
    }

    // MARK: Neighbours

    private func connect(_ info: NeighbourInfo) {
        guard let storage, let exchange else { return }
        services.logger.debug("neighbour", metadata: ["peer": "\(info.id)", "endpoint": "\(info.endpoint)"])
        let link = NewsLink(capacity: storage.layout.count) { [post] link, event in
            post.yield(.news(info.id, link, event))
        }
        link.connect(
            to: info.endpoint, headers: subscription(to: storage.version), path: TaskPath.news(task).text,
            eventLoop: services.group.next())
        news[info.id] = link
        links[info.id] = NeighbourLink(info.endpoint, context: exchange, eventLoop: services.group.next())
    }

    /// What a subscriber tells of itself: what it works on, and where it serves, if it does.
    private func subscription(to version: TaskVersion) -> HTTPHeaders {
        var headers: HTTPHeaders = [
            "User-Agent": "minion",
            HeaderName.validator: HeaderValue.validator(version.validator),
            HeaderName.layout: HeaderValue.layout(version),
        ]
        let introduction = download.configuration.introduction
        if introduction.canUpload {
            headers.add(name: HeaderName.peer, value: peer.hex)
            headers.add(name: HeaderName.endpoint, value: introduction.endpoint.description)
        }
        return headers
    }

    private func disconnect(_ id: PeerID) {
        news.removeValue(forKey: id)?.close()
        links.removeValue(forKey: id)?.close()
    }

    private func heard(_ event: NewsLink.Event, from id: PeerID, _ link: NewsLink) {
        // A link that was given up may have one more event in the queue.
        guard news[id] === link else { return }
        switch event {
        case .connected: apply(.neighbourConnected(id))
        case .news: apply(.neighbourNews(id, link.take()))
        case .lost, .unreachable:
            disconnect(id)
            apply(.neighbourLost(id, isUnreachable: event == .unreachable))
        }
    }

    func disconnectAll() {
        for id in Array(news.keys) { disconnect(id) }
        for read in reads.values { read.cancel() }
        reads = [:]
        requests = [:]
    }

    // MARK: End

    /// Ends the download for good with an error; what is on the disk stays for another try.
    func fail(_ error: DownloadError) {
        guard !isOver else { return }
        ending = .failed(error)
        services.logger.info("download failed", metadata: ["reason": "\(error.message)"])
        disconnectAll()
        board.update(from: download)
        for seat in audience.removeAll() { seat.listener.end(.failed(error)) }
    }

    /// Takes an event that comes too late.
    func dismiss(_ event: EngineEvent) {
        switch event {
        case .join(let listener): refuse(listener)
        case .opened(let content):
            isOpening = false
            services.intake.submit { content.close() }
        case .openFailed: isOpening = false
        default: break
        }
    }

    /// Leaves nothing behind that runs.
    func end(removingFile: Bool) async {
        timer?.cancel()
        disconnectAll()
        for seat in audience.removeAll() { refuse(seat.listener) }
        takeOffShelf()
        if let storage {
            try? await services.intake.run {
                if removingFile, storage.pin == nil { try? storage.file.remove() }
                storage.close()
            }
        }
        storage = nil
        unsized?.close()
        trace?.flush()
        await services.tracker?.leave(
            task: task, peer: peer, secret: download.configuration.introduction.secret)
    }
}
