package import MinionCore
import Swarm
import Synchronization
import Wire

/// What somebody gets who asked a node for a task.
package struct TaskDownload: Sendable {
    package let task: TaskID
    private let listener: DownloadListener

    init(_ listener: DownloadListener) {
        task = listener.task
        self.listener = listener
    }

    /// What happens; ends after `finished` or `failed`, of a share after `failed` only. For one reader.
    package var updates: AsyncStream<DownloadUpdate> { listener.updates }

    /// Whoever asked is gone: nothing more is told. A download that nobody else waits for ends, and what it has brought
    /// stays for the next; a share ends. After `finished`, content in a cache may be removed from now on, and what was
    /// written to a place outside is no longer served. To be called in any case when the content is not needed any more.
    package func cancel() async { listener.cancel() }
}

/// One who waits for a task: what was asked for, and where to tell what happens.
final class DownloadListener: Sendable {
    let request: DownloadRequest
    let task: TaskID
    let identity: TaskIdentity
    /// Whether the trackers are the node's, since the request names none.
    let followsNode: Bool
    /// Whether it fetches for others than this host's users.
    let isGuarded: Bool
    let updates: AsyncStream<DownloadUpdate>
    private let continuation: AsyncStream<DownloadUpdate>.Continuation
    private let state = Mutex(State())

    private struct State {
        var isGone = false
        var leave: (@Sendable () -> Void)?
        var kept: (any Sendable)?
        var attempts = 0
        var prefix: Int64 = 0
        var version: TaskVersion?
    }

    /// `nodeTrackers` are those of a request that names none.
    init(_ request: DownloadRequest, isGuarded: Bool = false, nodeTrackers: (TaskID) -> [String]) {
        self.isGuarded = isGuarded
        identity = request.identity
        task = TaskID(of: identity)
        followsNode = request.trackers.isEmpty
        var request = request
        if followsNode { request.trackers = nodeTrackers(task) }
        self.request = request
        (updates, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(256))
    }

    /// Whoever asked waits no more.
    var isGone: Bool { state.withLock { $0.isGone } }

    func tell(_ update: DownloadUpdate) { continuation.yield(update) }

    /// Tells the last there is to tell.
    func end(_ update: DownloadUpdate) {
        continuation.yield(update)
        continuation.finish()
    }

    /// Has `leave` called when whoever asked is gone; at once if that has happened.
    func seat(leave: @escaping @Sendable () -> Void) {
        let isGone = state.withLock { state in
            state.leave = leave
            return state.isGone
        }
        if isGone { leave() }
    }

    /// Holds on to something until whoever asked is gone.
    func keep(_ pin: any Sendable) {
        state.withLock { if !$0.isGone { $0.kept = pin } }
    }

    /// How far it has been told to read, and of which version, by a run that could not go on.
    var remembered: (prefix: Int64, version: TaskVersion?) { state.withLock { ($0.prefix, $0.version) } }

    func remember(_ prefix: Int64, of version: TaskVersion?) {
        state.withLock { ($0.prefix, $0.version) = (prefix, version) }
    }

    /// How often it was begun anew, this time included.
    func countAttempt() -> Int {
        state.withLock { state in
            state.attempts += 1
            return state.attempts
        }
    }

    func cancel() {
        let (leave, kept) = state.withLock { state in
            state.isGone = true
            defer { (state.leave, state.kept) = (nil, nil) }
            return (state.leave, state.kept)
        }
        leave?()
        // Not under the lock: it may be the last that holds it.
        _ = kept
        continuation.finish()
    }
}
