/// How a task of a known size is cut into pieces.
package struct PieceLayout: Hashable, Sendable {
    /// Bytes of the whole task.
    package let size: Int64
    /// Bytes of each piece but the last, which holds the remainder.
    package let pieceSize: Int64

    /// The smallest and the largest piece size that is chosen or accepted, in bytes.
    package static let pieceSizes: ClosedRange<Int64> = (64 << 10)...(64 << 20)
    /// The largest task: 2^50 bytes (1 PiB).
    package static let maximumSize: Int64 = 1 << 50
    /// The most pieces that a task may have; what a peer or a tracker has to hold in memory for one is bounded by it.
    package static let maximumCount: Int64 = 1 << 24

    /// Nil if the numbers are out of bounds (they may come from a network).
    package init?(size: Int64, pieceSize: Int64) {
        guard (0...Self.maximumSize).contains(size), Self.pieceSizes.contains(pieceSize),
            (size + pieceSize - 1) / pieceSize <= Self.maximumCount
        else { return nil }
        self.size = size
        self.pieceSize = pieceSize
    }

    /// Cuts `size` bytes so that pieces are many enough to flow through several hosts at once and few enough to be
    /// cheap: a power of two that gives about 512 to 1,024 of them, from 256 KiB to 16 MiB.
    package init?(size: Int64) {
        var pieceSize: Int64 = 256 << 10
        while pieceSize < 16 << 20, size / pieceSize > 1024 { pieceSize *= 2 }
        self.init(size: size, pieceSize: pieceSize)
    }

    /// The number of pieces; 0 for an empty task.
    package var count: Int { Int((size + pieceSize - 1) / pieceSize) }

    /// The bytes of a piece that exists.
    package func range(of piece: PieceIndex) -> Range<Int64> {
        precondition(piece >= 0 && piece < count, "no such piece")
        let start = Int64(piece) * pieceSize
        return start..<min(start + pieceSize, size)
    }

    /// The bytes of a run of pieces that exist.
    package func range(of run: Range<PieceIndex>) -> Range<Int64> {
        precondition(run.lowerBound >= 0 && run.upperBound <= count && !run.isEmpty, "no such pieces")
        return Int64(run.lowerBound) * pieceSize..<min(Int64(run.upperBound) * pieceSize, size)
    }

    package func length(of piece: PieceIndex) -> Int64 {
        let range = range(of: piece)
        return range.upperBound - range.lowerBound
    }

    /// The pieces that hold `bytes`, wholly or in part.
    package func pieces(holding bytes: Range<Int64>) -> Range<PieceIndex> {
        let bytes = bytes.clamped(to: 0..<size)
        guard !bytes.isEmpty else { return 0..<0 }
        return Int(bytes.lowerBound / pieceSize)..<Int((bytes.upperBound - 1) / pieceSize) + 1
    }

    /// The bytes of all pieces in `set`.
    package func bytes(in set: PieceSet) -> Int64 {
        guard count > 0 else { return 0 }
        let last = count - 1
        return Int64(set.count) * pieceSize - (set.contains(last) ? pieceSize - length(of: last) : 0)
    }
}
