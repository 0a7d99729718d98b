import MinionCore
import Node

/// A local file that others can download by its name, without any source. It is offered until ``end()``, or until nobody
/// holds the share any more.
public struct Share: Sendable {
    /// What others pass to `download` or `minion get`: `minion:NAME` or a URL.
    public let name: String
    /// 64 hexadecimal digits.
    public let task: String
    private let listener: Listener

    init(name: String, task: TaskID, listener: Listener) {
        self.name = name
        self.task = task.hex
        self.listener = listener
    }

    /// Waits as long as the file is offered. Throws `MinionError` when it can no longer be, because it was changed or
    /// removed, and `CancellationError` if the task is cancelled.
    public func waitForFailure() async throws {
        while true { _ = try await listener.next() }
    }

    /// Withdraws the file. Those who have all of it go on serving it.
    public func end() async { await listener.end() }
}
