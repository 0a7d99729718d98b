import MinionCore
import Swarm

/// One host of a simulated swarm: its download, its disk and its piece server.
final class SimulatedHost {
    enum State: UInt8 {
        case notStarted, running
        /// Its process is gone, and others notice at once.
        case dead
        /// It is gone, and others notice only by a time-out.
        case vanished
    }

    let index: Int32
    let plan: HostPlan
    var state = State.notStarted
    /// Counts the starts; what belongs to an earlier life is ignored.
    var life: UInt32 = 0
    var peer = PeerID(0)
    var secret = ""
    var download: Download
    /// Whether its uplink is stalled.
    var isStalled = false

    // MARK: Disk

    /// The number of the version that the disk holds pieces of; −1: none.
    var version = -1
    var stored = PieceSet(capacity: 0)
    /// Stored pieces with a signature.
    var proven = PieceSet(capacity: 0)
    /// A version that was read whole before its size was known, and waits to be opened; −1: none.
    var spooled = -1
    /// Whether the download works on the disk's version.
    var isOpen = false

    // MARK: Piece server

    var uploads: UploadQueue
    /// What may be served now.
    var offered = PieceSet(capacity: 0)
    /// Pieces that the subscribers have not been told of.
    var news: PieceSet?
    /// Those who are told what is new here.
    var subscribers: [Subscriber] = []

    /// A stream and its other end.
    struct Subscriber {
        let subscription: Int32
        let client: Int32
    }

    var uplink = UplinkMeter()

    // MARK: Piece client

    /// News streams from others, being made or open, and whose they are.
    var subscriptions: [Int32] = []
    var publishers: [PeerID] = []
    var requests: [Pool<SimulatedRequest>.Key] = [] {
        didSet { isBusy = requests.count >= requestLimit }
    }
    private let requestLimit: Int
    /// Whether it would not ask for another piece, whatever it heard.
    private(set) var isBusy = false
    var newsPace = NewsPace()
    /// News that it need not look at before something else happens to it.
    var unheard: [(publisher: PeerID, pieces: PieceSet)] = []
    var fetches: [Pool<SimulatedFetch>.Key] = []
    var isWatched = false
    var timerAt = Int64.max
    var idleTimers = 0

    // MARK: Outcome

    var completedAt: Int64?
    var failure: DownloadFailure?
    var bytesFromSource: Int64 = 0
    var bytesFromPeers: Int64 = 0
    var bytesServed: Int64 = 0
    var peakNeighbours = 0

    init(index: Int32, plan: HostPlan, download: Download, uploads: UploadQueue) {
        self.index = index
        self.plan = plan
        self.download = download
        self.uploads = uploads
        requestLimit = download.configuration.piecesInFlight
    }

    /// Fills the disk with what the host has from the start, of a file of so many pieces.
    func hold(_ held: HeldContent, of count: Int) {
        version = held.version
        stored = PieceSet(capacity: count, 0..<max(0, count - held.lacks))
        proven = held.isSigned ? stored : PieceSet(capacity: count)
    }

    var uplinkID: FlowNetwork.Link { 2 * index }
    var downlinkID: FlowNetwork.Link { 2 * index + 1 }
    var isRunning: Bool { state == .running }

    /// Whether nothing more is to be expected of it for now.
    var isSettled: Bool { completedAt != nil || failure != nil || state == .dead || state == .vanished }

    func subscription(to publisher: PeerID) -> Int32? {
        publishers.firstIndex(of: publisher).map { subscriptions[$0] }
    }
}

/// A news stream with the requests of the same pair of hosts, from subscriber to publisher; requests are answered in the
/// order in which they were made, as on one connection.
struct Subscription {
    let client: Int32
    let clientLife: UInt32
    let server: Int32
    let serverPeer: PeerID
    let serverLife: UInt32
    let version: Int
    /// Whether the publisher has accepted it, and has not ended it since.
    var isServed = false
    /// Whether the subscriber has been told that it is up.
    var isUp = false
    /// Whether the subscriber still wants it.
    var isWanted = true
    /// What the publisher had when it accepted.
    var firstNews: PieceSet?
    /// Requests that have arrived and are not answered; the first is being served or waits for an upload slot.
    var lane: [Pool<SimulatedRequest>.Key] = []
}

/// One piece asked of one neighbour.
struct SimulatedRequest {
    enum State: UInt8 {
        case travelling, inLane, waiting, sending, answered
    }

    let id: RequestID
    let piece: PieceIndex
    let subscription: Int32
    let client: Int32
    let server: Int32
    let bytes: Int64
    var state = State.travelling
    var flow: FlowNetwork.Flow = -1
    /// When its first byte left.
    var began: Int64 = 0
    var outcome = RequestOutcome.failed
    var lastBytes: Int64 = 0
    var lastMove: Int64
}

/// One read of the source.
struct SimulatedFetch {
    let host: Int32
    let run: Range<PieceIndex>
    let version: Int
    /// The whole body is read to learn the version of a source that does not tell its length.
    let isStat: Bool
    /// The next piece to arrive at the source's end.
    var nextPiece: PieceIndex
    var flow: FlowNetwork.Flow = -1
    var failure: SourceFailure?
    /// Bytes of the piece under way that are not wanted: what a source without ranges sends first.
    var skipped: Int64 = 0
    var isEnding = false
    /// Bytes of whole pieces that have left the source and that have arrived, and all bytes that the host was told of.
    var sent: Int64 = 0
    var arrived: Int64 = 0
    var told: Int64 = 0
    /// What had passed, skipped bytes included, when it last moved, and when that was.
    var lastPassed: Int64 = 0
    var lastMove: Int64
}

/// What an uplink carries while it is busy, as the host itself can measure it: the best of the last stretches.
struct UplinkMeter {
    private(set) var bytesPerSecond: Double = 0
    private var busySince: Int64?
    private var busy: Int64 = 0
    private var bytes: Int64 = 0

    /// Busy time over which bytes are counted for one sample, in nanoseconds.
    private static let stretch: Int64 = 100_000_000

    mutating func start(at now: Int64) {
        if busySince == nil { busySince = now }
    }

    /// An upload has ended; `isIdle`: it was the only one.
    mutating func end(_ count: Int64, isIdle: Bool, at now: Int64) {
        bytes += count
        busy += now - (busySince ?? now)
        busySince = isIdle ? nil : now
        guard busy >= Self.stretch else { return }
        let sample = Double(bytes) * 1e9 / Double(busy)
        bytesPerSecond = max(sample, 0.9 * bytesPerSecond + 0.1 * sample)
        bytes = 0
        busy = 0
    }
}
