import NIOPosix
import Synchronization

/// The threads that hash and write what arrives, and the bound on how much may wait for them.
final class PieceIntake: Sendable {
    private let pool: NIOThreadPool
    private let state = Mutex(State())

    private struct State {
        var queued = 0
        var waiting: [@Sendable () -> Void] = []
    }

    /// Bytes that wait for a thread or are at work there; beyond it, nothing more is read from the network.
    private static let limit = 16 << 20

    init(threads: Int) {
        pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
    }

    func shutdown() async {
        try? await pool.shutdownGracefully()
    }

    /// Runs a job that may block.
    func submit(_ job: @escaping @Sendable () -> Void) {
        pool.submit { _ in job() }
    }

    /// Counts bytes that wait for a thread from now on.
    func charge(_ bytes: Int) {
        state.withLock { $0.queued += bytes }
    }

    /// Counts them off again.
    func discharge(_ bytes: Int) {
        guard bytes > 0 else { return }
        let released = state.withLock { state -> [@Sendable () -> Void] in
            state.queued -= bytes
            guard state.queued <= Self.limit / 2 else { return [] }
            defer { state.waiting = [] }
            return state.waiting
        }
        for callback in released { callback() }
    }

    /// Runs blocking work and returns what it returns.
    func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await pool.runIfActive(work)
    }

    /// False if there is room now; otherwise `callback` is called once there is.
    func waitForRoom(_ callback: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            guard state.queued > Self.limit else { return false }
            state.waiting.append(callback)
            return true
        }
    }

    /// Returns when there is room for more.
    func room() async {
        await withCheckedContinuation { continuation in
            if !waitForRoom({ continuation.resume() }) { continuation.resume() }
        }
    }
}
