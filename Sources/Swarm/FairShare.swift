package import MinionCore

/// Divides a rate between flows that want it: those that want less than an equal part get what they want, the others get
/// equal parts of the rest (max-min fair).
///
/// It is a model of one server that serves all flows with unserved bytes at equal rates (generalized processor sharing;
/// Parekh & Gallager, 1993). Whoever takes bytes is told when the model will have served them, as far as that can be
/// known: whether the others go on is not. If they are served later than that, the flow waits the longer with its next
/// bytes; if sooner, what nobody used is there for whoever comes next. So a flow that takes nothing costs the others
/// nothing, and nothing has to be known of what anybody wants.
///
/// A flow has a weight: one of weight 3 gets as much as three of weight 1.
package struct FairShare: Sendable {
    /// A flow with bytes that have not been served.
    private struct Backlog: Sendable {
        let flow: Int
        var weight: Double
        /// The value of `served` at which the last of them will have been.
        var end: Double
        /// When those who took them were told that they may pass.
        var admitted: Instant
    }

    /// Bytes per second; nil: no limit.
    package private(set) var bytesPerSecond: Double?
    /// In the order in which they will have been served.
    private var backlogs: [Backlog] = []
    /// Bytes that every flow with a backlog has been served so far, for each unit of its weight.
    private var served: Double = 0
    /// Bytes that may pass at once, since nobody has taken any for a while.
    private var credit: Double = 0
    private var updated: Instant

    /// How much may pass at once after a pause: what the rate carries in this time. Whoever waits comes a little late each
    /// time; this makes up for it.
    package static let burst = Duration.milliseconds(100)

    /// - Parameter rate: nil for no limit.
    package init(rate: ByteRate?, at now: Instant) {
        bytesPerSecond = rate?.bytesPerSecond
        updated = now
    }

    /// Flows with bytes that have not been served.
    package var busyFlows: Int { backlogs.count }

    /// Holds for all bytes that are taken from now on; those who wait already go on waiting as long as they were told.
    package mutating func setRate(_ rate: ByteRate?, at now: Instant) {
        advance(to: now)
        bytesPerSecond = rate?.bytesPerSecond
        if bytesPerSecond == nil { backlogs = [] }
        credit = min(credit, capacity)
    }

    /// Takes `bytes` for a flow and returns how long to wait before they may pass; zero if at once. Flows need not be
    /// announced; their numbers are the caller's. `weight`, at least 1, holds for all that the flow has not been served.
    package mutating func take(_ bytes: Int64, of flow: Int, weight: Int = 1, at now: Instant) -> Duration {
        guard let bytesPerSecond else { return .zero }
        advance(to: now)
        var rest = Double(max(0, bytes))
        let free = min(credit, rest)
        credit -= free
        rest -= free
        let place = backlogs.firstIndex { $0.flow == flow }
        guard rest > 0 || place != nil else { return .zero }
        let weight = Double(max(1, weight))
        var entry =
            place.map { backlogs.remove(at: $0) }
            ?? Backlog(flow: flow, weight: weight, end: served, admitted: now)
        if entry.weight != weight {
            entry.end = served + (entry.end - served) * entry.weight / weight
            entry.weight = weight
        }
        entry.end += rest / weight
        let position = backlogs.firstIndex { $0.end > entry.end } ?? backlogs.count
        let own = entry.end - served
        // If nobody takes any more, each of those before gets out of the way when it has been served. If all go on, they
        // share the rate to the end. That is what to expect, but not what to rely on for longer than can be made up for.
        var least = weight * own
        for other in backlogs[position...] { least += other.weight * own }
        for other in backlogs[..<position] { least += other.weight * (other.end - served) }
        let most = (Self.weight(of: backlogs[...]) + weight) * own
        let wait = Duration.inSeconds(min(most, least + capacity) / bytesPerSecond)
        entry.admitted = now + wait
        backlogs.insert(entry, at: position)
        return wait
    }

    /// A flow has ended. What it took and has not been let through is given back; what has passed stays taken.
    package mutating func remove(_ flow: Int, at now: Instant) {
        advance(to: now)
        backlogs.removeAll { $0.flow == flow && $0.admitted > now }
    }

    private static func weight(of backlogs: ArraySlice<Backlog>) -> Double { backlogs.reduce(0) { $0 + $1.weight } }

    private var capacity: Double { (bytesPerSecond ?? 0) * Self.burst.inSeconds }

    /// Serves what the rate has carried since the last time.
    private mutating func advance(to now: Instant) {
        guard now > updated else { return }
        defer { updated = now }
        guard let bytesPerSecond else { return }
        var budget = (now - updated).inSeconds * bytesPerSecond
        var finished = 0
        // Whole numbers, so that nothing is lost by subtracting.
        var weight = Self.weight(of: backlogs[...])
        while finished < backlogs.count {
            let step = (backlogs[finished].end - served) * weight
            guard step <= budget else { break }
            budget -= step
            served = backlogs[finished].end
            weight -= backlogs[finished].weight
            finished += 1
        }
        backlogs.removeFirst(finished)
        if backlogs.isEmpty {
            served = 0
            credit = min(capacity, credit + budget)
        } else {
            served += budget / weight
        }
    }
}
