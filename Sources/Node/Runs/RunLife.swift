import Synchronization

/// Whether listeners can join a run. It closes only when all that have joined are seated, so that none is lost.
final class RunLife: Sendable {
    private struct State {
        var isOpen = true
        /// Listeners that joined and that the run has not heard of.
        var expected = 0
    }

    private let state = Mutex(State())
    /// Nobody can join any more, and all that the run has on the disk is complete or given up.
    let settled = Latch()
    /// Nothing of the run is left.
    let ended = Latch()

    /// Calls `post`, which tells the run of a listener; false if it takes none any more.
    func join(_ post: () -> Void) -> Bool {
        state.withLock { state in
            guard state.isOpen else { return false }
            state.expected += 1
            // Under the lock, so that the run hears of it before it can close.
            post()
            return true
        }
    }

    func seated() { state.withLock { $0.expected -= 1 } }

    /// False if somebody has just joined.
    func close() -> Bool {
        state.withLock { state in
            guard state.expected == 0 else { return false }
            state.isOpen = false
            return true
        }
    }

    /// Closes in any case.
    func shut() { state.withLock { $0.isOpen = false } }

    var isOpen: Bool { state.withLock { $0.isOpen } }
}
