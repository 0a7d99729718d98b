import MinionCore
import Synchronization

/// Keeps what is told at least some time apart.
final class TellingPace: Sendable {
    private let interval: Duration
    private let last: Mutex<Instant?> = Mutex(nil)

    init(seconds: Double) { interval = .inSeconds(seconds) }

    /// Whether to tell something now.
    func isDue(at now: Instant) -> Bool {
        last.withLock { last in
            if let last, now - last < interval { return false }
            last = now
            return true
        }
    }
}
