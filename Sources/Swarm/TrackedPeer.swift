import MinionCore

/// What a tracker knows of one peer.
struct TrackedPeer: Sendable {
    var introduction: PeerIntroduction
    let joined: Instant
    var lastSeen: Instant
    /// The pieces it says that it has, of the task's present version.
    var have: PieceSet?
    /// Whether it works on the task's present version.
    var isCurrent = false
    var uplink: Double = 0
    var sourceRate: Double = 0
    var bytesFromSource: Int64 = 0
    var bytesFromPeers: Int64 = 0
    var wantsLease = false
    var wantsNeighbours = 0
    var openLeases = 0
    /// Reports in a row that said "stuck".
    var stuckReports = 0
    /// The report whose answer is held back.
    var held: HeldReport?
    /// Neighbours that it was told of lately.
    var introduced: [PeerID] = []
    /// Seeds that it has been introduced to and may still be getting pieces from.
    var seeds: [PeerID] = []
    /// Of a seed: how many peers have it among their `seeds`.
    var guests = 0
    /// Peers that dropped it for bad data or because it could not be reached.
    var accusers: [PeerID] = []
    /// The virtual time at which its uplink has paid for all its leases (see `TrackedTask.virtualTime`).
    var virtualFinish: Double = 0
    /// Until then it is not asked to stat the source, having failed to.
    var mayStatFrom = Instant.zero
    /// Its place in `TrackedTask.order`.
    var place = 0
    /// Whether it counts in `TrackedTask.readers`.
    var isReader = false

    init(introduction: PeerIntroduction, at now: Instant) {
        self.introduction = introduction
        joined = now
        lastSeen = now
    }

    var hasEverything: Bool { have?.isComplete ?? false }
    /// Of a file without any bytes, nothing is everything.
    var hasSomething: Bool { have.map { !$0.isEmpty || $0.isComplete } ?? false }
    var isActive: Bool { !hasEverything }
    /// Whether it is there to serve others, and does.
    var isSeed: Bool { introduction.isSeed && introduction.canUpload }
    /// Whether enough others complain that it is better introduced to nobody.
    func isSuspect(among peers: Int) -> Bool { accusers.count >= (peers <= 3 ? 1 : 2) }
}

struct HeldReport: Sendable {
    var ticket: UInt64
    var deadline: Instant
}

/// A run of pieces that one peer may read from the source.
struct TrackedLease: Sendable {
    var holder: PeerID
    var pieces: PieceSet
    /// When it was given, or last brought a piece.
    var lastProgress: Instant
    var expires: Instant
    /// How long the holder may go without progress.
    var patience: Duration
}
