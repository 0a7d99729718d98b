import NIOPosix
import Synchronization

/// A fixed number of things that are lent to one caller at a time, each with a thread on which the caller may block.
/// Who finds none waits in line; the line is bounded, and so is the wait.
final class Lanes<Resource: Sendable>: Sendable {
    private let threads: NIOThreadPool
    private let queueLimit: Int
    private let waitLimit: Duration
    private let state: Mutex<State>

    private struct State {
        var free: [Resource]
        var lent = 0
        var waiting: [Waiter] = []
        var nextWaiter: UInt64 = 0
        var isWatched = false
        var isClosed = false
        /// Who waits until everything was given back.
        var closing: [CheckedContinuation<Void, Never>] = []
    }

    private struct Waiter {
        let id: UInt64
        let until: ContinuousClock.Instant
        let continuation: CheckedContinuation<Resource, any Error>
    }

    init(_ resources: [Resource], queueLimit: Int, waitLimit: Duration) {
        threads = NIOThreadPool(numberOfThreads: resources.count)
        threads.start()
        self.queueLimit = queueLimit
        self.waitLimit = waitLimit
        state = Mutex(State(free: resources))
    }

    /// Runs `body` with one of the things, on a thread of its own.
    func run<Result: Sendable>(_ body: @escaping @Sendable (Resource) throws -> Result) async throws -> Result {
        let resource = try await take()
        defer { give(resource) }
        return try await threads.runIfActive { try body(resource) }
    }

    /// Refuses new callers and waits for those that are at work. Nobody uses the things any more then; they are returned
    /// at the first time.
    @discardableResult
    func close() async -> [Resource] {
        let waiting = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.continuation.resume(throwing: StoreError.closed) }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isIdle = state.withLock { state in
                if state.lent > 0 { state.closing.append(continuation) }
                return state.lent == 0
            }
            if isIdle { continuation.resume() }
        }
        try? await threads.shutdownGracefully()
        return state.withLock { state in
            defer { state.free = [] }
            return state.free
        }
    }

    // MARK: Lending

    private func take() async throws -> Resource {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if let outcome = takeOrWait(as: id, continuation) { continuation.resume(with: outcome) }
            }
        } onCancel: {
            remove(id)?.resume(throwing: CancellationError())
        }
    }

    /// nil: the caller waits in line.
    private func takeOrWait(
        as id: UInt64, _ continuation: CheckedContinuation<Resource, any Error>
    ) -> Result<Resource, any Error>? {
        // A task that was cancelled before it got here finds nobody to take it out of the line again.
        if Task.isCancelled { return .failure(CancellationError()) }
        let (outcome, mustWatch) = state.withLock { state -> (Result<Resource, any Error>?, Bool) in
            if state.isClosed { return (.failure(StoreError.closed), false) }
            if state.waiting.isEmpty, let resource = state.free.popLast() {
                state.lent += 1
                return (.success(resource), false)
            }
            guard state.waiting.count < queueLimit else { return (.failure(StoreError.overloaded), false) }
            state.waiting.append(
                Waiter(id: id, until: ContinuousClock.now + waitLimit, continuation: continuation))
            defer { state.isWatched = true }
            return (nil, !state.isWatched)
        }
        if mustWatch { watch() }
        // It may have been cancelled between the look above and the line; whoever removes it resumes it.
        if outcome == nil, Task.isCancelled { remove(id)?.resume(throwing: CancellationError()) }
        return outcome
    }

    private func give(_ resource: Resource) {
        let next = state.withLock { state -> CheckedContinuation<Resource, any Error>? in
            if !state.waiting.isEmpty { return state.waiting.removeFirst().continuation }
            state.lent -= 1
            state.free.append(resource)
            return nil
        }
        if let next { return next.resume(returning: resource) }
        let closing = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard state.lent == 0 else { return [] }
            defer { state.closing = [] }
            return state.closing
        }
        for continuation in closing { continuation.resume() }
    }

    private func remove(_ id: UInt64) -> CheckedContinuation<Resource, any Error>? {
        state.withLock { state in
            state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0).continuation }
        }
    }

    /// Sends those away who waited too long, as long as anybody waits.
    private func watch() {
        Task {
            while let next = expire() { try? await Task.sleep(until: next, clock: .continuous) }
        }
    }

    /// When to look again; nil if nobody waits.
    private func expire() -> ContinuousClock.Instant? {
        let now = ContinuousClock.now
        let (late, next) = state.withLock { state in
            // They came in the order in which they have to go.
            let late = Array(state.waiting.prefix { $0.until <= now })
            state.waiting.removeFirst(late.count)
            state.isWatched = !state.waiting.isEmpty
            return (late, state.waiting.first?.until)
        }
        for waiter in late { waiter.continuation.resume(throwing: StoreError.overloaded) }
        return next
    }
}

extension StoreError {
    static let closed = unavailable("the store is closed")
    static let overloaded = unavailable("the database has too much to do; try again")
}
