import MinionCore

/// The peers of a task whose answers are held back, each in all the orders in which they are looked for: whose wait is
/// over, whom to ask for a stat, who is next to read the source.
struct WaitingPeers: Sendable {
    /// Everybody, by the end of the wait.
    private var deadlines = PeerQueue<Instant>()
    /// Those that do not work on the task's version.
    private var newcomers = PeerQueue<Instant>()
    /// Those that want a lease, by the debt of their uplinks; whoever is stuck or serves nobody has rules of its own.
    private(set) var seeds = PeerQueue<Double>()
    private(set) var servers = PeerQueue<Double>()
    private(set) var takers = PeerQueue<Double>()
    private(set) var stuck = PeerQueue<Double>()
    /// Those of `stuck` that have said so twice, and the last time after the last piece was published.
    private(set) var contesters = PeerQueue<Double>()
    /// Uplinks of those that know theirs, in whole bytes per second: sums of these do not drift.
    private var uplinks: [PeerID: Int64] = [:]
    private var uplinkSum: Int64 = 0

    var isEmpty: Bool { deadlines.isEmpty }
    /// The mean uplink of those that know theirs.
    var meanUplink: Double? { uplinks.isEmpty ? nil : Double(uplinkSum) / Double(uplinks.count) }
    /// In the order of arrival.
    var all: [PeerID] { deadlines.byArrival }
    /// The same, of those that do not work on the task's version.
    var uninformed: [PeerID] { newcomers.isEmpty ? [] : newcomers.byArrival }

    /// - Parameter mayRead: whether a lease that it wants could be given to it.
    mutating func insert(_ id: PeerID, _ peer: TrackedPeer, until deadline: Instant, mayRead: Bool) {
        deadlines.insert(id, deadline)
        if peer.uplink >= 1 {
            let uplink = Int64(min(peer.uplink, 1e12))
            uplinks[id] = uplink
            uplinkSum += uplink
        }
        guard peer.isCurrent else { return newcomers.insert(id, deadline) }
        guard peer.wantsLease, mayRead else { return }
        if peer.stuckReports > 0 {
            stuck.insert(id, peer.virtualFinish)
            if peer.stuckReports > 1 { contesters.insert(id, peer.virtualFinish) }
        } else if peer.isSeed {
            seeds.insert(id, peer.virtualFinish)
        } else if peer.introduction.canUpload {
            servers.insert(id, peer.virtualFinish)
        } else {
            takers.insert(id, peer.virtualFinish)
        }
    }

    mutating func remove(_ id: PeerID) {
        deadlines.remove(id)
        newcomers.remove(id)
        if let uplink = uplinks.removeValue(forKey: id) { uplinkSum -= uplink }
        endClaim(of: id)
    }

    mutating func endClaim(of id: PeerID) {
        seeds.remove(id)
        servers.remove(id)
        takers.remove(id)
        stuck.remove(id)
        contesters.remove(id)
    }

    /// Whoever was stuck before a piece was published may not be any more; it will say so soon enough.
    mutating func piecePublished() { contesters.removeAll() }

    /// Those whose wait is over; they still count until they are removed.
    mutating func popDue(at now: Instant) -> [PeerID] { deadlines.popAll(upTo: now) }

    /// Nobody works on the new version yet.
    mutating func versionChanged() {
        for id in deadlines.byArrival { newcomers.insert(id, .zero) }
        seeds.removeAll()
        servers.removeAll()
        takers.removeAll()
        stuck.removeAll()
        contesters.removeAll()
    }
}
