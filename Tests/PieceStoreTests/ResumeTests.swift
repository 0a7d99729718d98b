import Foundation
import MinionCore
import PieceStore
import Testing

@Suite struct ResumeTests {
    static let signature = String(repeating: "5e", count: 64)

    @Test(arguments: [1, 65_535, 65_536, 65_537, 400_000] as [Int64])
    func recordedPiecesSurviveAKill(size: Int64) throws {
        try withFolder { folder in
            let sample = try Sample(size: size)
            let kept = (0..<sample.layout.count).filter { $0 % 2 == 0 }
            do {
                // Dropped without `close`, and with a piece under way.
                let file = try sample.open(folder.file)
                for piece in kept.reversed() { try sample.fetch(piece, into: file) }
                if let last = kept.last { try file.record(sample.stored(last, signature: Self.signature)) }
                if sample.layout.count > 1 { try sample.withBytes(of: 1) { try file.write($0, at: Sample.pieceSize) } }
            }
            let file = try sample.open(folder.file)
            #expect(file.resumed == kept.map { sample.stored($0, signature: $0 == kept.last ? Self.signature : "") })
            for piece in 0..<sample.layout.count where !kept.contains(piece) { try sample.fetch(piece, into: file) }
            try file.publish(sync: false)
            #expect(try bytes(folder.file) == sample.content)
        }
    }

    @Test func piecesThatChangedOnDiskAreNotKept() throws {
        try withFolder { folder in
            let sample = try Sample(size: 6 * Sample.pieceSize)
            let file = try sample.open(folder.file)
            try sample.fetchAll(into: file)
            file.close()
            // The last byte of one piece, the first of another.
            try patch(folder.data, at: 2 * Sample.pieceSize - 1, [~sample.content[Int(2 * Sample.pieceSize) - 1]])
            try patch(folder.data, at: 4 * Sample.pieceSize, [~sample.content[Int(4 * Sample.pieceSize)]])
            let again = try sample.open(folder.file)
            #expect(again.resumed.map(\.piece) == [0, 2, 3, 5])
        }
    }

    @Test func fileThatIsTooShortOrTooLongIsPutRight() throws {
        try withFolder { folder in
            let sample = try Sample(size: 3 * Sample.pieceSize)
            let file = try sample.open(folder.file)
            try sample.fetchAll(into: file)
            file.close()
            try #require(truncate(folder.data, off_t(2 * Sample.pieceSize + 1)) == 0)
            let again = try sample.open(folder.file)
            #expect(again.resumed.map(\.piece) == [0, 1])
            try sample.fetch(2, into: again)
            again.close()
            try patch(folder.data, at: 3 * Sample.pieceSize, [1, 2, 3])
            let third = try sample.open(folder.file)
            #expect(third.resumed.map(\.piece) == [0, 1, 2])
            try third.publish(sync: false)
            #expect(try bytes(folder.file) == sample.content)
        }
    }

    @Test func otherVersionStartsAnew() throws {
        let sample = try Sample(size: 2 * Sample.pieceSize)
        let otherTask = try #require(TaskID(hex: String(repeating: "cd", count: 32)))
        let larger = try #require(PieceLayout(size: sample.layout.size + 1, pieceSize: Sample.pieceSize))
        let coarser = try #require(PieceLayout(size: sample.layout.size, pieceSize: 2 * Sample.pieceSize))
        let others: [(TaskID, String, PieceLayout)] = [
            (otherTask, sample.validator, sample.layout),
            (sample.task, "\"v2\"", sample.layout),
            (sample.task, "", sample.layout),
            (sample.task, sample.validator, larger),
            (sample.task, sample.validator, coarser),
        ]
        for (task, validator, layout) in others {
            try withFolder { folder in
                let file = try sample.open(folder.file)
                try sample.fetchAll(into: file)
                file.close()
                let other = try PieceFile.open(
                    destination: folder.file, task: task, validator: validator, layout: layout)
                #expect(other.resumed.isEmpty)
                #expect(try contents(other) == [UInt8](repeating: 0, count: Int(layout.size)))
                other.close()
                #expect(try sample.open(folder.file).resumed.isEmpty)
            }
        }
    }

    @Test func validatorMayBeAnything() throws {
        let sample = try Sample(size: 10)
        for validator in ["", "a b\nc", String(repeating: "x", count: 100_000), "\u{0}"] {
            try withFolder { folder in
                for resumed in [0, 1] {
                    let file = try PieceFile.open(
                        destination: folder.file, task: sample.task, validator: validator, layout: sample.layout)
                    #expect(file.resumed.count == resumed)
                    try sample.fetch(0, into: file)
                }
            }
        }
    }

    @Test func discardedPieceIsGoneAndMayComeBack() throws {
        try withFolder { folder in
            let sample = try Sample(size: 3 * Sample.pieceSize)
            let file = try sample.open(folder.file)
            try sample.fetchAll(into: file)
            try file.discard(1)
            try file.discard(2)
            try file.record(sample.stored(2, signature: Self.signature))
            file.close()
            let again = try sample.open(folder.file)
            #expect(again.resumed == [sample.stored(0), sample.stored(2, signature: Self.signature)])
        }
    }

    @Test func signatureThatWouldSpoilTheJournalIsRefused() throws {
        try withFolder { folder in
            let sample = try Sample(size: 10)
            let file = try sample.open(folder.file)
            for signature in ["a b", "\n", "xy", String(repeating: "a", count: 257)] {
                let piece = sample.stored(0, signature: signature)
                #expect(storageError { try file.record(piece) }?.code == .invalid)
            }
            file.close()
            #expect(try sample.open(folder.file).resumed.isEmpty)
        }
    }

    @Test func completeDataThatWereNotPublishedAreAllKept() throws {
        try withFolder { folder in
            let sample = try Sample(size: 3 * Sample.pieceSize - 1)
            try sample.fetchAll(into: try sample.open(folder.file))
            let file = try sample.open(folder.file)
            #expect(file.resumed.count == 3)
            try file.publish(sync: true)
            #expect(try bytes(folder.file) == sample.content)
        }
    }

    @Test func journalWithoutDataAndDataWithoutJournalStartAnew() throws {
        for lost in HiddenFile.allCases {
            try withFolder { folder in
                let sample = try Sample(size: 1000)
                try sample.fetchAll(into: try sample.open(folder.file))
                try FileManager.default.removeItem(atPath: lost.path(in: folder))
                let file = try sample.open(folder.file)
                #expect(file.resumed.isEmpty)
                #expect(try contents(file) == [UInt8](repeating: 0, count: 1000))
            }
        }
    }

    // MARK: - Lock

    @Test func secondMinionIsToldSo() throws {
        try withFolder { folder in
            let sample = try Sample(size: 1000)
            let file = try sample.open(folder.file)
            let error = storageError { _ = try sample.open(folder.file) }
            #expect(error?.code == .busy)
            #expect(error?.message.contains("another minion") == true)
            #expect(error?.message.contains(folder.file) == true)
            #expect(
                storageError { _ = try PieceFile.openUnsized(destination: folder.file, task: sample.task) }?.code
                    == .busy)
            // The first is none the worse for it.
            try sample.fetchAll(into: file)
            file.close()
            let second = try sample.open(folder.file)
            #expect(second.resumed.count == 1)
            try second.publish(sync: false)
            // A published file is locked no more.
            let third = try sample.open(folder.file)
            #expect(third.resumed.isEmpty)
            #expect(try contents(second) == sample.content)
            try third.remove()
            #expect(try names(in: folder) == ["file"])
        }
    }
}
