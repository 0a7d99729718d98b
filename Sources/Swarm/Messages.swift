package import MinionCore

/// One state of what a URL names: the source's validator and the cut into pieces. Peers of different versions never
/// exchange bytes.
package struct TaskVersion: Hashable, Codable, Sendable {
    /// The source's `ETag`, else its `Last-Modified`, else empty, as the source wrote it.
    package var validator: String
    package var size: Int64
    package var pieceSize: Int64
    /// Whether the source answers ranges; if not, one peer reads it from front to back.
    package var hasRanges: Bool
    /// For how long after the stat nobody needs to ask the source again, in seconds.
    package var freshSeconds: Double

    package init(validator: String, layout: PieceLayout, hasRanges: Bool = true, freshSeconds: Double = 60) {
        self.validator = validator
        self.size = layout.size
        self.pieceSize = layout.pieceSize
        self.hasRanges = hasRanges
        self.freshSeconds = freshSeconds
    }

    /// A version as it came from a network; its numbers may make no layout.
    package init(validator: String, size: Int64, pieceSize: Int64, hasRanges: Bool, freshSeconds: Double) {
        self.validator = validator
        self.size = size
        self.pieceSize = pieceSize
        self.hasRanges = hasRanges
        self.freshSeconds = freshSeconds
    }

    /// Nil if the numbers, which may come from a network, make no layout.
    package var layout: PieceLayout? { PieceLayout(size: size, pieceSize: pieceSize) }

    /// How the validator of a version begins that somebody shares without a source: no source writes its own like that,
    /// without quotes.
    package static let sharedPrefix = "share-"

    /// Whether the version comes from a file that somebody shares. Nobody can read it from a source, whatever the task's
    /// name is.
    package var isShared: Bool { validator.hasPrefix(Self.sharedPrefix) }

    /// Whether both describe the same bytes, cut the same way.
    package func isSameContent(as other: TaskVersion) -> Bool {
        validator == other.validator && size == other.size && pieceSize == other.pieceSize
    }
}

/// A piece's SHA-256 with the tracker's signature that this is the piece of this version. Whoever holds the tracker's
/// public key can check it; the sender of the piece cannot forge it.
package struct PieceProof: Hashable, Codable, Sendable {
    package var piece: PieceIndex
    package var hash: PieceHash
    /// Hexadecimal; empty as long as the tracker has not signed.
    package var signature: String

    package init(piece: PieceIndex, hash: PieceHash, signature: String = "") {
        self.piece = piece
        self.hash = hash
        self.signature = signature
    }

    private enum CodingKeys: String, CodingKey {
        case piece = "p"
        case hash = "h"
        case signature = "s"
    }
}

/// How a read of the source failed.
package struct SourceFailure: Error, Hashable, Codable, Sendable {
    package enum Kind: String, Codable, Sendable {
        /// The name does not resolve.
        case nameResolution
        /// No connection, or one without an answer; worth another try.
        case connection
        /// The connection broke or stalled in the middle of the bytes; worth another try.
        case interrupted
        /// 4xx except 408, 425 and 429: the source says no, and will again.
        case refused
        /// 408, 425, 429 and 5xx; worth another try after a while.
        case busy
        /// The validator or the length is no longer that of the version.
        case changed
        /// The answer makes no sense.
        case malformed
    }

    package var kind: Kind
    /// One line that names the URL's host and what happened.
    package var message: String
    /// From `Retry-After`, in seconds.
    package var retryAfterSeconds: Double?

    package init(_ kind: Kind, _ message: String, retryAfterSeconds: Double? = nil) {
        self.kind = kind
        self.message = message
        self.retryAfterSeconds = retryAfterSeconds
    }
}

/// What came of a stat of the source that the tracker asked for.
package enum StatOutcome: Hashable, Codable, Sendable {
    case version(TaskVersion)
    case failed(SourceFailure)
}

/// The one message from a peer to its tracker. The first has `introduction`; any may carry news and wishes.
package struct PeerReport: Hashable, Codable, Sendable {
    package var introduction: PeerIntroduction?
    /// Repeats `PeerIntroduction.secret`.
    package var secret: String = ""
    /// The version that the peer works on, once it has one.
    package var version: TaskVersion?
    package var stat: StatOutcome?
    /// The pieces that the peer has and can prove, in hexadecimal (`PieceSet.bytes`); nil if not told this time.
    package var have: String?
    /// Pieces fetched from the source (or found on disk without a proof), to be entered in the hash list and signed.
    package var fetched: [PieceProof] = []
    /// Leased pieces that the peer could not fetch.
    package var returned: [PieceIndex] = []
    /// Neighbours that sent bad data or could not be reached.
    package var dropped: [PeerID] = []
    /// Whether the peer could start a read of the source now.
    package var wantsLease: Bool = false
    /// How many more neighbours it could use.
    package var wantsNeighbours: Int = 0
    /// Whether it lacks pieces that no neighbour has, and has nothing under way.
    package var isStuck: Bool = false
    /// What its uplink carries when busy, in bytes per second; 0 if not yet known.
    package var uplink: Double = 0
    /// What one connection to the source brings it, in bytes per second; 0 if not yet known.
    package var sourceRate: Double = 0
    /// For how long the tracker may keep the answer back until it has a lease or neighbours to give, in seconds.
    package var waitSeconds: Double = 0
    /// Bytes so far, for people.
    package var bytesFromSource: Int64 = 0
    package var bytesFromPeers: Int64 = 0

    package init() {}

    /// A field that another version of minion does not know, and leaves out, has its default; but for the secret,
    /// without which it is some other object and no report.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        secret = try fields.decode(String.self, forKey: .secret)
        introduction = try fields.decodeIfPresent(PeerIntroduction.self, forKey: .introduction)
        version = try fields.decodeIfPresent(TaskVersion.self, forKey: .version)
        stat = try fields.decodeIfPresent(StatOutcome.self, forKey: .stat)
        have = try fields.decodeIfPresent(String.self, forKey: .have)
        try fields.update(&fetched, forKey: .fetched)
        try fields.update(&returned, forKey: .returned)
        try fields.update(&dropped, forKey: .dropped)
        try fields.update(&wantsLease, forKey: .wantsLease)
        try fields.update(&wantsNeighbours, forKey: .wantsNeighbours)
        try fields.update(&isStuck, forKey: .isStuck)
        try fields.update(&uplink, forKey: .uplink)
        try fields.update(&sourceRate, forKey: .sourceRate)
        try fields.update(&waitSeconds, forKey: .waitSeconds)
        try fields.update(&bytesFromSource, forKey: .bytesFromSource)
        try fields.update(&bytesFromPeers, forKey: .bytesFromPeers)
    }
}

/// Where to find a neighbour.
package struct NeighbourInfo: Hashable, Codable, Sendable {
    package var id: PeerID
    package var endpoint: Endpoint

    package init(id: PeerID, endpoint: Endpoint) {
        self.id = id
        self.endpoint = endpoint
    }
}

/// Permission to read a run of pieces from the source.
package struct Lease: Hashable, Codable, Sendable {
    package var first: PieceIndex
    package var count: Int
    /// The permission ends this long after it was given, in seconds, unless a piece of it is reported meanwhile.
    package var seconds: Double
    /// Somebody else had the lease and was too slow; his is ended.
    package var isTakenOver: Bool

    package init(_ pieces: Range<PieceIndex>, seconds: Double, isTakenOver: Bool = false) {
        first = pieces.lowerBound
        count = pieces.count
        self.seconds = seconds
        self.isTakenOver = isTakenOver
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        first = try container.decode(PieceIndex.self, forKey: .first)
        count = try container.decode(Int.self, forKey: .count)
        seconds = try container.decode(Double.self, forKey: .seconds)
        isTakenOver = try container.decodeIfPresent(Bool.self, forKey: .isTakenOver) ?? false
    }

    /// Nil if the numbers, which come from a network, are not pieces of a task with `capacity` of them.
    package func pieces(of capacity: Int) -> Range<PieceIndex>? {
        guard first >= 0, count > 0, first < capacity, count <= capacity - first else { return nil }
        return first..<first + count
    }
}

/// The tracker's answer to a report.
package struct TrackerReply: Hashable, Codable, Sendable {
    /// The tracker does not know the peer (any more): introduce yourself again.
    package var mustIntroduce: Bool = false
    /// The version to work on. If it is not the peer's, the peer starts over with this one.
    package var version: TaskVersion?
    /// Ask the source for its version and report it: you are the one who does.
    package var mustStat: Bool = false
    package var lease: Lease?
    /// The pieces of `fetched` that were entered, signed.
    package var accepted: [PieceProof] = []
    /// The pieces of `fetched` whose hash differs from the one on the list: throw them away and get them anew.
    package var rejected: [PieceIndex] = []
    package var neighbours: [NeighbourInfo] = []
    /// Report again after this long at the latest, in seconds.
    package var nextReportSeconds: Double = 1
    /// How many peers the task has, for people.
    package var peerCount: Int = 0
    /// The tracker's public key (Ed25519, hexadecimal), with which proofs are checked.
    package var key: String?
    /// Why this task is refused, if it is.
    package var refusal: String?

    package init() {}

    /// A field that another version of minion does not know, and leaves out, has its default; but for the time of the
    /// next report, without which it is some other object and no reply.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        nextReportSeconds = try fields.decode(Double.self, forKey: .nextReportSeconds)
        version = try fields.decodeIfPresent(TaskVersion.self, forKey: .version)
        lease = try fields.decodeIfPresent(Lease.self, forKey: .lease)
        key = try fields.decodeIfPresent(String.self, forKey: .key)
        refusal = try fields.decodeIfPresent(String.self, forKey: .refusal)
        try fields.update(&mustIntroduce, forKey: .mustIntroduce)
        try fields.update(&mustStat, forKey: .mustStat)
        try fields.update(&accepted, forKey: .accepted)
        try fields.update(&rejected, forKey: .rejected)
        try fields.update(&neighbours, forKey: .neighbours)
        try fields.update(&peerCount, forKey: .peerCount)
    }
}

extension KeyedDecodingContainer {
    /// Takes the field's value over, if it is there.
    fileprivate func update<Value: Decodable>(_ value: inout Value, forKey key: Key) throws {
        if let found = try decodeIfPresent(Value.self, forKey: key) { value = found }
    }
}
