package import MinionCore

/// The hosts that keep a link to a scheduler: who is there, what each of them knows, and what each is to do. Rules only,
/// without input or output.
///
/// A host has one report under way all the time. Its answer is held back until there is something to say, so that what
/// changes reaches all hosts at once and costs next to nothing while nothing does.
package struct HostTable: Sendable {
    package struct Limits: Hashable, Sendable {
        package var hosts = 20_000
        /// Orders that one host has at a time, at most.
        package var ordersPerHost = 1000
        /// How often a host reports that has nothing to tell.
        package var seedInterval = Duration.seconds(5)
        package var peerInterval = Duration.seconds(15)
        /// The same while it has something to do.
        package var busyInterval = Duration.seconds(1)
        /// A host that is silent for so many of its intervals is gone.
        package var missedReports = 3
        /// A host whose connection is lost is gone after this, unless it reports on another one.
        package var closedPatience = Duration.seconds(2)
        /// Counters alone are told to the manager no more often than this.
        package var countersInterval = Duration.seconds(5)
        /// Hosts whose removal is remembered, at most.
        package var removals = 10_000

        package init() {}
    }

    package enum Action: Hashable, Sendable {
        /// Answers the report that came with this ticket.
        case reply(ticket: UInt64, HostReply)
        case joined(JobHost)
        case left(PeerID)
        /// A host tells of an order that it has.
        case progress(OrderProgress, from: PeerID)
    }

    package enum Membership: Hashable, Sendable {
        case unknown, wrongSecret, confirmed
    }

    struct Host: Sendable {
        var facts: HostFacts
        let secret: String
        var counters = HostCounters()
        /// What the manager has not been told, because it was told of others a moment ago.
        var hasNewCounters = false
        var countersTold = Instant.zero
        /// `HostNews.tag` of what it knows, and of what it has been sent last.
        var known = ""
        var offeredTag: String?
        /// The report whose answer is held back.
        var held: (ticket: UInt64, deadline: Instant)?
        /// Whether its last report could be held: then it always has one under way.
        var isHolding = false
        /// Whether the connection is lost on which it had a report.
        var isLost = false
        var expires = Instant.never
        var orders: [HostOrder] = []
        /// The ids of the orders in its last report, of those that it has been sent, and of those of which it has been
        /// told by an answer that they are none of ours.
        var reported: Set<String> = []
        var offered: Set<String> = []
        var disowned: Set<String> = []
        /// Whether this scheduler is the one that tells the manager of it.
        var isOwn = true
        /// When it changed last, as a number of changes.
        var change: UInt64 = 0
    }

    package let limits: Limits
    var hosts: [PeerID: Host] = [:]
    /// When something is next due with each host; apart from the rest, because all of them are looked at.
    var due: [PeerID: Instant] = [:]
    /// When to call `timer`.
    package internal(set) var nextWake = Instant.never
    var news: SchedulerNews?
    /// This scheduler's base URL, as its manager spells it.
    var ownURL = ""
    var removed: [PeerID] = []
    var isRemoved: Set<PeerID> = []
    /// The number of changes so far.
    var changes: UInt64 = 0
    /// That number when somebody came or went last.
    var lastMove: UInt64 = 0
    /// Hosts that are gone and of which the manager has not been told.
    var departed: [PeerID: (state: HostState, change: UInt64)] = [:]
    var actions: [Action] = []

    /// How often what is due is looked at.
    static let sweep = Duration.milliseconds(100)

    package init(limits: Limits = Limits()) { self.limits = limits }

    package var count: Int { hosts.count }
    package var seedCount: Int { hosts.values.count(where: \.facts.isSeed) }

    mutating func perform(_ body: (inout HostTable) -> Void) -> [Action] {
        actions.removeAll(keepingCapacity: true)
        body(&self)
        return actions
    }
}
