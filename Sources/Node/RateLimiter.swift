package import MinionCore
import Swarm
import Synchronization

/// A limit that many transfers share: together they pass no more than its rate.
package final class RateLimiter: Sendable {
    private let bucket: Mutex<TokenBucket>

    /// Nil: no limit, until one is set.
    package init(rate: ByteRate? = nil) {
        bucket = Mutex(TokenBucket(rate: rate, at: SteadyClock.now))
    }

    /// Holds for all bytes that ask from now on; those that wait already go on waiting as long as they were told.
    package func setRate(_ rate: ByteRate?) {
        bucket.withLock { $0.setRate(rate, at: SteadyClock.now) }
    }

    /// Returns when `bytes` bytes may pass, at once if there is no limit. Those who wait are let through in the order
    /// in which they asked. Throws `CancellationError`.
    package func admit(_ bytes: Int) async throws {
        let wait = take(bytes)
        if wait > .zero { try await Task.sleep(for: wait) }
    }

    /// Takes `bytes` and returns how long to wait before more may pass; for those who cannot be suspended.
    func take(_ bytes: Int) -> Duration {
        bucket.withLock { $0.take(Int64(bytes), at: SteadyClock.now) }
    }
}
