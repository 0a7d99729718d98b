/// The number of a piece within its task, from 0.
package typealias PieceIndex = Int

/// A set of pieces of one task, one bit each.
///
/// All operations on one piece are O(1); those on two sets are O(capacity / 64).
package struct PieceSet: Hashable, Sendable {
    /// How many pieces the task has.
    package let capacity: Int
    /// How many pieces are in the set.
    package private(set) var count: Int
    /// Bit `i % 64` of word `i / 64` stands for piece `i`. Bits past `capacity` are always 0.
    package private(set) var words: [UInt64]

    package init(capacity: Int) {
        precondition(capacity >= 0)
        self.capacity = capacity
        self.count = 0
        self.words = Array(repeating: 0, count: (capacity + 63) / 64)
    }

    /// The set of all pieces.
    package init(full capacity: Int) {
        self.init(capacity: capacity)
        insert(0..<capacity)
    }

    package init(capacity: Int, _ pieces: some Sequence<PieceIndex>) {
        self.init(capacity: capacity)
        for piece in pieces { insert(piece) }
    }

    package var isEmpty: Bool { count == 0 }
    package var isComplete: Bool { count == capacity }

    /// Whether `piece` is in the set; false for a number that the task does not have.
    @inlinable package func contains(_ piece: PieceIndex) -> Bool {
        guard piece >= 0, piece < capacity else { return false }
        return words[piece >> 6] & (1 << UInt64(piece & 63)) != 0
    }

    /// Adds a piece and returns whether it was new. A number out of range is ignored.
    @discardableResult
    package mutating func insert(_ piece: PieceIndex) -> Bool {
        guard piece >= 0, piece < capacity else { return false }
        let bit: UInt64 = 1 << UInt64(piece & 63)
        guard words[piece >> 6] & bit == 0 else { return false }
        words[piece >> 6] |= bit
        count += 1
        return true
    }

    /// Removes a piece and returns whether it was there.
    @discardableResult
    package mutating func remove(_ piece: PieceIndex) -> Bool {
        guard contains(piece) else { return false }
        words[piece >> 6] &= ~(1 << UInt64(piece & 63))
        count -= 1
        return true
    }

    /// Adds a run of pieces; the part out of range is ignored.
    package mutating func insert(_ run: Range<PieceIndex>) {
        let run = run.clamped(to: 0..<capacity)
        guard !run.isEmpty else { return }
        for word in run.lowerBound >> 6...(run.upperBound - 1) >> 6 {
            let first = Swift.max(run.lowerBound - word << 6, 0)
            let end = Swift.min(run.upperBound - word << 6, 64)
            let mask: UInt64 = ~0 << UInt64(first) & ~0 >> UInt64(64 - end)
            count += (mask & ~words[word]).nonzeroBitCount
            words[word] |= mask
        }
    }

    package mutating func formUnion(_ other: PieceSet) {
        combine(other) { $0 | $1 }
    }

    package mutating func subtract(_ other: PieceSet) {
        combine(other) { $0 & ~$1 }
    }

    package mutating func formIntersection(_ other: PieceSet) {
        combine(other) { $0 & $1 }
    }

    package func subtracting(_ other: PieceSet) -> PieceSet {
        var result = self
        result.subtract(other)
        return result
    }

    package func union(_ other: PieceSet) -> PieceSet {
        var result = self
        result.formUnion(other)
        return result
    }

    /// The pieces that are not in the set.
    package var inverted: PieceSet { PieceSet(full: capacity).subtracting(self) }

    /// Whether the set has a piece that `other` lacks.
    package func hasPiece(missingFrom other: PieceSet) -> Bool {
        precondition(capacity == other.capacity)
        for i in words.indices where words[i] & ~other.words[i] != 0 { return true }
        return false
    }

    /// Whether some piece is in both.
    package func intersects(_ other: PieceSet) -> Bool {
        zip(words, other.words).contains { $0 & $1 != 0 }
    }

    private mutating func combine(_ other: PieceSet, _ operation: (UInt64, UInt64) -> UInt64) {
        precondition(capacity == other.capacity, "piece sets of different tasks")
        var total = 0
        for i in words.indices {
            words[i] = operation(words[i], other.words[i])
            total += words[i].nonzeroBitCount
        }
        count = total
    }

    /// The first piece at or after `start` that is in the set.
    package func first(from start: PieceIndex = 0) -> PieceIndex? {
        nextIndex(from: start, flipping: 0)
    }

    /// The first piece at or after `start` that is not in the set; how far the set reaches without a gap.
    package func firstMissing(from start: PieceIndex = 0) -> PieceIndex? {
        nextIndex(from: start, flipping: ~0)
    }

    private func nextIndex(from start: PieceIndex, flipping mask: UInt64) -> PieceIndex? {
        guard start < capacity else { return nil }
        let start = Swift.max(start, 0)
        var word = start >> 6
        var bits = (words[word] ^ mask) & (~0 << UInt64(start & 63))
        while bits == 0 {
            word += 1
            guard word < words.count else { return nil }
            bits = words[word] ^ mask
        }
        let piece = word << 6 + bits.trailingZeroBitCount
        return piece < capacity ? piece : nil
    }

    /// The set as maximal runs, in order.
    package var runs: [Range<PieceIndex>] {
        var result: [Range<PieceIndex>] = []
        var position = 0
        while let start = first(from: position) {
            let end = firstMissing(from: start) ?? capacity
            result.append(start..<end)
            position = end
        }
        return result
    }
}

extension PieceSet: Sequence {
    package struct Iterator: IteratorProtocol {
        let words: [UInt64]
        var word = -1
        var bits: UInt64 = 0

        package mutating func next() -> PieceIndex? {
            while bits == 0 {
                word += 1
                guard word < words.count else { return nil }
                bits = words[word]
            }
            let bit = bits.trailingZeroBitCount
            bits &= bits - 1
            return word << 6 + bit
        }
    }

    package func makeIterator() -> Iterator { Iterator(words: words) }
    package var underestimatedCount: Int { count }
}

// MARK: - Bytes

extension PieceSet {
    /// Eight pieces a byte, piece 0 in the lowest bit of the first.
    package var bytes: [UInt8] {
        (0..<(capacity + 7) / 8).map { UInt8(truncatingIfNeeded: words[$0 >> 3] >> UInt64(($0 & 7) * 8)) }
    }

    /// Reads what `bytes` wrote. Nil if the length is wrong or a bit past the last piece is set.
    package init?(capacity: Int, bytes: [UInt8]) {
        guard bytes.count == (capacity + 7) / 8 else { return nil }
        self.init(capacity: capacity)
        for i in bytes.indices { words[i >> 3] |= UInt64(bytes[i]) << UInt64((i & 7) * 8) }
        if capacity & 63 != 0, let last = words.last, last >> UInt64(capacity & 63) != 0 { return nil }
        count = words.reduce(0) { $0 + $1.nonzeroBitCount }
    }
}
