import MinionCore
import NIOCore
import NIOPosix
import Swarm
import Synchronization

/// Works on one task for all who wait for it: drives one `Download`, and serves the content when it is complete.
///
/// Everything that happens goes into one queue, one task at a time takes it out, asks the rules, and has their actions
/// carried out.
final class TaskRun: Sendable {
    let order: RunOrder
    let life = RunLife()
    let executor: EventLoopTaskExecutor
    private let reception: Reception
    private var node: NodeServices { reception.node }
    private let mailbox: AsyncStream<EngineEvent>
    private let post: AsyncStream<EngineEvent>.Continuation
    private let view = Mutex(RunView())

    var task: TaskID { order.task }

    /// How often listeners are told how far it is.
    private static let tick = TimeAmount.milliseconds(200)

    init(_ order: RunOrder, _ reception: Reception) {
        self.order = order
        self.reception = reception
        executor = EventLoopTaskExecutor(reception.node.group.next())
        (mailbox, post) = AsyncStream.makeStream()
    }

    // MARK: From outside

    /// Another peer has introduced itself to the piece server.
    func introduce(_ info: NeighbourInfo) { post.yield(.swarm(.neighbourIntroduced(info), generation: nil)) }

    /// False if it is too late to join.
    func join(_ listener: DownloadListener) -> Bool {
        guard life.join({ post.yield(.join(listener)) }) else { return false }
        listener.seat { [post, weak listener] in
            if let listener { post.yield(.leave(listener)) }
        }
        return true
    }

    /// Takes over what of the node's limits concerns single tasks.
    func set(_ limits: NodeLimits) { post.yield(.limits(limits)) }

    /// Asks these trackers from now on, if it asks any.
    func follow(_ trackers: [String]) { post.yield(.trackers(trackers)) }

    /// Serves it no more.
    func forbid(_ why: String) { post.yield(.forbidden(why)) }

    func stop(removingFile: Bool) { post.yield(.stop(removingFile: removingFile)) }

    /// Whether its content is the cache's, complete or not.
    var servesCache: Bool {
        switch order.content {
        case .path: false
        case .cache: true
        case .kept(_, let isShare): !isShare
        }
    }

    /// How far it is, for people.
    var status: RunView { view.withLock { $0 } }

    // MARK: Running

    /// Downloads, and then goes on reporting to the tracker while others are served, until `stop`, or until there is
    /// nothing left to do.
    func run() async {
        let services = node.lend(to: order, executor: executor, reception: reception)
        await withDiscardingTaskGroup { group in
            let core = EngineCore(
                order: order, introduction: node.introduction(for: order), limits: reception.limits, services: services,
                life: life, post: post, whenOpened: { [self] in node.desk.opened(self) })
            let ticks = services.group.any().scheduleRepeatedTask(initialDelay: Self.tick, delay: Self.tick) {
                [post] _ in
                post.yield(.tick)
            }
            core.begin()
            for job in core.takeJobs() { group.addTask { await job() } }
            var isRemoving = false
            var events = mailbox.makeAsyncIterator()
            events: while let event = await events.next() {
                if case .stop(let removingFile) = event {
                    isRemoving = removingFile
                    break
                }
                core.handle(event)
                for job in core.takeJobs() { group.addTask { await job() } }
                switch core.standing {
                case .busy:
                    if case .tick = event { view.withLock { $0 = core.view } }
                case .over:
                    if !life.isOpen || life.close() { break events }
                case .serving:
                    guard !life.settled.isOpen, life.close() else { continue }
                    ticks.cancel()
                    view.withLock { $0 = core.view }
                    core.settle()
                    node.desk.settled(self, serves: true)
                    life.settled.open()
                }
            }
            ticks.cancel()
            life.shut()
            // A file that is being opened is closed again before anybody else may open it.
            while core.isOpening, let event = await events.next() { core.dismiss(event) }
            post.finish()
            await core.end(removingFile: isRemoving)
            while let event = await events.next() { core.dismiss(event) }
            node.totals.add(core.board.progress)
            group.cancelAll()
        }
        services.tracker?.giveBack()
        node.desk.ended(self)
        life.settled.open()
        life.ended.open()
    }
}

/// What people are told of a run.
struct RunView: Sendable {
    var progress = DownloadProgress()
    var listeners = 0
    var served: ServedTask?
    var state = TaskStatus.State.downloading
}
