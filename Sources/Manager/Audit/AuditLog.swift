import Logging
package import ManagerStore
import Synchronization

/// Gathers what is to be written into the audit, and writes it a little later, many records at a time.
package final class AuditLog: Sendable {
    private struct State {
        var waiting: [Audit] = []
        var lost = 0
    }

    /// Records of one transaction at most.
    private static let batch = 500
    /// How long a server that stops waits for a store that is away.
    private static let lastPatience = Duration.seconds(5)

    private let store: Store
    private let limit: Int
    private let delay: Duration
    private let logger: Logger
    private let state = Mutex(State())

    init(store: Store, limit: Int, delay: Duration, logger: Logger) {
        self.store = store
        self.limit = limit
        self.delay = delay
        self.logger = logger
    }

    /// Takes a record. Never waits: if too many wait already, the record is lost and counted.
    package func note(_ record: Audit) {
        state.withLock { state in
            if state.waiting.count < limit { state.waiting.append(record) } else { state.lost += 1 }
        }
    }

    /// Writes until the task is cancelled, and then what is left.
    package func run() async {
        while true {
            try? await Task.sleep(for: delay)
            guard !Task.isCancelled else { break }
            await flush()
        }
        // A cancelled task could not wait for the store.
        await Task { await finish() }.value
    }

    /// Writes all that is left, and tries for a while where the store is away.
    private func finish() async {
        let end = ContinuousClock.now + Self.lastPatience
        while true {
            await flush()
            let left = state.withLock { $0.waiting.count }
            guard left > 0 else { return }
            guard ContinuousClock.now < end else {
                return logger.error("audit records lost, because the store is away", metadata: ["count": "\(left)"])
            }
            try? await Task.sleep(for: .milliseconds(200))
        }
    }

    /// Writes all that waits. What the store does not take now is kept for the next time.
    package func flush() async {
        while true {
            let (records, lost) = state.withLock { state in
                defer { state.lost = 0 }
                return (Array(state.waiting.prefix(Self.batch)), state.lost)
            }
            if lost > 0 { logger.error("audit records lost", metadata: ["count": "\(lost)"]) }
            guard !records.isEmpty else { return }
            do {
                try await store.write { try $0.audits.append(records) }
            } catch {
                logger.error("cannot write the audit", metadata: ["error": "\(error)"])
                return
            }
            state.withLock { $0.waiting.removeFirst(records.count) }
        }
    }
}
