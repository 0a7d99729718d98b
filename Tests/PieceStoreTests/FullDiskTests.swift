import Foundation
import MinionCore
import PieceStore
import Testing

/// Disks that are full or read-only: a small tmpfs each, which takes root to mount.
@Suite(.enabled(if: SmallDisk.canMount, "mounting a tmpfs takes root and a mount namespace that allows it"))
struct FullDiskTests {
    @Test func fileThatDoesNotFitIsRefusedAtOnce() throws {
        try withSmallDisk { folder in
            let sample = try Sample(size: 2 << 20)
            let error = storageError { _ = try sample.open(folder.file) }
            #expect(error?.code == .full)
            #expect(error?.message.contains("2.00 MiB") == true)
            #expect(error?.message.contains(folder.data) == true)
            #expect(try names(in: folder).isEmpty)
        }
    }

    @Test func roomThatIsAlreadyTakenByTheDownloadCounts() throws {
        try withSmallDisk { folder in
            let sample = try Sample(size: 700 << 10)
            let file = try sample.open(folder.file)
            for piece in 0..<10 { try sample.fetch(piece, into: file) }
            file.close()
            // 640 KiB are there; 60 KiB more fit into what is left, 700 KiB would not.
            let again = try sample.open(folder.file)
            #expect(again.resumed.count == 10)
            try sample.fetch(10, into: again)
            try again.publish(sync: true)
            #expect(try bytes(folder.file) == sample.content)
        }
    }

    @Test func writesToAFullDiskSaySo() throws {
        try withSmallDisk { folder in
            let sample = try Sample(size: 4 * Sample.pieceSize)
            let file = try sample.open(folder.file)
            try sample.fetch(0, into: file)
            try fill(folder)
            sample.withBytes(of: 1) { piece in
                let error = storageError { try file.write(piece, at: Sample.pieceSize) }
                #expect(error?.code == .full)
                #expect(error?.message.contains(folder.data) == true)
                #expect(storageError { try file.write([piece, piece], at: Sample.pieceSize) }?.code == .full)
            }
            try FileManager.default.removeItem(atPath: folder + "/filler")
            for piece in 1..<4 { try sample.fetch(piece, into: file) }
            try file.publish(sync: true)
            #expect(try bytes(folder.file) == sample.content)
        }
    }

    @Test func journalStaysReadableWhenTheDiskFillsUp() throws {
        try withSmallDisk { folder in
            let sample = try Sample(size: 3 * Sample.pieceSize)
            let file = try sample.open(folder.file)
            try sample.fetchAll(into: file)
            try fill(folder)
            // Until the page that the journal's end lies on is full; the last line is then cut in two.
            var failure: StorageError?
            for number in 0..<100 as Range<UInt64> where failure == nil {
                let piece = sample.stored(0, signature: Hex.padded(number))
                do { try file.record(piece) } catch let error as StorageError { failure = error }
            }
            #expect(failure?.code == .full)
            let signed = sample.stored(0, signature: ResumeTests.signature)
            #expect(storageError { for _ in 0..<2 { try file.record(signed) } }?.code == .full)
            try FileManager.default.removeItem(atPath: folder + "/filler")
            try file.record(signed)
            try file.record(sample.stored(2, signature: ResumeTests.signature))
            file.close()
            #expect(
                try sample.open(folder.file).resumed
                    == [signed, sample.stored(1), sample.stored(2, signature: ResumeTests.signature)])
        }
    }

    @Test func readOnlyFileSystemIsNamed() throws {
        try withSmallDisk { folder in
            try #require(mount("tmpfs", folder, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
            let sample = try Sample(size: 1000)
            #expect(storageError { _ = try sample.open(folder.file) }?.code == .readOnly)
        }
    }
}
