package import MinionCore

/// One download of one task: which pieces to ask of whom, when to read the source, what to tell the tracker. Rules
/// only; a driver feeds it events and carries out its actions.
package struct Download: Sendable {
    package internal(set) var configuration: DownloadConfiguration
    /// Pieces asked of neighbours at a time, at least 1. A change holds for what is asked from then on.
    package var piecesInFlight: Int {
        didSet { piecesInFlight = max(1, piecesInFlight) }
    }
    /// Reads of the source at a time, at least 1. A change holds for reads that begin from then on.
    package var sourceReads: Int {
        didSet { sourceReads = max(1, sourceReads) }
    }
    var random: SeededGenerator
    var actions: [DownloadAction] = []

    package enum Phase: Hashable, Sendable {
        /// Waiting for the task's version, from the tracker or from the source.
        case starting
        /// The driver is making room for the version.
        case opening
        case running
        case complete
        case failed
    }

    package internal(set) var phase = Phase.starting
    package internal(set) var version: TaskVersion?
    var layout: PieceLayout?
    /// Whether the version comes from somebody who shares a file: no source has it.
    var isShared = false

    // MARK: Pieces

    /// The pieces that are stored and verified.
    package internal(set) var have = PieceSet(capacity: 0)
    /// The pieces that neighbours may have of this one.
    package internal(set) var offered = PieceSet(capacity: 0)
    /// Pieces asked of neighbours.
    package internal(set) var asked = PieceSet(capacity: 0)
    /// Pieces being read from the source.
    package internal(set) var reading = PieceSet(capacity: 0)
    /// Which pieces neighbours have, how many of them, and which have been left to one of them for too long.
    var rarity = Rarity(count: 0)
    package internal(set) var bytesFromSource: Int64 = 0
    package internal(set) var bytesFromPeers: Int64 = 0
    /// Pieces read from the source because the tracker gave a lease, and without one.
    package internal(set) var piecesByLease = 0
    package internal(set) var piecesWithoutLease = 0

    // MARK: Neighbours

    /// Neighbours that have sent a piece.
    package internal(set) var contributors: Set<PeerID> = []

    var neighbours: [PeerID: Neighbour] = [:]
    var requests: [RequestID: PieceRequest] = [:]
    var nextRequest: RequestID = 1
    /// Peers met before there was a version to exchange.
    var acquaintances: [NeighbourInfo] = []
    /// Neighbours not to be connected again before a time.
    var banned: [PeerID: Instant] = [:]
    /// Neighbours to complain of in the next report.
    var dropped: [PeerID] = []
    /// Bytes per second from all neighbours together.
    var peerRate = RateMeter()

    // MARK: Source

    var reads: [SourceRead] = []
    /// Nothing has been under way for so long that the source is read without a lease, until there is one.
    var isAbandoned = false
    /// Leases that wait for a read to end.
    var leasesAhead: [Range<PieceIndex>] = []
    var isStatting = false
    /// When to try a failed stat again.
    var statRetry: Instant?
    /// What the last stat brought, as long as no tracker has confirmed that it knows.
    var statOutcome: StatOutcome?
    var sourceRate = RateMeter()
    var sourceFailures = 0
    /// Why the source was last read in vain.
    package internal(set) var lastSourceFailure: SourceFailure?
    /// The source is not to be read before this.
    var sourceFrom = Instant.zero
    /// The source has said no for good.
    var isSourceClosed = false
    var restarts = 0
    /// Bytes of the read under way that no complete piece holds yet.
    var sourceBytesUnderWay: Int64 = 0

    // MARK: Tracker

    /// Whether it has answered at all.
    var hasMetTracker = false
    var isIntroduced = false
    var outstandingReports = 0
    var lastReport = Instant.zero
    var nextReport = Instant.zero
    /// Something is worth a report at once.
    var isReportUrgent = false
    /// Hashes that the tracker has not signed, and whether a report with them is on its way.
    var unproven: [PieceIndex: (hash: PieceHash, isSent: Bool)] = [:]
    var returned: [PieceIndex] = []
    var trackerFailures = 0
    var trackerLostSince: Instant?
    var lastHaveReport = Instant.zero
    var peerCount = 0
    /// What the uplink carries when busy, in bytes per second; the driver measures it. 0: not known.
    package var uplink: Double = 0

    // MARK: Time

    var started = Instant.zero
    /// Since when nothing has been under way though pieces are missing.
    var idleSince: Instant?
    var lastStuckReport = Instant.zero
    var lastPiece = Instant.zero
    /// When to look for requests that have come to a stop.
    var nextWatch = Instant.zero
    /// When to send `.timer`.
    package private(set) var nextWake = Instant.never

    package init(configuration: DownloadConfiguration, seed: UInt64) {
        var configuration = configuration
        if configuration.servesOnly {
            configuration.mayUseSource = false
            configuration.introduction.canFetch = false
        }
        self.configuration = configuration
        piecesInFlight = max(1, configuration.piecesInFlight)
        sourceReads = max(1, configuration.sourceReads)
        random = SeededGenerator(seed: seed)
    }

    /// Takes an event and returns what to do.
    package mutating func handle(_ event: DownloadEvent, at now: Instant) -> [DownloadAction] {
        actions.removeAll(keepingCapacity: true)
        guard phase != .failed else { return [] }
        dispatch(event, at: now)
        switch event {
        // The most frequent events: what they make possible they have done themselves.
        case .neighbourNews, .requestProgress, .sourceProgress: return actions
        default: break
        }
        if phase != .failed { proceed(at: now) }
        nextWake = phase == .failed ? .never : wakeTime(at: now)
        return actions
    }

    private mutating func dispatch(_ event: DownloadEvent, at now: Instant) {
        switch event {
        case .start:
            started = now
            isReportUrgent = configuration.hasTracker
            if let known = configuration.known { adopt(known, at: now) }
        case .timer: break
        case .sourceAllowed: allowSource()
        case .trackerReplied(let reply): trackerReplied(reply, at: now)
        case .trackerFailed: trackerFailed(at: now)
        case .sourceStat(let outcome): sourceStatted(outcome, at: now)
        case .opened(let found): opened(found, at: now)
        case .sourcePiece(let piece, let hash): sourceBrought(piece, hash, at: now)
        case .sourceEnded(let run, let failure): sourceEnded(run, failure, at: now)
        case .sourceProgress(let bytes): sourceProgressed(bytes, at: now)
        case .neighbourIntroduced(let info): neighbourIntroduced(info, at: now)
        case .neighbourConnected(let id): neighbourConnected(id, at: now)
        case .neighbourNews(let id, let pieces): neighbourNews(id, pieces, at: now)
        case .neighbourLost(let id, let isUnreachable): neighbourLost(id, isUnreachable, at: now)
        case .requestProgress(let id, let bytes): requestProgressed(id, bytes, at: now)
        case .requestEnded(let id, let outcome): requestEnded(id, outcome, at: now)
        }
    }

    /// Does whatever has become possible or due.
    private mutating func proceed(at now: Instant) {
        if phase == .starting { begin(at: now) }
        if phase == .running {
            if have.isComplete {
                finish()
            } else {
                watchRequests(at: now)
                askNeighbours(at: now)
                readSourceAlone(at: now)
                watchForStandstill(at: now)
            }
        }
        if phase != .failed { reportIfDue(at: now) }
    }

    mutating func fail(_ failure: DownloadFailure) {
        phase = .failed
        for read in reads { actions.append(.cancelSource(read.run)) }
        reads = []
        leasesAhead = []
        actions.append(.fail(failure))
    }

    /// Everything is there: nothing is asked any more, but others go on asking here.
    private mutating func finish() {
        phase = .complete
        for id in requests.keys.sorted() { actions.append(.cancel(id)) }
        for read in reads { actions.append(.cancelSource(read.run)) }
        for id in neighbours.keys.sorted() { actions.append(.disconnect(id)) }
        requests = [:]
        reads = []
        leasesAhead = []
        neighbours = [:]
        isReportUrgent = configuration.hasTracker
        actions.append(.complete)
    }

    // MARK: Version

    /// Starts to work on a version, or starts over with another.
    mutating func adopt(_ new: TaskVersion, at now: Instant) {
        guard let newLayout = new.layout else { return }
        if let version, version.isSameContent(as: new) {
            self.version?.hasRanges = new.hasRanges
            return
        }
        if version != nil {
            restarts += 1
            guard restarts <= 5 else {
                return fail(.source(SourceFailure(.changed, "the source keeps changing while it is read")))
            }
        }
        for id in requests.keys.sorted() { actions.append(.cancel(id)) }
        for read in reads { actions.append(.cancelSource(read.run)) }
        for id in neighbours.keys.sorted() { actions.append(.disconnect(id)) }
        requests = [:]
        reads = []
        leasesAhead = []
        neighbours = [:]
        unproven = [:]
        returned = []
        version = new
        layout = newLayout
        isShared = new.isShared
        let count = newLayout.count
        (have, offered, asked, reading) = (
            PieceSet(capacity: count), PieceSet(capacity: count), PieceSet(capacity: count), PieceSet(capacity: count)
        )
        rarity = Rarity(count: count)
        phase = .opening
        actions.append(.open(new))
    }

    private mutating func opened(_ found: [PieceProof], at now: Instant) {
        guard phase == .opening else { return }
        phase = .running
        var offers: [PieceProof] = []
        for proof in found where have.insert(proof.piece) {
            if proof.signature.isEmpty {
                unproven[proof.piece] = (proof.hash, false)
            } else {
                offered.insert(proof.piece)
                offers.append(proof)
            }
        }
        if configuration.servesOnly, !have.isComplete { return fail(.incomplete) }
        if !offers.isEmpty { actions.append(.offer(offers)) }
        lastPiece = now
        lastHaveReport = .zero
        isReportUrgent = configuration.hasTracker
        let met = acquaintances
        acquaintances = []
        for info in met { connect(info, at: now, isInvited: true) }
    }

    // MARK: Views

    /// The neighbours connected or being connected.
    package var neighbourCount: Int { neighbours.count }
    package var connectedNeighbours: Int { neighbours.values.count(where: \.isConnected) }
    package var requestCount: Int { requests.count }
    package var openReads: Int { reads.count }
    /// Bytes from the source, those of unfinished pieces included.
    package var sourceBytesSoFar: Int64 { bytesFromSource + sourceBytesUnderWay }
    package var isTrackerLost: Bool { trackerLostSince != nil }

    private func wakeTime(at now: Instant) -> Instant {
        var wake = Instant.never
        if configuration.hasTracker { wake = reportTime(at: now) }
        switch phase {
        case .running: wake = min(wake, now + .milliseconds(requests.isEmpty && reads.isEmpty ? 50 : 200))
        case .starting: wake = min(wake, now + .milliseconds(100))
        case .opening, .complete, .failed: break
        }
        return max(wake, now + .milliseconds(1))
    }
}

/// Bytes per second while something is under way, as a mean that forgets.
struct RateMeter: Sendable {
    private var mean: Double = 0
    private var lastEvent = Instant.zero
    private var busy = Duration.zero
    private var bytes: Int64 = 0

    /// The busy time over which bytes are counted before they enter the mean.
    private static let window = Duration.milliseconds(100)

    /// Nothing was under way until now: the time before does not count.
    mutating func resume(at now: Instant) { lastEvent = now }

    mutating func add(_ count: Int64, at now: Instant) {
        bytes += count
        busy += max(.zero, now - lastEvent)
        lastEvent = now
        guard busy >= Self.window else { return }
        mean = mean == 0 ? sample : 0.6 * mean + 0.4 * sample
        busy = .zero
        bytes = 0
    }

    private var sample: Double { Double(bytes) / max(busy.inSeconds, 1e-6) }

    /// 0 as long as nothing has come; a first guess before the first window is over.
    var bytesPerSecond: Double { mean > 0 ? mean : bytes > 0 && busy > .zero ? sample : 0 }
}
