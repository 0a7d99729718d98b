import MinionCore

/// How many neighbours have each piece, and since when.
struct Rarity: Sendable {
    /// For each piece, how many neighbours have it.
    private(set) var copies: [UInt16]
    /// For each piece, when the first of the neighbours that have it told so, in milliseconds.
    private var known: [UInt32]
    /// Pieces that only one neighbour has, and for long. Neighbours are chosen by how soon they deliver, so without
    /// further ado a piece that only a slow one has is asked for when there is nothing else left; then everybody asks
    /// for it at once.
    var overlooked: PieceSet

    init(count: Int) {
        copies = Array(repeating: 0, count: count)
        known = Array(repeating: 0, count: count)
        overlooked = PieceSet(capacity: count)
    }

    mutating func gain(_ piece: PieceIndex, at now: Instant) {
        if copies[piece] == 0 {
            known[piece] = Self.milliseconds(now)
        } else {
            overlooked.remove(piece)
        }
        copies[piece] += 1
    }

    mutating func lose(_ piece: PieceIndex) {
        copies[piece] -= 1
        if copies[piece] == 0 { overlooked.remove(piece) }
    }

    mutating func lookForOverlooked(among wanted: PieceSet, after patience: Duration, at now: Instant) {
        let limit = Self.milliseconds(Instant(nanoseconds: now.nanoseconds - patience.nanoseconds))
        overlooked = PieceSet(capacity: copies.count)
        for piece in wanted where copies[piece] == 1 && known[piece] < limit { overlooked.insert(piece) }
    }

    private static func milliseconds(_ time: Instant) -> UInt32 {
        UInt32(clamping: time.nanoseconds / 1_000_000)
    }
}
