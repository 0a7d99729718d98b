import Dispatch
import MinionCore
import Synchronization

/// Finds out which pieces of a file are what a journal says they are.
enum PieceCheck {
    /// Two keep a disk and the hashing busy at once, and leave the other processors to others.
    private static let threads = 2
    private static let bufferSize = 1 << 20

    /// Those of `pieces` whose bytes have the recorded hash, in the same order. Blocks until all are read; a piece that
    /// cannot be read does not match.
    static func matching(_ pieces: [StoredPiece], in data: OwnedDescriptor, layout: PieceLayout) -> [StoredPiece] {
        let next = Atomic(0)
        let matching = Mutex<[Int]>([])
        DispatchQueue.concurrentPerform(iterations: min(threads, pieces.count)) { _ in
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 4096)
            defer { buffer.deallocate() }
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < pieces.count else { return }
                let piece = pieces[index]
                if hash(layout.range(of: piece.piece), in: data, through: buffer) == piece.hash {
                    matching.withLock { $0.append(index) }
                }
            }
        }
        return matching.withLock { $0 }.sorted().map { pieces[$0] }
    }

    /// The hash of one piece as it is in the file; nil if not all of its bytes are there.
    static func hash(_ piece: PieceIndex, in data: OwnedDescriptor, layout: PieceLayout) -> PieceHash? {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 4096)
        defer { buffer.deallocate() }
        return hash(layout.range(of: piece), in: data, through: buffer)
    }

    private static func hash(
        _ range: Range<Int64>, in data: OwnedDescriptor, through buffer: UnsafeMutableRawBufferPointer
    ) -> PieceHash? {
        var hasher = PieceHasher()
        var offset = range.lowerBound
        while offset < range.upperBound {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: buffer.prefix(Int(min(range.upperBound - offset, Int64(buffer.count)))))
            guard (try? data.read(at: offset, into: part)) == part.count else { return nil }
            hasher.update(UnsafeRawBufferPointer(part))
            offset += Int64(part.count)
        }
        return hasher.finalize()
    }
}
