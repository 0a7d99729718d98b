import MinionCore
import Testing

/// `PieceSet` held against `Set<Int>`, the plain way to do the same.
@Suite struct PieceSetTests {
    @Test(arguments: [0, 1, 63, 64, 65, 127, 128, 1000])
    func agreesWithASetOfIntegers(capacity: Int) {
        var random = SystemRandomNumberGenerator()
        var set = PieceSet(capacity: capacity)
        var model = Set<Int>()
        for _ in 0..<2000 {
            let piece = Int.random(in: -2...capacity + 2, using: &random)
            if Bool.random(using: &random) {
                #expect(set.insert(piece) == ((0..<capacity).contains(piece) && model.insert(piece).inserted))
            } else {
                #expect(set.remove(piece) == (model.remove(piece) != nil))
            }
        }
        #expect(Array(set) == model.sorted())
        #expect(set.count == model.count)
        #expect(set.first() == model.min())
        #expect(set.firstMissing() == (0..<capacity).first { !model.contains($0) })
        #expect(set.runs.flatMap(Array.init) == model.sorted())
        #expect(Array(set.inverted) == (0..<capacity).filter { !model.contains($0) })
    }

    @Test(arguments: [0, 1, 63, 64, 65, 128, 300])
    func runsAreInsertedLikeTheirPieces(capacity: Int) {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var set = PieceSet(capacity: capacity)
            var model = set
            for _ in 0..<3 {
                let start = Int.random(in: -3...capacity + 3, using: &random)
                let run = start..<start + Int.random(in: 0...capacity + 3, using: &random)
                set.insert(run)
                for piece in run { model.insert(piece) }
            }
            #expect(set == model)
        }
    }

    @Test func unionIntersectionAndDifferenceKeepTheCount() {
        let a = PieceSet(capacity: 130, [0, 1, 64, 129])
        let b = PieceSet(capacity: 130, [1, 65, 129])
        #expect(Array(a.union(b)) == [0, 1, 64, 65, 129])
        #expect(a.union(b).count == 5)
        #expect(Array(a.subtracting(b)) == [0, 64])
        var both = a
        both.formIntersection(b)
        #expect(Array(both) == [1, 129])
        #expect(both.count == 2)
        #expect(a.hasPiece(missingFrom: b))
        #expect(!both.hasPiece(missingFrom: b))
    }

    @Test(arguments: [0, 1, 7, 8, 9, 64, 100])
    func bytesComeBackAsTheSameSet(capacity: Int) {
        let set = PieceSet(capacity: capacity, (0..<capacity).filter { $0 % 3 == 0 })
        #expect(PieceSet(capacity: capacity, bytes: set.bytes) == set)
    }

    @Test func bytesThatNoSetHasAreRefused() {
        #expect(PieceSet(capacity: 9, bytes: [0]) == nil)
        #expect(PieceSet(capacity: 9, bytes: [0, 0, 0]) == nil)
        #expect(PieceSet(capacity: 9, bytes: [0xff, 0x02]) == nil)
        #expect(PieceSet(capacity: 9, bytes: [0xff, 0x01])?.isComplete == true)
    }

    @Test func fullSetHasNothingMissing() {
        let set = PieceSet(full: 70)
        #expect(set.isComplete)
        #expect(set.firstMissing() == nil)
        #expect(set.runs == [0..<70])
    }
}
