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

    let request: DownloadRequest
    let identity: TaskIdentity
    let task: TaskID
    let peer: PeerID
    let services: NodeServices
    let post: AsyncStream<EngineEvent>.Continuation
    let tell: AsyncStream<DownloadUpdate>.Continuation
    let keys = TrackerKeys()
    let source: SourceReader
    let started = SteadyClock.now
    let trace: DownloadTrace?

    var download: Download
    /// Which version's transfers are under way.
    var generation = 0
    var storage: TaskStorage?
    var exchange: ExchangeContext?
    var unsized: UnsizedContent?
    var news: [PeerID: NewsLink] = [:]
    var links: [PeerID: NeighbourLink] = [:]
    /// What each request is for, to find the link again and to name it in the trace.
    var requests: [RequestID: (piece: PieceIndex, peer: PeerID)] = [:]
    /// Reads of the source by their first piece; cancelled by the rules or at the end.
    var reads: [PieceIndex: Task<Void, Never>] = [:]
    var board: ProgressBoard
    var lastTelling = Instant.zero
    var digest: DigestFollower?
    var isOver = false

    private var jobs: [Job] = []
    private var timer: Scheduled<Void>?
    private var timerAt = Instant.never

    init(
        request: DownloadRequest, identity: TaskIdentity, task: TaskID, peer: PeerID, introduction: PeerIntroduction,
        services: NodeServices, post: AsyncStream<EngineEvent>.Continuation,
        tell: AsyncStream<DownloadUpdate>.Continuation
    ) {
        self.request = request
        self.identity = identity
        self.task = task
        self.peer = peer
        self.services = services
        self.post = post
        self.tell = tell
        source = SourceReader(client: services.source, url: request.url, headers: request.headers)
        board = ProgressBoard(started: started)
        trace = request.tracePath.flatMap { DownloadTrace(path: $0, peer: peer, start: SteadyClock.now) }
        var configuration = DownloadConfiguration(introduction: introduction)
        configuration.hasTracker = services.tracker != nil
        configuration.mayUseSource = request.mayUseSource
        configuration.inOrder = request.inOrder
        download = Download(configuration: configuration, seed: .random(in: .min ... .max))
    }

    /// Work that the engine is to run beside itself.
    func takeJobs() -> [Job] {
        defer { jobs = [] }
        return jobs
    }

    func begin() {
        if request.tracePath != nil, trace == nil {
            tell.yield(.warning("the trace file \(request.tracePath ?? "") cannot be written; going on without it"))
        }
        apply(.start)
    }

    // MARK: Events

    func handle(_ event: EngineEvent) {
        switch event {
        case .swarm(let event, let generation):
            if let generation, generation != self.generation { return }
            apply(event)
        case .trackerReplied(let reply):
            if let key = reply.key { keys.add(key) }
            board.trackerAnswered()
            apply(.trackerReplied(reply))
        case .trackerFailed(let error):
            services.logger.debug("no answer from the tracker", metadata: ["error": "\(error)"])
            board.trackerFailed(error.message)
            apply(.trackerFailed)
        case .statted(let stat): statted(stat)
        case .unsizedProgress(let path, let bytes, let end):
            apply(.sourceProgress(bytes: bytes))
            passOn(end, of: path)
        case .unsizedRead(let result): unsizedRead(result)
        case .opened(let file, let version, let proofs): opened(file, version, proofs)
        case .openFailed(let message): fail(DownloadError(.other, message))
        case .diskFailed(let error, let generation): diskFailed(error, generation)
        case .news(let id, let link, let event): heard(event, from: id, link)
        case .digested:
            digest?.isBusy = false
            followPrefix()
        case .published(let error): published(error)
        case .timer:
            timerAt = .never
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
            storage?.offer(proofs, diskFailed: diskReporter())
        case .discard(let piece):
            storage?.discard(piece)
            // What it has hashed may hold the piece.
            digest = storage.flatMap { makeDigest($0.file) }
        case .complete: publish()
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
        jobs.append { [source, post] in post.yield(.statted(await source.stat())) }
    }

    private func statted(_ stat: SourceReader.Stat) {
        switch stat {
        case .version(let version): apply(.sourceStat(.version(version)))
        case .failed(let failure): apply(.sourceStat(.failed(failure)))
        case .unsized(let validator, let freshSeconds, let response):
            let reader = UnsizedSource(response: response, validator: validator, freshSeconds: freshSeconds)
            // The old version's file has the same temporary name.
            closeStorage()
            jobs.append { [request, task, post, intake = services.intake] in
                do {
                    let (version, file, proofs) = try await reader.read(
                        to: request.destination, task: task, intake: intake
                    ) { post.yield(.unsizedProgress(path: $0, bytes: $1, end: $2)) }
                    post.yield(.unsizedRead(.success(UnsizedContent(version: version, file: file, proofs: proofs))))
                } catch let error as StorageError {
                    post.yield(.unsizedRead(.failure(.disk(error.message))))
                } catch {
                    post.yield(.unsizedRead(.failure(.source(SourceReader.failure(error)))))
                }
            }
        }
    }

    private func unsizedRead(_ result: Result<UnsizedContent, UnsizedFailure>) {
        switch result {
        case .success(let content):
            unsized = content
            apply(.sourceStat(.version(content.version)))
        // Another try starts from the front, where a reader that follows no longer is.
        case .failure(.source(let failure)) where board.prefix > 0: fail(error(for: .source(failure)))
        case .failure(.source(let failure)): apply(.sourceStat(.failed(failure)))
        case .failure(.disk(let message)): fail(DownloadError(.other, message))
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
        isOver = true
        services.logger.info("download failed", metadata: ["reason": "\(error.message)"])
        disconnectAll()
        board.update(from: download)
        tell.yield(.failed(error))
        tell.finish()
    }

    func finishTelling() {
        isOver = true
        tell.finish()
    }

    /// Leaves nothing behind that runs.
    func end(removingFile: Bool) async {
        timer?.cancel()
        disconnectAll()
        if let storage {
            services.shelf.remove(storage.served)
            try? await services.intake.run { [file = storage.file] in
                if removingFile { try? file.remove() }
                file.close()
            }
        }
        trace?.flush()
        await services.tracker?.leave(
            task: task, peer: peer, secret: download.configuration.introduction.secret)
    }
}
