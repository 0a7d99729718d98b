import Crypto
import Foundation
import MinionCore
import PieceStore
import Testing

/// What a crash, a bad disk or a malicious user may leave in the journal's place.
@Suite struct HostileJournalTests {
    /// A download of four pieces with all of them recorded, and its journal.
    private func prepare(_ folder: String) throws -> (sample: Sample, journal: [UInt8]) {
        let sample = try Sample(size: 4 * Sample.pieceSize - 100)
        let file = try sample.open(folder.file)
        for piece in 0..<4 { try sample.fetch(piece, into: file, signature: piece == 2 ? ResumeTests.signature : "") }
        file.close()
        return (sample, try bytes(folder.journal))
    }

    /// A line as the store seals it.
    private func sealed(_ body: String) -> [UInt8] {
        let sum = SHA256.hash(data: Data(body.utf8)).prefix(8)
        return Array(Hex.text(sum).utf8) + Array(" \(body)\n".utf8)
    }

    private func lines(_ journal: [UInt8]) -> [[UInt8]] {
        journal.split(separator: UInt8(ascii: "\n")).map { $0 + [UInt8(ascii: "\n")] }
    }

    /// Replaces the journal and tells what is resumed. Whatever the journal says, only right pieces may come back, and
    /// what is recorded next must be found by the one after.
    private func resumed(_ journal: [UInt8], _ sample: Sample, _ folder: String) throws -> [PieceIndex] {
        try put(journal, folder.journal)
        try #require(chmod(folder.journal, 0o600) == 0)
        let file = try sample.open(folder.file)
        let pieces = file.resumed.map(\.piece)
        for stored in file.resumed { #expect(stored.hash == sample.stored(stored.piece).hash) }
        try sample.fetch(3, into: file)
        file.close()
        let again = try sample.open(folder.file)
        #expect(again.resumed.map(\.piece) == Set(pieces + [3]).sorted())
        // All of the data is there for the next case, too.
        for piece in 0..<4 { try sample.fetch(piece, into: again) }
        return pieces
    }

    @Test func linesAreAsDocumented() throws {
        try withFolder { folder in
            let (sample, journal) = try prepare(folder)
            let hashes = (0..<4).map { sample.stored($0).hash.hex }
            let validator = Hex.text(SHA256.hash(data: Data(sample.validator.utf8)))
            #expect(
                lines(journal) == [
                    sealed("minion-journal-1 \(sample.task) \(sample.layout.size) 65536 \(validator)"),
                    sealed("+ 0 \(hashes[0]) -"), sealed("+ 1 \(hashes[1]) -"),
                    sealed("+ 2 \(hashes[2]) \(ResumeTests.signature)"), sealed("+ 3 \(hashes[3]) -"),
                ])
        }
    }

    @Test func journalCutAnywhereKeepsItsWholeLines() throws {
        try withFolder { folder in
            let (sample, journal) = try prepare(folder)
            let ends = lines(journal).reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
            for length in stride(from: 0, through: journal.count, by: 3) + ends.flatMap({ [$0, max(0, $0 - 1)] }) {
                let whole = max(0, ends.lastIndex { $0 <= length } ?? 0)
                let expected = Array(0..<max(0, whole - 1))
                #expect(try resumed(Array(journal[..<length]), sample, folder) == expected, "cut at \(length)")
            }
        }
    }

    @Test func flippedBitEndsTheJournalThere() throws {
        try withFolder { folder in
            let (sample, journal) = try prepare(folder)
            let ends = lines(journal).reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
            var dice = Dice(seed: 11)
            for _ in 0..<150 {
                var bad = journal
                let position = Int.random(in: 0..<bad.count, using: &dice)
                bad[position] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
                let line = (ends.lastIndex { $0 <= position } ?? 0)
                #expect(try resumed(bad, sample, folder) == Array(0..<max(0, line - 1)), "flipped at \(position)")
            }
        }
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func rubbishIsIgnored(seed: UInt64) throws {
        try withFolder { folder in
            let (sample, journal) = try prepare(folder)
            var dice = Dice(seed: seed)
            // Bytes of any kind, and bytes of the kind that journals are made of.
            let alphabet = Array("0123456789abcdef +-\n".utf8)
            let count = Int.random(in: 0...3000, using: &dice)
            let rubbish =
                seed % 2 == 0 ? dice.bytes(count) : (0..<count).compactMap { _ in alphabet.randomElement(using: &dice) }
            let header = lines(journal)[0]
            #expect(try resumed(rubbish, sample, folder) == [])
            #expect(try resumed(header + rubbish, sample, folder) == [])
            #expect(try resumed(journal + rubbish, sample, folder) == [0, 1, 2, 3])
        }
    }

    @Test func wellSealedNonsenseEndsTheJournal() throws {
        try withFolder { folder in
            let (sample, journal) = try prepare(folder)
            let parts = lines(journal)
            let hash = sample.stored(1).hash.hex
            let bodies = [
                "", " ", "+", "-", "x 1", "+ 1", "+ 1 \(hash)", "+ 1 \(hash) - -", "+ 4 \(hash) -", "+ -1 \(hash) -",
                "+ +1 \(hash) -", "+  \(hash) -", "+ 1  \(hash) -", "+ 99999999999999999999 \(hash) -",
                "+ 9223372036854775807 \(hash) -", "+ 0x1 \(hash) -", "+ 1 \(hash.dropLast()) -", "+ 1 \(hash)00 -",
                "+ 1 \(hash) zz", "+ 1 \(hash) " + String(repeating: "a", count: 257), "- 4", "- -1", "- ", "- 1 ",
                "+ ١ \(hash) -", "- 1" + String(repeating: " ", count: 600),
                String(decoding: parts[0].dropFirst(17).dropLast(), as: UTF8.self),
            ]
            for body in bodies {
                let bad = parts[0] + parts[1] + sealed(body) + parts[2] + parts[3]
                #expect(try resumed(bad, sample, folder) == [0], "after \"\(body.prefix(80))\"")
            }
            // Control: with an entry that makes sense, the lines behind it count.
            let good = parts[0] + parts[1] + sealed("- 0") + parts[2] + parts[3]
            #expect(try resumed(good, sample, folder) == [1, 2])
        }
    }

    @Test func linesWithoutEndAreNotGathered() throws {
        try withFolder { folder in
            let (sample, journal) = try prepare(folder)
            let endless = [UInt8](repeating: UInt8(ascii: "a"), count: 3 << 20)
            #expect(try resumed(endless, sample, folder) == [])
            #expect(try resumed(journal + endless, sample, folder) == [0, 1, 2, 3])
            // Many good lines, so that they lie across the buffers that the journal is read in.
            let long = journal + (0..<5000).flatMap { _ in lines(journal)[3] } + sealed("- 1")
            #expect(try resumed(long, sample, folder) == [0, 2, 3])
        }
    }

    @Test func lyingJournalDoesNotMakeABadPieceGood() throws {
        try withFolder { folder in
            let (sample, journal) = try prepare(folder)
            let parts = lines(journal)
            let wrong = sample.stored(0).hash.hex
            let lie = parts[0] + parts[1] + sealed("+ 1 \(wrong) \(ResumeTests.signature)") + parts[4]
            #expect(try resumed(lie, sample, folder) == [0, 3])
        }
    }
}
