import MinionCore

/// The pieces of Minion before version 1: 1 MiB each, whatever the size of the file, the last one the remainder. There
/// is no empty piece.
enum OldPieces {
    static let size: Int64 = 1 << 20

    static func count(of fileSize: Int64) -> Int { Int((fileSize + size - 1) / size) }

    static func range(of piece: Int, in fileSize: Int64) -> Range<Int64> {
        let start = Int64(piece) * size
        return start..<min(start + size, fileSize)
    }

    /// The old pieces all of whose bytes are in `offered`, in order; the first `limit` of them.
    static func complete(in offered: PieceSet, of layout: PieceLayout, limit: Int = .max) -> [Int] {
        var result: [Int] = []
        for run in offered.runs where result.count < limit {
            let bytes = layout.range(of: run)
            let first = (bytes.lowerBound + size - 1) / size
            let end = bytes.upperBound == layout.size ? Int64(count(of: layout.size)) : bytes.upperBound / size
            if first < end { result.append(contentsOf: (Int(first)..<Int(end)).prefix(limit - result.count)) }
        }
        return result
    }
}
