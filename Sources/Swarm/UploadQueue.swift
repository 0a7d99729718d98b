/// Who is served now, who waits, and who is told to come back later.
///
/// A node serves a few requests at a time, each at a good rate, instead of all at once, each slowly: the first to finish
/// can pass the piece on while the others are still being served.
///
/// Who has all of a file that the others lack is asked for the same rare pieces by many, before these hear of each other.
/// So requests may say what they are for: of several such, the one is next whose item has been served least. With a file
/// that one host shares with a hundred, its link sent 1.4 copies until all had it, and 2.3 in the order of arrival.
///
/// A node that serves several tasks gives the next slot to the one that has the fewest of those who wait, so that many
/// who ask for one task do not keep the others waiting.
package struct UploadQueue: Sendable {
    /// A request that the owner of the queue names.
    package typealias Ticket = UInt64
    /// What a request is for: a piece of a task, as a number that the owner of the queue chooses.
    package typealias Item = UInt64
    /// A task, as a number that the owner of the queue chooses.
    package typealias Flow = UInt64

    package struct Limits: Hashable, Sendable {
        /// Requests served at a time.
        package var slots: Int
        /// Requests that wait at most; the next is refused.
        package var waiting: Int
        /// Whether that holds for all tasks together, whoever takes the room from whom; else each may have its part of it
        /// in any case.
        package var isStrict: Bool

        package init(slots: Int = 8, waiting: Int = 512, isStrict: Bool = false) {
            self.slots = slots
            self.waiting = waiting
            self.isStrict = isStrict
        }

        /// No more than `total` requests, served and waiting together.
        package init(slots: Int, total: Int) {
            self.init(
                slots: max(1, min(slots, total)), waiting: max(0, total - max(1, min(slots, total))), isStrict: true)
        }
    }

    package enum Answer: Hashable, Sendable {
        case start, wait, refuse
    }

    private struct Waiting: Sendable {
        let ticket: Ticket
        let item: Item?
        let flow: Flow
        /// How often another was served that had come later.
        var overtaken = 0
    }

    package private(set) var limits: Limits
    package private(set) var active: Set<Ticket> = []
    private var waiting: [Waiting] = []
    private var head = 0
    /// The flow of each request that is served.
    private var flows: [Ticket: Flow] = [:]
    /// How many are served, and how many wait, of each flow that has any.
    private var activeOf: [Flow: Int] = [:]
    private var waitingOf: [Flow: Int] = [:]
    /// How often each item has been served.
    private var served: [Item: Int] = [:]

    /// How often a request may be overtaken; then it is next.
    private static let patience = 32
    /// How many items are remembered; then all are forgotten.
    private static let itemLimit = 1 << 16

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// Takes new limits, and returns the requests that start now. What is served already goes on, and nobody who waits is
    /// sent away.
    package mutating func setLimits(_ limits: Limits) -> [Ticket] {
        self.limits = limits
        return startWaiting()
    }

    package var waitingCount: Int { waiting.count - head }

    /// - Parameters:
    ///   - item: nil for a request whose turn depends on nothing but its arrival.
    ///   - flow: The task that it is about.
    package mutating func request(_ ticket: Ticket, for item: Item? = nil, of flow: Flow = 0) -> Answer {
        let request = Waiting(ticket: ticket, item: item, flow: flow)
        if active.count < limits.slots {
            start(request)
            return .start
        }
        guard hasRoom(for: flow) else { return .refuse }
        waiting.append(request)
        waitingOf[flow, default: 0] += 1
        return .wait
    }

    /// One flow cannot take all the room from the others: what is an equal part of it, each may have in any case.
    private func hasRoom(for flow: Flow) -> Bool {
        if limits.isStrict { return active.count + waitingCount < limits.slots + limits.waiting }
        if waitingCount < limits.waiting { return true }
        guard !limits.isStrict else { return false }
        let own = waitingOf[flow] ?? 0
        let count = waitingOf.count + (own == 0 ? 1 : 0)
        return count > 1 && own < limits.waiting / count
    }

    /// Ends a request, served or not, and returns those that start now.
    package mutating func finish(_ ticket: Ticket) -> [Ticket] {
        if active.remove(ticket) == nil, let index = waiting[head...].firstIndex(where: { $0.ticket == ticket }) {
            Self.count(-1, waiting.remove(at: index).flow, in: &waitingOf)
            return []
        }
        if let flow = flows.removeValue(forKey: ticket) { Self.count(-1, flow, in: &activeOf) }
        return startWaiting()
    }

    private static func count(_ change: Int, _ flow: Flow, in counts: inout [Flow: Int]) {
        let count = (counts[flow] ?? 0) + change
        counts[flow] = count > 0 ? count : nil
    }

    private mutating func startWaiting() -> [Ticket] {
        var started: [Ticket] = []
        while active.count < limits.slots, head < waiting.count {
            let next = next()
            Self.count(-1, next.flow, in: &waitingOf)
            started.append(next.ticket)
            start(next)
        }
        if head > 256, head * 2 > waiting.count {
            waiting.removeFirst(head)
            head = 0
        }
        return started
    }

    private mutating func start(_ request: Waiting) {
        active.insert(request.ticket)
        flows[request.ticket] = request.flow
        Self.count(1, request.flow, in: &activeOf)
        guard let item = request.item else { return }
        if served.count >= Self.itemLimit { served = [:] }
        served[item, default: 0] += 1
    }

    /// Takes out who is next.
    private mutating func next() -> Waiting {
        let place = firstOfFairFlow()
        let first = waiting[place]
        if let item = first.item, first.overtaken < Self.patience {
            var (best, least) = (place, served[item] ?? 0)
            for index in place + 1..<waiting.count where least > 0 && waiting[index].flow == first.flow {
                guard let item = waiting[index].item, served[item] ?? 0 < least else { continue }
                (best, least) = (index, served[item] ?? 0)
            }
            if best > place {
                waiting[place].overtaken += 1
                return waiting.remove(at: best)
            }
        }
        guard place == head else { return waiting.remove(at: place) }
        head += 1
        return first
    }

    /// Who has waited longest of the flow that is served least, among those of which any wait.
    private func firstOfFairFlow() -> Int {
        guard waitingOf.count > 1 else { return head }
        var (best, fewest) = (head, Int.max)
        for index in head..<waiting.count where fewest > 0 {
            let count = activeOf[waiting[index].flow] ?? 0
            if count < fewest { (best, fewest) = (index, count) }
        }
        return best
    }
}
