package import MinionCore

/// Learns what the uplink carries when it is busy: bytes that left the machine, over the time in which at least one
/// body was on its way.
package struct UplinkMeter: Hashable, Sendable {
    /// Bytes per second; nil until a first measurement is complete.
    package private(set) var bytesPerSecond: Double?
    private var bodies = 0
    /// The end of the time that is counted in `busy`, while a body is on its way.
    private var counted = Instant.zero
    private var busy = Duration.zero
    private var bytes: Int64 = 0
    /// The fewest bodies that were on their way at a time since the measurement began.
    private var fewest = Int.max

    /// Two half-seconds of traffic, for `recentRate`.
    private var half = Instant.zero
    private var halfBytes: Int64 = 0
    private var previousHalfBytes: Int64 = 0

    /// The busy time that makes one measurement. Shorter ones would measure the socket's buffer.
    package static let sample = Duration.milliseconds(200)
    /// So many bodies on their way show that the uplink is what limits them.
    private static let many = 4
    private static let halfLength = Duration.milliseconds(500)

    package init() {}

    package mutating func began(at now: Instant) {
        if bodies == 0 { counted = now }
        bodies += 1
        fewest = min(fewest, bodies)
    }

    package mutating func ended(at now: Instant) {
        guard bodies > 0 else { return }
        count(until: now)
        bodies -= 1
        fewest = min(fewest, bodies)
    }

    /// `count` more bytes have reached the other side.
    package mutating func delivered(_ count: Int64, at now: Instant) {
        self.count(until: now)
        bytes += count
        turn(at: now)
        halfBytes += count
        guard busy >= Self.sample else { return }
        let rate = Double(bytes) / busy.inSeconds
        // Slow receivers, and pauses between two requests, make an uplink look slower than it is; nothing makes it look
        // faster. So it is believed to have become slower only when many share it.
        let known = bytesPerSecond ?? rate
        bytesPerSecond = known + (rate > known ? 0.5 : fewest >= Self.many ? 0.2 : 0) * (rate - known)
        fewest = bodies
        busy = .zero
        bytes = 0
    }

    /// Bytes per second over the last half to whole second, idle or not.
    package mutating func recentRate(at now: Instant) -> Double {
        turn(at: now)
        let seconds = (now - half).inSeconds + Self.halfLength.inSeconds
        return Double(halfBytes + previousHalfBytes) / seconds
    }

    private mutating func count(until now: Instant) {
        guard bodies > 0, now > counted else { return }
        busy += now - counted
        counted = now
    }

    private mutating func turn(at now: Instant) {
        let age = now - half
        guard age >= Self.halfLength else { return }
        previousHalfBytes = age < Self.halfLength * 2 ? halfBytes : 0
        halfBytes = 0
        half = now
    }
}
