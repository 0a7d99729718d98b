import MinionCore

/// What a tracker knows of one task.
struct TrackedTask: Sendable {
    let id: TaskID
    var resource: String
    private(set) var version: TaskVersion?
    private(set) var layout: PieceLayout?
    /// Whether the version comes from somebody who shares a file: nobody gets a lease, since no source has it.
    private(set) var isShared = false
    /// When the source last confirmed the version.
    var confirmed = Instant.zero
    /// Who has been asked to stat the source, and until when that is waited for.
    var statHolder: (peer: PeerID, expires: Instant)?
    var peers: [PeerID: TrackedPeer] = [:]
    /// All peers, in no order, for drawing at random.
    var order: [PeerID] = []
    /// The seeds among them, in no order.
    private(set) var seeds: [PeerID] = []
    /// For each piece, how many peers have it.
    var copies: [Int32] = []
    /// The hash list.
    var hashes: [PieceHash?] = []
    /// Pieces that nobody has and nobody is reading.
    var free = PieceSet(capacity: 0)
    var leases: [TrackedLease] = []
    /// Start-time fair queueing over the peers' uplinks: a lease of b bytes costs a peer b / uplink of virtual time, and
    /// the peer that is least in debt gets the next (Goyal, Vin & Cheng, 1996).
    var virtualTime: Double = 0
    /// How long a leased piece takes until it is reported, as a mean that forgets; nil before the first.
    private(set) var leaseTime: Duration?
    /// How many pieces somebody has or has had.
    private(set) var published = 0
    /// When a piece was last entered in the hash list.
    private(set) var lastPublished = Instant.zero
    /// Peers whose answer is held back.
    private(set) var waiting = WaitingPeers()
    /// All peers, by the time before which none of them can have been silent for too long.
    private(set) var expiries = PeerQueue<Instant>()
    /// How many peers lack something and may read the source.
    private(set) var readers = 0
    /// How many of them serve others.
    private(set) var servingReaders = 0

    init(id: TaskID, resource: String) {
        self.id = id
        self.resource = resource
    }

    // MARK: Peers

    /// - Parameter expiry: when it could be forgotten at the earliest.
    mutating func add(_ id: PeerID, _ peer: TrackedPeer, expiry: Instant) {
        var peer = peer
        peer.introduction = shared(peer.introduction)
        expiries.insert(id, expiry)
        peer.place = order.count
        peer.virtualFinish = virtualTime
        order.append(id)
        peers[id] = peer
        if peer.isSeed { seeds.append(id) }
        countReader(id)
    }

    /// Takes over what a peer newly says about itself.
    mutating func introduceAgain(_ id: PeerID, _ introduction: PeerIntroduction) {
        guard let peer = peers[id] else { return }
        if peer.introduction.canUpload != introduction.canUpload, let have = peer.have {
            // It counts in another way from now on; what it has, it says soon enough.
            loseHave(of: id)
            if peer.introduction.canUpload { uncount(have) }
        }
        uncountReader(id)
        let introduction = shared(introduction)
        peers[id]?.introduction = introduction
        if peer.isSeed { seeds.removeAll { $0 == id } }
        if peers[id]?.isSeed == true { seeds.append(id) }
        countReader(id)
    }

    /// The same, with the task's copy of the resource's name: one is enough for all peers.
    private func shared(_ introduction: PeerIntroduction) -> PeerIntroduction {
        var introduction = introduction
        if introduction.resource == resource { introduction.resource = resource }
        return introduction
    }

    private mutating func uncountReader(_ id: PeerID) {
        guard let peer = peers[id], peer.isReader else { return }
        peers[id]?.isReader = false
        readers -= 1
        if peer.introduction.canUpload { servingReaders -= 1 }
    }

    private mutating func countReader(_ id: PeerID) {
        guard let peer = peers[id] else { return }
        if peer.hasEverything { leaveSeeds(of: peer, id) }
        let isReader = peer.introduction.canFetch && !peer.hasEverything
        guard isReader != peer.isReader else { return }
        peers[id]?.isReader = isReader
        readers += isReader ? 1 : -1
        if peer.introduction.canUpload { servingReaders += isReader ? 1 : -1 }
    }

    mutating func remove(_ id: PeerID) {
        guard let peer = peers.removeValue(forKey: id) else { return }
        leaveSeeds(of: peer, id)
        if peer.isSeed { seeds.removeAll { $0 == id } }
        if peer.isReader {
            readers -= 1
            if peer.introduction.canUpload { servingReaders -= 1 }
        }
        order.swapAt(peer.place, order.count - 1)
        order.removeLast()
        if peer.place < order.count { peers[order[peer.place]]?.place = peer.place }
        waiting.remove(id)
        expiries.remove(id)
        endLeases(of: id)
        if let have = peer.have, peer.introduction.canUpload { uncount(have) }
        if statHolder?.peer == id { statHolder = nil }
    }

    // MARK: Seeds

    /// Notes that a peer has been introduced to others; the seeds among them have a guest more.
    mutating func noteIntroduction(of id: PeerID, to others: [PeerID]) {
        guard !seeds.isEmpty, let peer = peers[id], peer.isActive else { return }
        for other in others where peers[other]?.isSeed == true && !peer.seeds.contains(other) {
            peers[other]?.guests += 1
            peers[id]?.seeds.append(other)
        }
    }

    /// A peer needs its seeds no more.
    private mutating func leaveSeeds(of peer: TrackedPeer, _ id: PeerID) {
        guard !peer.seeds.isEmpty else { return }
        for seed in peer.seeds { peers[seed]?.guests -= 1 }
        peers[id]?.seeds = []
    }

    /// Forgets who has been silent for too long. `expiry` says when that is.
    mutating func removeExpired(
        at now: Instant, lookAgainAfter interval: Duration, expiry: (TrackedPeer) -> Instant
    ) {
        guard let first = expiries.firstRank, first < now else { return }
        for id in expiries.popAll(upTo: now + .nanoseconds(-1)) {
            guard let peer = peers[id] else { continue }
            if let held = peer.held {
                expiries.insert(id, max(held.deadline, now))
            } else if expiry(peer) < now {
                remove(id)
            } else {
                // What it has may change, and with that the time.
                expiries.insert(id, min(expiry(peer), now + interval))
            }
        }
    }

    var hasCompletePeer: Bool { peers.values.contains { $0.hasEverything } }

    /// Whether nothing happens in the task unless somebody reports.
    func isQuiet(at now: Instant) -> Bool {
        waiting.isEmpty && leases.isEmpty && statHolder == nil && !(expiries.firstRank.map { $0 < now } ?? true)
    }

    // MARK: Held reports

    mutating func hold(_ report: HeldReport, of id: PeerID) {
        peers[id]?.held = report
        guard let peer = peers[id] else { return }
        waiting.insert(id, peer, until: report.deadline, mayRead: !peer.isSuspect(among: peers.count))
    }

    /// Ends the wait of a peer and returns its report, if there is one.
    mutating func endHold(of id: PeerID) -> HeldReport? {
        guard let held = peers[id]?.held else { return nil }
        peers[id]?.held = nil
        waiting.remove(id)
        return held
    }

    /// A peer that waits for a lease has got one.
    mutating func endClaim(of id: PeerID) { waiting.endClaim(of: id) }

    /// Those whose wait is over, in the order of their arrival.
    mutating func popDue(at now: Instant) -> [PeerID] { waiting.popDue(at: now) }

    // MARK: Pieces

    /// Starts over with another version: what peers have of the old one no longer counts.
    mutating func setVersion(_ new: TaskVersion, layout newLayout: PieceLayout) {
        version = new
        layout = newLayout
        isShared = new.isShared
        copies = Array(repeating: 0, count: newLayout.count)
        hashes = Array(repeating: nil, count: newLayout.count)
        free = PieceSet(full: newLayout.count)
        leases = []
        leaseTime = nil
        published = 0
        for id in order {
            peers[id]?.have = nil
            peers[id]?.isCurrent = false
            peers[id]?.openLeases = 0
            countReader(id)
            // Who had everything is now expected to report more often.
            expiries.insert(id, .zero)
        }
        waiting.versionChanged()
    }

    /// The source, or somebody who asked it, confirms the version and says anew for how long, and whether in ranges.
    mutating func confirmVersion(_ same: TaskVersion) {
        version?.freshSeconds = same.freshSeconds
        version?.hasRanges = same.hasRanges
    }

    /// Notes what a peer has, in place of what was known.
    mutating func setHave(_ have: PieceSet, of id: PeerID) {
        let before = peers[id]?.have ?? PieceSet(capacity: have.capacity)
        peers[id]?.have = have
        countReader(id)
        // What nobody can get from there is no copy.
        guard peers[id]?.introduction.canUpload == true else { return }
        uncount(before.subtracting(have))
        for piece in have.subtracting(before) { copies[piece] += 1 }
        free.subtract(have)
    }

    /// Enters a piece in the hash list.
    mutating func publish(_ piece: PieceIndex, _ hash: PieceHash, at now: Instant) {
        hashes[piece] = hash
        lastPublished = now
        waiting.piecePublished()
    }

    /// What the peer says that it has no longer counts.
    mutating func loseHave(of id: PeerID) {
        peers[id]?.have = nil
        expiries.insert(id, .zero)
    }

    mutating func addPiece(_ piece: PieceIndex, of id: PeerID) {
        if peers[id]?.have == nil { peers[id]?.have = PieceSet(capacity: copies.count) }
        let isNew = peers[id]?.have?.insert(piece) ?? false
        countReader(id)
        guard isNew, peers[id]?.introduction.canUpload == true else { return }
        if copies[piece] == 0 { published += 1 }
        copies[piece] += 1
        free.remove(piece)
    }

    /// Takes copies away; a piece without any is free again, unless somebody is reading it.
    mutating func uncount(_ pieces: PieceSet) {
        guard pieces.capacity == copies.count else { return }
        for piece in pieces {
            copies[piece] -= 1
            if copies[piece] == 0, !isLeased(piece) { free.insert(piece) }
        }
    }

    func isLeased(_ piece: PieceIndex) -> Bool { leases.contains { $0.pieces.contains(piece) } }

    // MARK: Leases

    mutating func endLeases(of holder: PeerID, grantedBefore limit: Instant = .never) {
        for index in leases.indices.reversed()
        where leases[index].holder == holder && leases[index].lastProgress < limit { endLease(at: index) }
    }

    /// Takes a lease back; what nobody has become free again.
    mutating func endLease(at index: Int) {
        let lease = leases.remove(at: index)
        peers[lease.holder]?.openLeases -= 1
        for piece in lease.pieces where copies[piece] == 0 { free.insert(piece) }
    }

    /// Takes one piece out of whatever lease `holder` has it in.
    mutating func settle(_ piece: PieceIndex, by holder: PeerID, isDone: Bool, at now: Instant) {
        guard let index = leases.firstIndex(where: { $0.holder == holder && $0.pieces.contains(piece) }) else { return }
        leases[index].pieces.remove(piece)
        if copies[piece] == 0 { free.insert(piece) }
        if isDone {
            let time = now - leases[index].lastProgress
            leaseTime = leaseTime.map { ($0 * 7 + time) / 8 } ?? time
            leases[index].lastProgress = now
        }
        if leases[index].pieces.isEmpty { endLease(at: index) }
    }
}
