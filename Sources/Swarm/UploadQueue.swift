/// Who is served now, who waits, and who is told to come back later.
///
/// A node serves a few requests at a time, each at a good rate, instead of all at once, each slowly: the first to finish
/// can pass the piece on while the others are still being served.
package struct UploadQueue: Sendable {
    /// A request that the owner of the queue names.
    package typealias Ticket = UInt64

    package struct Limits: Hashable, Sendable {
        /// Requests served at a time.
        package var slots: Int
        /// Requests that wait at most; the next is refused.
        package var waiting: Int

        package init(slots: Int = 8, waiting: Int = 512) {
            self.slots = slots
            self.waiting = waiting
        }
    }

    package enum Answer: Hashable, Sendable {
        case start, wait, refuse
    }

    package var limits: Limits
    package private(set) var active: Set<Ticket> = []
    private var waiting: [Ticket] = []
    private var head = 0

    package init(limits: Limits = Limits()) { self.limits = limits }

    package var waitingCount: Int { waiting.count - head }

    package mutating func request(_ ticket: Ticket) -> Answer {
        if active.count < limits.slots {
            active.insert(ticket)
            return .start
        }
        guard waitingCount < limits.waiting else { return .refuse }
        waiting.append(ticket)
        return .wait
    }

    /// Ends a request, served or not, and returns those that start now.
    package mutating func finish(_ ticket: Ticket) -> [Ticket] {
        if active.remove(ticket) == nil, let index = waiting[head...].firstIndex(of: ticket) {
            waiting.remove(at: index)
            return []
        }
        var started: [Ticket] = []
        while active.count < limits.slots, head < waiting.count {
            active.insert(waiting[head])
            started.append(waiting[head])
            head += 1
        }
        if head > 256, head * 2 > waiting.count {
            waiting.removeFirst(head)
            head = 0
        }
        return started
    }
}
