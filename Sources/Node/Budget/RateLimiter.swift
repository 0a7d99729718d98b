package import MinionCore
import Swarm
import Synchronization

/// A limit that many transfers share: together they pass no more than its rate, no more than their part of the rates
/// that they share with others, and no more than the limit that lies around this one.
package final class RateLimiter: Sendable {
    private let bucket: Mutex<TokenBucket>
    private let shares: [RateShare]
    private let outer: RateLimiter?

    /// Nil: no limit, until one is set. What passes here counts in `shares` and in `outer`, too.
    package init(rate: ByteRate? = nil, of shares: [RateShare] = [], within outer: RateLimiter? = nil) {
        bucket = Mutex(TokenBucket(rate: rate, at: SteadyClock.now))
        self.shares = shares
        self.outer = outer
    }

    /// Holds for all bytes that ask from now on; those that wait already go on waiting as long as they were told.
    package func setRate(_ rate: ByteRate?) {
        bucket.withLock { $0.setRate(rate, at: SteadyClock.now) }
    }

    /// Bytes per second that can pass at most, if all others leave it to this one; nil: unlimited.
    var bytesPerSecond: Double? {
        let limits = [bucket.withLock(\.bytesPerSecond), outer?.bytesPerSecond] + shares.map(\.bytesPerSecond)
        return limits.compactMap(\.self).min()
    }

    /// Returns when `bytes` bytes may pass, at once if there is no limit. Those who wait are let through in the order
    /// in which they asked. Throws `CancellationError`.
    package func admit(_ bytes: Int) async throws {
        let wait = take(bytes)
        if wait > .zero { try await Task.sleep(for: wait) }
    }

    /// Takes `bytes` and returns how long to wait before more may pass; for those who cannot be suspended.
    func take(_ bytes: Int) -> Duration {
        var wait = bucket.withLock { $0.take(Int64(bytes), at: SteadyClock.now) }
        for share in shares { wait = max(wait, share.take(Int64(bytes))) }
        return outer.map { max(wait, $0.take(bytes)) } ?? wait
    }
}
