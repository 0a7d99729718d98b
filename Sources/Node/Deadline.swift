import MinionCore
import NIOCore

/// The clock by which a node waits: steady, not moved by anybody who sets the time.
enum SteadyClock {
    static var now: Instant { Instant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds)) }
}

/// An operation did not end within its time.
struct DeadlineExceeded: Error {}

/// Runs `operation`, for `limit` at most; then it is cancelled, waited for, and `DeadlineExceeded` is thrown.
func withDeadline<Value: Sendable>(
    _ limit: Duration, _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        group.addTask(operation: operation)
        group.addTask {
            try await Task.sleep(for: limit)
            throw DeadlineExceeded()
        }
        defer { group.cancelAll() }
        guard let first = try await group.next() else { throw DeadlineExceeded() }
        return first
    }
}
