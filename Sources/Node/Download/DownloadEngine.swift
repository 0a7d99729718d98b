import Logging
import MinionCore
import NIOCore
import PieceStore
import Swarm
import Synchronization
import Wire

/// What a node lends to its downloads.
struct NodeServices: Sendable {
    let group: any EventLoopGroup
    /// Where the engine and its reads of the source run.
    let executor: EventLoopTaskExecutor
    let intake: PieceIntake
    let source: SourceClient
    /// Nil if no tracker was named.
    let tracker: TrackerClient?
    let limiter: RateLimiter
    let server: PieceServer
    let shelf: Shelf
    let logger: Logger
}

/// Drives one `Download`: everything that happens goes into one queue, one task at a time takes it out, asks the rules,
/// and has their actions carried out.
final class DownloadEngine: Sendable {
    let task: TaskID
    /// What the user is told; ends after `finished` or `failed`.
    let updates: AsyncStream<DownloadUpdate>
    private let mailbox: AsyncStream<EngineEvent>
    private let post: AsyncStream<EngineEvent>.Continuation
    private let tell: AsyncStream<DownloadUpdate>.Continuation
    private let request: DownloadRequest
    private let identity: TaskIdentity
    private let services: NodeServices
    private let introduction: PeerIntroduction
    private let peer: PeerID

    /// How often the user is told how far it is.
    private static let tick = TimeAmount.milliseconds(200)

    init(
        request: DownloadRequest, identity: TaskIdentity, peer: PeerID, introduction: PeerIntroduction,
        services: NodeServices
    ) {
        self.request = request
        self.identity = identity
        self.peer = peer
        self.introduction = introduction
        self.services = services
        task = TaskID(of: identity)
        (mailbox, post) = AsyncStream.makeStream()
        (updates, tell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(256))
    }

    /// Another peer has introduced itself to the piece server.
    func introduce(_ info: NeighbourInfo) { post.yield(.swarm(.neighbourIntroduced(info), generation: nil)) }

    func stop(removingFile: Bool) { post.yield(.stop(removingFile: removingFile)) }

    /// Downloads, and then goes on reporting to the tracker while others are served, until `stop`.
    func run() async {
        await withDiscardingTaskGroup { group in
            let core = EngineCore(
                request: request, identity: identity, task: task, peer: peer, introduction: introduction,
                services: services, post: post, tell: tell)
            let ticks = services.group.any().scheduleRepeatedTask(initialDelay: Self.tick, delay: Self.tick) {
                [post] _ in
                post.yield(.tick)
            }
            defer { ticks.cancel() }
            core.begin()
            for job in core.takeJobs() { group.addTask { await job() } }
            var isRemoving = false
            for await event in mailbox {
                if case .stop(let removingFile) = event {
                    isRemoving = removingFile
                    break
                }
                core.handle(event)
                for job in core.takeJobs() { group.addTask { await job() } }
            }
            await core.end(removingFile: isRemoving)
            group.cancelAll()
        }
        tell.finish()
    }
}
