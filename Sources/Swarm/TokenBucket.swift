package import MinionCore

/// Limits a flow of bytes to a rate, with a bounded burst. Taking is allowed to overdraw, once: the wait that follows
/// pays for it, so that amounts larger than the burst pass at the right mean rate.
package struct TokenBucket: Hashable, Sendable {
    /// Nil: no limit.
    package private(set) var bytesPerSecond: Double?
    private var tokens: Double
    private var updated: Instant

    /// How much may pass at once after a pause: what the rate carries in this time.
    package static let burst = Duration.milliseconds(100)

    package init(rate: ByteRate?, at now: Instant) {
        bytesPerSecond = rate?.bytesPerSecond
        tokens = 0
        updated = now
    }

    private var capacity: Double { (bytesPerSecond ?? 0) * Self.burst.inSeconds }

    package mutating func setRate(_ rate: ByteRate?, at now: Instant) {
        refill(at: now)
        bytesPerSecond = rate?.bytesPerSecond
        tokens = min(tokens, capacity)
    }

    private mutating func refill(at now: Instant) {
        guard let bytesPerSecond, now > updated else { return }
        tokens = min(capacity, tokens + (now - updated).inSeconds * bytesPerSecond)
        updated = now
    }

    /// Takes `bytes` and returns how long to wait before they may pass; zero if at once.
    package mutating func take(_ bytes: Int64, at now: Instant) -> Duration {
        guard let bytesPerSecond else { return .zero }
        refill(at: now)
        tokens -= Double(bytes)
        return tokens >= 0 ? .zero : .inSeconds(-tokens / bytesPerSecond)
    }
}
