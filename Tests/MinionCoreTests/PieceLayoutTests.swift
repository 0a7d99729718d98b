import MinionCore
import Testing

@Suite struct PieceLayoutTests {
    private static let mebibyte: Int64 = 1 << 20

    @Test(arguments: [
        (Int64(0), 0), (1, 1), (mebibyte - 1, 1), (mebibyte, 1), (mebibyte + 1, 2), (3 * mebibyte, 3),
    ])
    func aFileOfWholePiecesHasNoEmptyLastPiece(size: Int64, count: Int) throws {
        let layout = try #require(PieceLayout(size: size, pieceSize: Self.mebibyte))
        #expect(layout.count == count)
        #expect((0..<count).reduce(0) { $0 + layout.length(of: $1) } == size)
        if count > 0 { #expect(layout.range(of: count - 1).upperBound == size) }
    }

    @Test(arguments: [
        (Int64(1), Int64(256 << 10)), (64 * mebibyte, 256 << 10), (256 * mebibyte, 256 << 10),
        (257 * mebibyte, 512 << 10), (3 * 1024 * mebibyte, 4 * mebibyte), (20 * 1024 * mebibyte, 16 * mebibyte),
        (PieceLayout.maximumSize, 16 * mebibyte),
    ])
    func chosenPieceSizeGrowsWithTheFile(size: Int64, pieceSize: Int64) {
        if size == PieceLayout.maximumSize {
            // 2^26 pieces are more than anybody may have to remember.
            #expect(PieceLayout(size: size) == nil)
        } else {
            #expect(PieceLayout(size: size)?.pieceSize == pieceSize)
        }
    }

    @Test(arguments: [(Int64(-1), Int64(1 << 20)), (1, 0), (1, -5), (1, 1 << 40), (.max, 1 << 20), (1 << 50, 64 << 10)])
    func numbersThatMakeNoLayoutAreRefused(size: Int64, pieceSize: Int64) {
        #expect(PieceLayout(size: size, pieceSize: pieceSize) == nil)
    }

    @Test func bytesInASetCountTheShortLastPiece() throws {
        let layout = try #require(PieceLayout(size: 2 * Self.mebibyte + 10, pieceSize: Self.mebibyte))
        #expect(layout.bytes(in: PieceSet(capacity: 3, [0, 2])) == Self.mebibyte + 10)
        #expect(layout.bytes(in: PieceSet(full: 3)) == layout.size)
        #expect(layout.pieces(holding: 0..<1) == 0..<1)
        #expect(layout.pieces(holding: Self.mebibyte - 1..<Self.mebibyte + 1) == 0..<2)
        #expect(layout.pieces(holding: layout.size..<layout.size + 5).isEmpty)
    }
}
