import Logging
import MinionCore
import NIOPosix
import PieceStore
import Swarm
import Synchronization

/// Finds all who ask for a task what gives it to them: the cache, a run that is under way, or a new one.
final class Reception: Sendable {
    let node: NodeServices
    /// Everything that a node does beside its event loops.
    let nursery = Nursery()
    private let currentLimits: Mutex<NodeLimits>

    init(_ node: NodeServices) {
        self.node = node
        currentLimits = Mutex(node.configuration.limits)
    }

    var limits: NodeLimits {
        get { currentLimits.withLock { $0 } }
        set { currentLimits.withLock { $0 = newValue } }
    }

    static let ending = DownloadError(.other, "the node is ending; run the command again")

    func receive(_ listener: DownloadListener) {
        nursery.add { [self] in await admit(listener) }
    }

    /// The disk was too full for a run: gives those who waited for it another one, if others in the cache can make room
    /// for `bytes`; else tells them so.
    func beginAnew(_ listeners: [DownloadListener], needing bytes: Int64, _ failure: DownloadError) {
        guard !listeners.isEmpty else { return }
        nursery.add { [self] in
            let hasRoom = try? await node.pool.runIfActive { [cache = node.cache] in cache?.makeRoom(bytes) }
            for listener in listeners {
                if hasRoom == true { receive(listener) } else { listener.end(.failed(failure)) }
            }
        }
    }

    private func admit(_ listener: DownloadListener) async {
        while !listener.isGone {
            switch node.desk.join(listener) {
            case .taken: return
            case .closed: return listener.end(.failed(Self.ending))
            case .busy(let run):
                await run.life.settled.wait()
                continue
            case .none: break
            }
            if await giveWhatIsHere(listener) { return }
            let run = TaskRun(RunOrder(listener, content: place(for: listener)), self)
            if node.desk.begin(run, for: listener) { return start(run) }
        }
    }

    func start(_ run: TaskRun) {
        nursery.add(on: run.executor) { await run.run() }
    }

    private func place(for listener: DownloadListener) -> RunContent {
        guard let cache = node.cache else { return .path }
        let identity = listener.identity
        let name = listener.request.destination.isEmpty ? identity.resource : listener.request.destination
        return .cache(
            cache,
            CacheLabel(
                resource: identity.publicResource, tag: identity.tag, application: identity.application,
                name: Self.lastPart(of: name)))
    }

    /// What a file of that path or URL is called.
    private static func lastPart(of name: String) -> String {
        let path = name.prefix { $0 != "?" }
        return String(path.split(separator: "/").last?.split(separator: ":").last ?? "")
    }

    // MARK: What is here

    /// Gives what is complete on this host and needs no confirmation. False if there is no such thing.
    private func giveWhatIsHere(_ listener: DownloadListener) async -> Bool {
        if let run = node.desk.serving(listener.task), case .kept(let content as SharedFile, _) = run.order.content {
            return await give(content, to: listener)
        }
        guard let cache = node.cache else { return false }
        do {
            let now = node.wallClock()
            let found = try await node.pool.runIfActive { [task = listener.task] () -> CachedFile? in
                guard let found = try cache.complete(task), found.version.freshUntil > now else { return nil }
                found.touch()
                return found
            }
            guard let found else { return false }
            await give(ContentPin(found, node.intake), to: listener)
            return true
        } catch {
            node.logger.warning("the cache cannot be used", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func give(_ pin: ContentPin, to listener: DownloadListener) async {
        let (file, size) = (pin.file.file, pin.file.version.size)
        listener.keep(pin)
        let delivery = Delivery(listener: listener, path: pin.file.path, size: size)
        let error = try? await node.pool.runIfActive {
            let error = delivery.carryOut { try file.makeReader() }
            // The next who asks gets it anew.
            if error?.kind == .checksumMismatch { pin.file.drop() }
            return error
        }
        conclude(delivery, error ?? nil)
    }

    /// A file that this very node shares.
    private func give(_ content: SharedFile, to listener: DownloadListener) async -> Bool {
        let delivery = Delivery(listener: listener, path: content.path, size: content.version.size)
        let outcome = try? await node.pool.runIfActive { () -> (isUnchanged: Bool, error: DownloadError?) in
            guard content.isUnchanged else { return (false, nil) }
            return (true, delivery.carryOut { try content.makeReader() })
        }
        guard let outcome, outcome.isUnchanged else { return false }
        conclude(delivery, outcome.error)
        return true
    }

    private func conclude(_ delivery: Delivery, _ error: DownloadError?) {
        let listener = delivery.listener
        if let error { return listener.end(.failed(error)) }
        var progress = DownloadProgress()
        progress.size = delivery.size
        progress.bytesAlreadyHere = delivery.size
        progress.path = delivery.path
        progress.sourceQuestions = 0
        if listener.request.inOrder { listener.tell(.prefix(path: delivery.path, bytes: delivery.size)) }
        listener.end(.finished(progress))
    }
}
