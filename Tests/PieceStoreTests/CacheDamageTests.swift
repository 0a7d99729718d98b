import Foundation
import MinionCore
import PieceStore
import Testing

/// What a kill, a bad disk or somebody's editor leaves in a cache: found, told, and fetched again.
@Suite struct CacheDamageTests {
    private let sample: Sample

    init() throws { sample = try Sample(size: 4 * Sample.pieceSize - 100) }

    /// A cache that has the sample, closed.
    private func prepare(_ stand: CacheStand, sync: Bool = false) throws {
        let cache = try stand.open()
        try stand.keep(sample, in: cache, sync: sync)
        cache.close()
    }

    /// Fetches what is missing, and checks that all is right in the end.
    private func mend(_ stand: CacheStand, _ cache: ContentCache) throws -> [PieceIndex] {
        let pinned = try stand.pin(sample, in: cache)
        let found = pinned.file.resumed.map(\.piece)
        for piece in 0..<sample.layout.count where !found.contains(piece) { try sample.fetch(piece, into: pinned.file) }
        try pinned.file.seal(sync: false)
        pinned.release()
        #expect(try cache.isComplete(sample))
        cache.close()
        #expect(try stand.open().isComplete(sample))
        return found
    }

    /// Makes the content writable, as an editor of somebody else would.
    private func content(_ stand: CacheStand) throws -> String {
        let path = stand.entry(sample) + "/content"
        try #require(chmod(path, 0o600) == 0)
        return path
    }

    // MARK: - Content

    @Test func changedPieceIsFoundToldAndFetchedAgain() throws {
        try withStand { stand in
            try prepare(stand)
            try patch(try content(stand), at: Sample.pieceSize + 5, [~sample.content[65_541]])
            let cache = try stand.open()
            #expect(try cache.complete(sample.task) == nil)
            #expect(stand.warnings.count == 1)
            #expect(stand.warnings.first?.contains("1 of 4 pieces") == true)
            #expect(stand.warnings.first?.contains("http://host/abab") == true)
            #expect(try mend(stand, cache) == [0, 2, 3])
            #expect(stand.warnings.count == 1)
        }
    }

    /// With the old time of change put back, the time at which that was done still shows.
    @Test func changeUnderTheOldTimeIsFound() throws {
        try withStand { stand in
            try prepare(stand)
            let content = try content(stand)
            var status = stat()
            try #require(stat(content, &status) == 0)
            try patch(content, at: 0, [~sample.content[0]])
            try #require(utimensat(AT_FDCWD, content, [status.st_atim, status.st_mtim], 0) == 0)
            let cache = try stand.open()
            #expect(try cache.complete(sample.task) == nil)
            #expect(try mend(stand, cache) == [1, 2, 3])
        }
    }

    @Test func contentThatOnlyLooksChangedIsHashedAndKept() throws {
        try withStand { stand in
            try prepare(stand)
            let content = stand.entry(sample) + "/content"
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: 5)], ofItemAtPath: content)
            let cache = try stand.open()
            #expect(try cache.isComplete(sample))
            cache.close()
            // Sealed anew, so that it is not hashed again: a journal that lies is believed.
            try lie(stand)
            #expect(try stand.open().complete(sample.task) != nil)
            #expect(stand.warnings.isEmpty)
        }
    }

    @Test func contentOfWrongLengthIsPutRight() throws {
        for length in [0, 1, 2 * Sample.pieceSize + 1, 4 * Sample.pieceSize] {
            try withStand { stand in
                try prepare(stand)
                try #require(truncate(try content(stand), off_t(length)) == 0)
                let cache = try stand.open()
                let isWhole = length >= sample.layout.size
                #expect(try cache.complete(sample.task) == nil)
                #expect(stand.warnings.isEmpty == isWhole)
                #expect(try mend(stand, cache) == Array(0..<(isWhole ? 4 : Int(length / Sample.pieceSize))))
            }
        }
    }

    @Test func contentThatIsGoneIsFetchedAgain() throws {
        try withStand { stand in
            try prepare(stand)
            try FileManager.default.removeItem(atPath: stand.entry(sample) + "/content")
            let cache = try stand.open()
            #expect(try cache.complete(sample.task) == nil)
            #expect(stand.warnings.first?.contains("4 of 4 pieces") == true)
            #expect(try mend(stand, cache) == [])
        }
    }

    @Test func contentThatOthersMayWriteToIsNotTrusted() throws {
        try withStand { stand in
            try prepare(stand)
            try #require(chmod(stand.entry(sample) + "/content", 0o622) == 0)
            let cache = try stand.open()
            #expect(try cache.complete(sample.task) == nil)
            #expect(try mend(stand, cache) == [])
        }
    }

    @Test func linkInPlaceOfContentIsNotFollowed() throws {
        try withStand { stand in
            try prepare(stand)
            let content = stand.entry(sample) + "/content"
            try FileManager.default.moveItem(atPath: content, toPath: stand.folder + "/moved")
            try #require(symlink(stand.folder + "/moved", content) == 0)
            let cache = try stand.open()
            #expect(try cache.complete(sample.task) == nil)
            #expect(stand.warnings.count == 1)
            #expect(storageError { _ = try stand.pin(sample, in: cache) }?.code == .notRegular)
            #expect(try bytes(stand.folder + "/moved") == sample.content)
        }
    }

    /// Whoever gave it another name has a file of his own, which he may edit, and which the cache does not repair.
    @Test func contentWithAnotherNameIsNotWrittenTo() throws {
        try withStand { stand in
            try prepare(stand)
            let content = stand.entry(sample) + "/content"
            try #require(link(content, stand.folder + "/mine") == 0)
            let cache = try stand.open()
            #expect(try cache.isComplete(sample))
            try #require(chmod(content, 0o600) == 0)
            try patch(stand.folder + "/mine", at: 3 * Sample.pieceSize, Array("mine".utf8))
            #expect(try cache.complete(sample.task) == nil)
            let edited = try bytes(stand.folder + "/mine")
            #expect(try mend(stand, cache) == [0, 1, 2])
            #expect(try bytes(stand.folder + "/mine") == edited)
            #expect(edited != sample.content)
            #expect(try names(in: stand.entry(sample)) == ["content", "entry", "pieces"])
        }
    }

    @Test func changeIsNoticedByThoseWhoRead() throws {
        try withStand { stand in
            let cache = try stand.open()
            try stand.keep(sample, in: cache)
            let reading = try #require(try cache.complete(sample.task))
            try #require(chmod(reading.path, 0o600) == 0)
            #expect(reading.file.isUnchanged())
            try patch(reading.path, at: sample.layout.size, [1])
            #expect(!reading.file.isUnchanged())
            // The next one gets a file of its own, and the first is closed.
            #expect(try cache.complete(sample.task) == nil)
            let pinned = try stand.pin(sample, in: cache)
            #expect(pinned.file !== reading.file)
            #expect(pinned.file.resumed.count == 4)
            try pinned.file.seal(sync: false)
            #expect(storageError { _ = try reading.file.makeReader() }?.code == .closed)
            reading.release()
            #expect(try contents(pinned.file) == sample.content)
        }
    }

    // MARK: - Trust

    /// Makes the journal say something wrong of piece 1.
    private func lie(_ stand: CacheStand, boot: String? = nil) throws {
        try rewriteJournal(stand.entry(sample) + "/pieces") { line in
            if line.hasPrefix("+ 1 ") { return "+ 1 \(sample.stored(0).hash) -" }
            guard line.hasPrefix("= "), let boot else { return line }
            return line.split(separator: " ").dropLast().joined(separator: " ") + " " + boot
        }
    }

    @Test(arguments: [true, false])
    func sealedContentIsNotHashedAgain(sync: Bool) throws {
        try withStand { stand in
            try prepare(stand, sync: sync)
            try lie(stand)
            let cache = try stand.open()
            #expect(try cache.complete(sample.task) != nil)
            #expect(try cache.verify(sample.task).badPieces == 1)
            #expect(try cache.complete(sample.task) == nil)
            #expect(try mend(stand, cache) == [0, 2, 3])
        }
    }

    @Test func whatWasNotSyncedIsHashedAfterAnotherBoot() throws {
        for isRight in [true, false] {
            try withStand { stand in
                try prepare(stand)
                let journal = stand.entry(sample) + "/pieces"
                #expect(String(decoding: try bytes(journal), as: UTF8.self).hasSuffix(" -\n") == false)
                try rewriteJournal(journal) { line in
                    if line.hasPrefix("+ 1 "), !isRight { return "+ 1 \(sample.stored(0).hash) -" }
                    guard line.hasPrefix("= ") else { return line }
                    return line.split(separator: " ").dropLast().joined(separator: " ") + " another-boot"
                }
                let cache = try stand.open()
                #expect(try cache.isComplete(sample) == isRight)
                cache.close()
                // What was read after the boot had reached the disk before, so that the next boot makes no difference.
                let text = String(decoding: try bytes(journal), as: UTF8.self)
                #expect(text.hasSuffix(" -\n") == isRight)
            }
        }
    }

    @Test func sealOfAnotherFileIsNoSeal() throws {
        try withStand { stand in
            try prepare(stand)
            try lie(stand)
            // The same bytes in a file that looks the same, but for its number.
            let content = stand.entry(sample) + "/content"
            var status = stat()
            try #require(stat(content, &status) == 0)
            try FileManager.default.removeItem(atPath: content)
            try put([0], stand.folder + "/keeps-the-number")
            try put(sample.content, content)
            try #require(utimensat(AT_FDCWD, content, [status.st_atim, status.st_mtim], 0) == 0)
            #expect(try stand.open().complete(sample.task) == nil)
        }
    }

    // MARK: - Journal

    @Test func journalCutAnywhereCostsNoMoreThanItsPieces() throws {
        try withStand { stand in
            try prepare(stand)
            let journal = try bytes(stand.entry(sample) + "/pieces")
            let lines = journal.split(separator: UInt8(ascii: "\n")).map { $0.count + 1 }
            #expect(lines.count == 6)
            for length in stride(from: 0, to: journal.count, by: 7) {
                try put(journal[..<length], stand.entry(sample) + "/pieces")
                try #require(chmod(stand.entry(sample) + "/pieces", 0o600) == 0)
                let cache = try stand.open()
                #expect(try cache.complete(sample.task) == nil)
                var sum = 0
                let whole = lines.prefix { line in
                    sum += line
                    return sum <= length
                }.count
                // Noted from the last piece to the first.
                #expect(try mend(stand, cache) == Array((4 - min(4, max(0, whole - 1)))..<4), "cut at \(length)")
                try put(journal, stand.entry(sample) + "/pieces")
            }
        }
    }

    @Test func flippedBitInTheJournalIsFound() throws {
        try withStand { stand in
            try prepare(stand)
            let journal = try bytes(stand.entry(sample) + "/pieces")
            var dice = Dice(seed: 3)
            for _ in 0..<40 {
                var bad = journal
                bad[Int.random(in: bad.indices, using: &dice)] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
                try put(bad, stand.entry(sample) + "/pieces")
                try #require(chmod(stand.entry(sample) + "/pieces", 0o600) == 0)
                let cache = try stand.open()
                #expect(try cache.complete(sample.task) == nil)
                _ = try mend(stand, cache)
            }
        }
    }

    @Test func nonsenseInPlaceOfASealIsNone() throws {
        try withStand { stand in
            try prepare(stand)
            let journal = stand.entry(sample) + "/pieces"
            let good = try bytes(journal)
            for seal in [
                "=", "= ", "= 1", "= 1 2 3 4 5 6 -", "= 262044 1 1 1 1 1", "= -1 1 1 1 1 1 - -", "= +1 1 1 1 1 1 -",
                "= 99999999999999999999 1 1 1 1 1 -", "= 1 1 1 1 1 -1 -", "= 1 1 1 1 1 1 ",
            ] {
                try put(good, journal)
                try rewriteJournal(journal) { $0.hasPrefix("=") ? seal : $0 }
                let cache = try stand.open()
                // Nothing of it is believed, but everything is there.
                _ = try cache.complete(sample.task)
                #expect(try mend(stand, cache) == [0, 1, 2, 3])
            }
            #expect(stand.warnings.isEmpty)
        }
    }

    // MARK: - Description

    @Test func contentThatNobodyCanNameIsRemovedAndTold() throws {
        let nonsense: [[UInt8]] = [
            [], Array("{}".utf8), Array("rubbish".utf8), [0, 255, 254], [UInt8](repeating: 32, count: 1 << 20),
        ]
        for text in nonsense {
            try withStand { stand in
                try prepare(stand)
                try put(text, stand.entry(sample) + "/entry")
                try #require(chmod(stand.entry(sample) + "/entry", 0o600) == 0)
                let cache = try stand.open()
                #expect(cache.list().isEmpty && cache.bytesOnDisk == 0)
                #expect(stand.warnings.count == 1)
                #expect(stand.warnings.first?.contains(stand.entry(sample)) == true)
                #expect(try names(in: stand.folder + "/tasks").isEmpty)
                #expect(try mend(stand, cache) == [])
            }
        }
    }

    @Test func descriptionOfAnotherVersionIsNotBelieved() throws {
        let other = try Sample(size: 1000, task: "cd")
        try withStand { stand in
            try prepare(stand)
            do { try stand.keep(other, in: stand.open()) }
            try put(try bytes(stand.entry(other) + "/entry"), stand.entry(sample) + "/entry")
            let cache = try stand.open()
            #expect(cache.tasks() == [other.task])
            #expect(stand.warnings.count == 1)
        }
    }

    // MARK: - Killed in the middle

    /// The steps of making, sealing and removing an entry, each left off behind the last file that was made or removed.
    @Test func whateverAKillLeavesIsUsedOrCleanedUp() throws {
        let steps: [(files: [String], found: [PieceIndex], isListed: Bool)] = [
            ([], [], false), (["entry.new"], [], false), (["entry"], [], true), (["entry", "pieces"], [], true),
            (["entry", "content"], [], true), (["entry", "content", "pieces"], [0, 1, 2, 3], true),
            (["entry", "content", "pieces", "entry.new", "content-abcde"], [0, 1, 2, 3], true),
        ]
        for (files, found, isListed) in steps {
            try withStand { stand in
                try prepare(stand)
                for file in ["entry.new", "content-abcde"] { try put([1, 2, 3], "\(stand.entry(sample))/\(file)") }
                for file in try names(in: stand.entry(sample)) where !files.contains(file) {
                    try FileManager.default.removeItem(atPath: "\(stand.entry(sample))/\(file)")
                }
                let cache = try stand.open()
                #expect(cache.list().count == (isListed ? 1 : 0), "\(files)")
                #expect(try mend(stand, cache) == found, "\(files)")
                let again = try stand.open()
                #expect(try again.remove(sample.task) > 0)
                #expect(try names(in: stand.folder + "/tasks").isEmpty, "\(files)")
                #expect(stand.warnings.allSatisfy { $0.contains("4 of 4") } && stand.warnings.count <= 1, "\(files)")
            }
        }
    }

    @Test func sealThatWasNotWrittenIsMadeUpFor() throws {
        try withStand { stand in
            try prepare(stand)
            // Read-only already, and not yet sealed.
            try rewriteJournal(stand.entry(sample) + "/pieces") { $0.hasPrefix("=") || $0.hasPrefix("+ 0") ? nil : $0 }
            #expect(try mode(stand.entry(sample) + "/content") == 0o400)
            #expect(try mend(stand, stand.open()) == [1, 2, 3])
            #expect(stand.warnings.isEmpty)
        }
    }
}
