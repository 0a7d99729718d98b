import MinionCore

/// What a download knows of one neighbour.
struct Neighbour: Sendable {
    let info: NeighbourInfo
    /// Nil as long as the connection is being made.
    var have: PieceSet?
    var since: Instant
    /// Requests under way, oldest first.
    var requests: [RequestID] = []
    var outstandingBytes: Int64 = 0
    /// Bytes per second that it gives this download, waiting in its queue included; 0 if not yet known.
    var rate: Double = 0
    /// When its last answer ended.
    var lastAnswer = Instant.zero
    /// When bytes of any answer of it last arrived.
    var lastByte = Instant.zero
    var failures = 0
    var missing = 0
    var blockedUntil = Instant.zero
    var bytes: Int64 = 0

    var isConnected: Bool { have != nil }

    /// In how many seconds another piece asked of it now would be there; nil if it has no room for a request. It may have
    /// as many as keep it busy for `ahead` seconds, `most` at the utmost. One that has not been tried yet may be the best
    /// of all.
    ///
    /// Mutating although it changes nothing: a dictionary lends its values only to what may change them. Copies made of
    /// all neighbours were the largest cost of an answer.
    mutating func bid(pieceSize: Int64, ahead: Double, most: Int, at now: Instant) -> Double? {
        guard blockedUntil <= now, let count = have?.count, count > 0 else { return nil }
        let depth = min(most, 1 + Int((rate * ahead / Double(pieceSize)).rounded(.up)))
        guard requests.count < depth else { return nil }
        return rate == 0 ? Double(requests.count) : Double(outstandingBytes + pieceSize) / rate
    }

    /// Adds pieces that it has, and counts those that are new; false if they are of another version or none is new.
    mutating func hear(_ pieces: PieceSet, counting rarity: inout Rarity, at now: Instant) -> Bool {
        guard have?.capacity == pieces.capacity else { return false }
        var hasNew = false
        for word in pieces.words.indices where pieces.words[word] != 0 {
            var new = pieces.words[word] & ~(have?.words[word] ?? 0)
            while new != 0 {
                let piece = word << 6 + new.trailingZeroBitCount
                new &= new - 1
                have?.insert(piece)
                rarity.gain(piece, at: now)
                hasNew = true
            }
        }
        return hasNew
    }

    mutating func noteAnswer(bytes count: Int64, asked: Instant, at now: Instant) {
        let duration = max((now - max(asked, lastAnswer)).inSeconds, 1e-6)
        let sample = Double(count) / duration
        rate = rate == 0 ? sample : 0.7 * rate + 0.3 * sample
        lastAnswer = now
        lastByte = now
        bytes += count
        failures = 0
    }
}

/// One piece asked of one neighbour.
struct PieceRequest: Sendable {
    let piece: PieceIndex
    let neighbour: PeerID
    let asked: Instant
    /// When bytes last arrived; when it was asked, as long as none did.
    var lastProgress: Instant
    var bytes: Int64 = 0
    /// Another neighbour has been asked for the same piece because this one is slow.
    var isHedged = false
}

/// One read of the source under way.
struct SourceRead: Sendable {
    /// The pieces of the run that have not arrived.
    var pieces: PieceSet
    let run: Range<PieceIndex>
    /// Whether the tracker gave it; otherwise the download took it itself.
    let isLeased: Bool
    var lastProgress: Instant
}
