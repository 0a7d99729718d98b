import Foundation

/// Lets threads wait for each other. For bodies of transactions, which are on threads where they may.
final class Latch: @unchecked Sendable {
    // The condition guards both.
    private let condition = NSCondition()
    private var opened = 0

    var count: Int {
        condition.lock()
        defer { condition.unlock() }
        return opened
    }

    func open() {
        condition.lock()
        opened += 1
        condition.broadcast()
        condition.unlock()
    }

    func wait() {
        condition.lock()
        while opened == 0, condition.wait(until: Date(timeIntervalSinceNow: 30)) {}
        condition.unlock()
    }
}
