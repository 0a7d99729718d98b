import MinionCore
import NIOCore
import Swarm
import Synchronization

/// The limits that all connections of a piece server share: upload slots, the upload rate, and the uplink's measure.
///
/// Called from every event loop; each call is a short critical section.
final class UploadGate: Sendable {
    typealias Ticket = UploadQueue.Ticket

    private struct State {
        var queue: UploadQueue
        var meter = UplinkMeter()
        var newsPace = NewsPace()
        var nextTicket: Ticket = 1
        var waiting: [Ticket: @Sendable () -> Void] = [:]
        var refused: Int64 = 0
    }

    /// What all bodies together may pass.
    let rate: SharedRate
    /// The limit of tasks that have none of their own: all of them together have one part of the rate.
    private let common: RateLimiter
    private let state: Mutex<State>

    init(limits: UploadQueue.Limits, rate: SharedRate) {
        self.rate = rate
        common = RateLimiter(of: [rate.open()])
        state = Mutex(State(queue: UploadQueue(limits: limits)))
    }

    static var now: Instant { Instant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds)) }

    // MARK: - Slots

    /// Asks for a slot. If the answer is `.wait`, the closure that `whenStarted` makes is called once the slot is there,
    /// on any thread, unless the ticket is given back before. Every ticket that was not refused is to be given back once.
    func request(
        for item: UploadQueue.Item?, of flow: UploadQueue.Flow, whenStarted: (Ticket) -> @Sendable () -> Void
    ) -> (Ticket, UploadQueue.Answer) {
        state.withLock { state in
            let ticket = state.nextTicket
            state.nextTicket += 1
            let answer = state.queue.request(ticket, for: item, of: flow)
            switch answer {
            case .start: break
            case .wait: state.waiting[ticket] = whenStarted(ticket)
            case .refuse: state.refused += 1
            }
            return (ticket, answer)
        }
    }

    func giveBack(_ ticket: Ticket) {
        let started = state.withLock { state in
            state.waiting[ticket] = nil
            return state.queue.finish(ticket).compactMap { state.waiting.removeValue(forKey: $0) }
        }
        for start in started { start() }
    }

    /// What is being served goes on, and nobody who waits is sent away, whatever the numbers.
    func setLimits(_ limits: UploadQueue.Limits) {
        let started = state.withLock { state in
            state.queue.setLimits(limits).compactMap { state.waiting.removeValue(forKey: $0) }
        }
        for start in started { start() }
    }

    // MARK: - Rate

    /// How many of `remaining` bytes of a task to send next, and how long to wait before.
    func takeWindow(of remaining: Int64, for task: ServedTask) -> (bytes: Int64, wait: Duration) {
        let limiter = task.uploads ?? common
        guard let rate = limiter.bytesPerSecond else { return (min(remaining, ServingLimits.window), .zero) }
        // A fiftieth of a second: small enough to keep the rate smooth whatever the number of connections.
        let window = max(4 << 10, min(Int64(rate / 50), ServingLimits.window))
        let bytes = min(remaining, window)
        return (bytes, limiter.take(Int(bytes)))
    }

    // MARK: - Measure

    func bodyBegan() { state.withLock { $0.meter.began(at: Self.now) } }
    func bodyTook(_ time: Duration) { state.withLock { $0.newsPace.bodyTook(time) } }
    func bodyEnded() { state.withLock { $0.meter.ended(at: Self.now) } }
    func delivered(_ bytes: Int64) { state.withLock { $0.meter.delivered(bytes, at: Self.now) } }

    var newsInterval: Duration { state.withLock { $0.newsPace.interval } }

    /// Bytes per second; nil until known. A rate that was set is its upper bound.
    var uplink: Double? {
        state.withLock { state in
            state.meter.bytesPerSecond.map { min($0, rate.bytesPerSecond ?? .infinity) }
        }
    }

    /// Bytes per second at which a connection may send its next bytes, of which it lately got `rate`; nil: as fast as it
    /// can.
    ///
    /// Whatever a connection bursts out waits in the queue of the narrowest link, before what the others send, and every
    /// request and every piece of news waits with it. So each gets its share of what the uplink is known to carry, or
    /// what it got so far, and some more: all together can always take what there is, and find out if that is more.
    func pace(rate: Double) -> Double? {
        state.withLock { state in
            guard let uplink = state.meter.bytesPerSecond else { return nil }
            let share = uplink / Double(max(1, state.queue.active.count))
            let pace = 1.25 * max(share, rate)
            return pace < Self.fastestPace ? pace : nil
        }
    }

    /// From here on, in bytes per second, the largest burst that a kernel sends, of 64 KiB, is over in four milliseconds.
    private static let fastestPace = 16e6

    /// Whether a polite client that asks for a task should go elsewhere: requests are waiting, or three quarters of the
    /// rate are in use.
    func isOverloaded(for task: ServedTask) -> Bool {
        let rate = (task.uploads ?? common).bytesPerSecond
        return state.withLock { state in
            if state.queue.waitingCount > 0 || state.queue.active.count >= state.queue.limits.slots { return true }
            return rate.map { state.meter.recentRate(at: Self.now) > 0.75 * $0 } ?? false
        }
    }

    /// Bytes per second that have lately reached others.
    var recentRate: Double { state.withLock { $0.meter.recentRate(at: Self.now) } }

    var load: (active: Int, waiting: Int, refused: Int64) {
        state.withLock { ($0.queue.active.count, $0.queue.waitingCount, $0.refused) }
    }
}
