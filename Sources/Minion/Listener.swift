import Node
import Synchronization

/// One end of a running download or share. When nobody holds it any more, the node is told.
final class Listener: Sendable {
    enum Event: Sendable {
        case progress(DownloadProgress)
        /// The first `bytes` bytes of the file under `path` are verified.
        case prefix(path: String, bytes: Int64)
        case finished(DownloadProgress)
    }

    private let running: RunningDownload
    private let state = Mutex(State())

    private struct State {
        var warnings: [String] = []
        var hasEnded = false
    }

    init(_ running: RunningDownload) { self.running = running }

    deinit {
        guard !state.withLock({ $0.hasEnded }) else { return }
        // Who stops iterating has no later moment to wait for.
        Task { [running] in await running.end() }
    }

    /// What the user should know, since it was last asked.
    func takeWarnings() -> [String] {
        state.withLock { state in
            defer { state.warnings = [] }
            return state.warnings
        }
    }

    /// What happens next. Throws `MinionError`, and `CancellationError` if the task is cancelled.
    func next() async throws -> Event {
        var updates = running.updates.makeAsyncIterator()
        while let update = await updates.next() {
            switch update {
            case .progress(let progress): return .progress(progress)
            case .prefix(let path, let bytes): return .prefix(path: path, bytes: bytes)
            case .warning(let text): state.withLock { $0.warnings.append(text) }
            case .finished(let progress): return .finished(progress)
            case .failed(let error): throw MinionError(error)
            }
        }
        try Task.checkCancellation()
        throw MinionError(.failed, "the download ended without a result; the client has been closed")
    }

    /// The node may forget about it. Again: nothing.
    func end() async {
        let isFirst = state.withLock { state in
            defer { state.hasEnded = true }
            return !state.hasEnded
        }
        if isFirst { await running.end() }
    }
}
