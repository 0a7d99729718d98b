import MinionCore
import Swarm
import Testing
import Wire

struct NewsLineTests {
    private func parse(_ line: String, _ capacity: Int) -> NewsLine? { NewsLine(Array(line.utf8), capacity: capacity) }

    /// What a reader of the lines ends up with.
    private func read(_ bytes: [UInt8], capacity: Int) throws -> PieceSet {
        var result = PieceSet(capacity: capacity)
        #expect(bytes.last == UInt8(ascii: "\n"))
        for line in bytes.dropLast().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            #expect(line.count < NewsLine.maximumLength)
            switch try #require(NewsLine(Array(line), capacity: capacity)) {
            case .all: result = PieceSet(full: capacity)
            case .pieces(let pieces): result.formUnion(pieces)
            case .keepAlive: Issue.record("a set is no keep-alive")
            }
        }
        return result
    }

    @Test func linesAreThoseOfTheProtocol() {
        #expect(
            NewsLine.bytes(of: PieceSet(capacity: 30, Array(0...15) + [17, 20, 21, 22]))
                == Array("0-15,17,20-22\n".utf8))
        #expect(NewsLine.bytes(of: PieceSet(capacity: 30)) == Array("\n".utf8))
        #expect(NewsLine.bytes(of: PieceSet(full: 30)) == Array("all\n".utf8))
        #expect(NewsLine.bytes(ofRuns: [3..<4]) == Array("3\n".utf8))
    }

    @Test func linesAreRead() {
        #expect(parse("all", 5) == .all)
        #expect(parse(".", 5) == .keepAlive)
        #expect(parse("", 5) == .pieces(PieceSet(capacity: 5)))
        #expect(parse("0-2,4", 5) == .pieces(PieceSet(capacity: 5, [0, 1, 2, 4])))
        #expect(parse("0,1", 5) == .pieces(PieceSet(capacity: 5, [0, 1])))
        #expect(parse("", 0) == .pieces(PieceSet(capacity: 0)))
    }

    @Test(arguments: [
        "5", "0-5", "-1", "1-", "1--2", "2-1", "1-1", ",", "1,", ",1", "1,,2", " 1", "1 ", "1\r", "al", "alle", "ALL",
        "..",
        "a", "1,0", "0-2,2", "0,0", "00000000000000000000001", "18446744073709551616", "+1", "1;2", "٣",
    ])
    func anythingElseIsRefused(line: String) { #expect(parse(line, 5) == nil) }

    @Test func nothingIsInAnEmptyTask() { #expect(parse("0", 0) == nil) }

    @Test func overlongLineIsRefused() {
        let line = Array(repeating: UInt8(ascii: "1"), count: NewsLine.maximumLength)
        #expect(NewsLine(line, capacity: 1 << 24) == nil)
    }

    @Test func longSetIsSplitIntoLinesThatFit() throws {
        let every = PieceSet(capacity: 1 << 20, stride(from: 1, to: 1 << 20, by: 2))
        let bytes = NewsLine.bytes(of: every)
        #expect(bytes.count { $0 == UInt8(ascii: "\n") } > 10)
        #expect(try read(bytes, capacity: 1 << 20) == every)
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func randomSetIsReadAsWritten(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let capacity = Int.random(in: 0...3000, using: &random)
        let density = Double.random(in: 0...1, using: &random)
        let set = PieceSet(
            capacity: capacity, (0..<capacity).filter { _ in Double.random(in: 0..<1, using: &random) < density })
        #expect(try read(NewsLine.bytes(of: set), capacity: capacity) == set)
    }

    @Test func randomBytesNeverTrap() {
        var random = SeededGenerator(seed: 1)
        let alphabet = Array("0123456789,-.al\r ".utf8)
        for _ in 0..<20_000 {
            let line = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? 0
            }
            guard case .pieces(let set) = NewsLine(line, capacity: 100) else { continue }
            #expect(set.count <= 100)
        }
    }
}
