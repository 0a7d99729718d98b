package import MinionCore

/// How much a cache may hold, and for how long.
package struct CacheLimits: Hashable, Sendable {
    /// The high mark in bytes: past it, what was used least recently is evicted. Nil: as much as the disk holds.
    package var size: Int64?
    /// The low mark, down to which is evicted then, as a part of the high one; from 0 to 1.
    package var lowFraction: Double
    /// What nobody has used for so long is evicted. Nil: nothing is too old.
    package var age: Duration?

    package init(size: Int64? = nil, lowFraction: Double = 0.9, age: Duration? = nil) {
        self.size = size
        self.lowFraction = lowFraction
        self.age = age
    }

    /// In bytes.
    var lowMark: Int64? {
        size.map { Int64(Double($0) * (lowFraction > 0 ? min(lowFraction, 1) : 0)) }
    }
}

/// What a cache tells about one version of one task.
package struct CacheEntryInfo: Codable, Hashable, Sendable {
    package var task: TaskID
    package var label: CacheLabel
    package var version: CachedVersion
    /// Where the content lies.
    package var path: String
    /// Bytes of the pieces that are there and were verified when they came.
    package var bytesHere: Int64
    /// What all of its files take on the disk.
    package var bytesOnDisk: Int64
    package var isComplete: Bool
    /// Whether it is being downloaded, read or served, and therefore not evicted.
    package var isInUse: Bool
    /// In seconds of Unix time, as is `created`.
    package var lastUsed: Double
    package var created: Double
}

/// What came out when the content of a task was hashed again.
package struct CacheVerification: Codable, Hashable, Sendable {
    /// Pieces, and their bytes, that were said to be there and were hashed.
    package var pieces = 0
    package var bytes: Int64 = 0
    /// Those among them that were not right. They do not count any more and are fetched again.
    package var badPieces = 0
    package var badBytes: Int64 = 0

    package init() {}

    mutating func count(_ stored: [StoredPiece], _ layout: PieceLayout) {
        pieces += stored.count
        bytes += stored.reduce(0) { $0 + layout.length(of: $1.piece) }
    }

    mutating func countBad(_ stored: [StoredPiece], _ layout: PieceLayout) {
        badPieces += stored.count
        badBytes += stored.reduce(0) { $0 + layout.length(of: $1.piece) }
    }

    static func += (a: inout CacheVerification, b: CacheVerification) {
        a.pieces += b.pieces
        a.bytes += b.bytes
        a.badPieces += b.badPieces
        a.badBytes += b.badBytes
    }
}
