import Dispatch
import Foundation
import MinionCore
import PieceStore
import Synchronization
import SystemPackage
import Testing

@Suite struct PieceFileTests {
    static let sizes: [Int64] = [0, 1, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 1_000_000]

    @Test(arguments: sizes, [true, false])
    func completeFileComesUnderItsName(size: Int64, sync: Bool) throws {
        try withFolder { folder in
            let sample = try Sample(size: size)
            let file = try sample.open(folder.file)
            #expect(file.resumed.isEmpty)
            #expect(file.path == folder.data)
            #expect(try mode(folder.data) == 0o600)
            #expect(try bytes(folder.data).count == Int(size))
            try sample.fetchAll(into: file)
            #expect(try names(in: folder) == [".file.minion", ".file.minion-state"])
            try file.publish(sync: sync)
            #expect(file.isPublished)
            #expect(file.path == folder.file)
            #expect(try names(in: folder) == ["file"])
            #expect(try bytes(folder.file) == sample.content)
        }
    }

    @Test func publishedFileHasTheRightsOfAnyNewFile() throws {
        try withFolder { folder in
            let sample = try Sample(size: 10)
            let file = try sample.open(folder.file)
            try sample.fetchAll(into: file)
            try file.publish(sync: false)
            let other = open(folder + "/other", O_CREAT | O_WRONLY, 0o666)
            close(other)
            #expect(try mode(folder.file) == mode(folder + "/other"))
        }
    }

    /// A program that any process has open for writing cannot be executed, and nodes serve what was just downloaded.
    @Test func nothingIsOpenForWritingOncePublished() throws {
        try withFolder { folder in
            let sample = try Sample(size: 10)
            let file = try sample.open(folder.file)
            try sample.fetchAll(into: file)
            try file.publish(sync: false)
            let published = try inode(folder.file)
            var seen = 0
            for descriptor in try names(in: "/proc/self/fd").compactMap({ CInt($0) }) {
                var status = stat()
                guard fstat(descriptor, &status) == 0, UInt64(status.st_ino) == published else { continue }
                seen += 1
                #expect(fcntl(descriptor, F_GETFL) & O_ACCMODE == O_RDONLY)
            }
            #expect(seen == 1)
            #expect(try contents(file) == sample.content)
        }
    }

    @Test func oldFileIsReplacedOrKeptAsAsked() throws {
        try withFolder { folder in
            try put("old".utf8, folder.file)
            let sample = try Sample(size: 100_000)
            let file = try sample.open(folder.file)
            try sample.fetchAll(into: file)
            let error = storageError { try file.publish(sync: true, replacing: false) }
            #expect(error?.code == .exists)
            #expect(error?.message.contains(folder.file) == true)
            #expect(try bytes(folder.file) == Array("old".utf8))
            #expect(try mode(folder.data) == 0o600)
            try file.publish(sync: false, replacing: true)
            #expect(try bytes(folder.file) == sample.content)
            #expect(try names(in: folder) == ["file"])
        }
    }

    @Test func publishesWithoutReplacingWhereNothingLies() throws {
        try withFolder { folder in
            let sample = try Sample(size: 70_000)
            let file = try sample.open(folder.file)
            try sample.fetchAll(into: file)
            try file.publish(sync: true, replacing: false)
            #expect(try names(in: folder) == ["file"])
            #expect(try bytes(folder.file) == sample.content)
        }
    }

    @Test func fileThatSomebodyCutIsNotPublished() throws {
        try withFolder { folder in
            let sample = try Sample(size: 70_000)
            let file = try sample.open(folder.file)
            try sample.fetchAll(into: file)
            try #require(truncate(folder.data, 69_999) == 0)
            #expect(storageError { try file.publish(sync: false) }?.code == .changed)
            #expect(try names(in: folder) == [".file.minion", ".file.minion-state"])
        }
    }

    @Test func severalBuffersAreWrittenOneBehindTheOther() throws {
        try withFolder { folder in
            // More than one system call takes (1,024), of uneven lengths, with empty ones among them.
            let sample = try Sample(size: 300_000)
            let file = try sample.open(folder.file)
            var dice = Dice(seed: 7)
            try sample.content.withUnsafeBytes { content in
                var buffers: [UnsafeRawBufferPointer] = []
                var position = 0
                while position < content.count {
                    let end = min(position + Int.random(in: 0...150, using: &dice), content.count)
                    buffers.append(UnsafeRawBufferPointer(rebasing: content[position..<end]))
                    position = end
                }
                #expect(buffers.count > 2048)
                try file.write(buffers, at: 0)
                try file.write([UnsafeRawBufferPointer](), at: 300_000)
            }
            #expect(try bytes(folder.data) == sample.content)
        }
    }

    @Test func nothingIsWrittenPastTheSize() throws {
        try withFolder { folder in
            let sample = try Sample(size: 100)
            let file = try sample.open(folder.file)
            try [1, 2, 3].withUnsafeBytes { (three: UnsafeRawBufferPointer) in
                let two = UnsafeRawBufferPointer(rebasing: three[..<2])
                for offset: Int64 in [99, 100, 101, -1, .max, .min] {
                    #expect(storageError { try file.write(two, at: offset) }?.code == .outOfRange)
                    #expect(storageError { try file.write([two, two], at: offset) }?.code == .outOfRange)
                }
                try file.write(two, at: 98)
            }
            for piece in [-1, 1, .max] {
                #expect(storageError { try file.discard(piece) }?.code == .outOfRange)
                let stored = StoredPiece(piece: piece, hash: sample.stored(0).hash)
                #expect(storageError { try file.record(stored) }?.code == .outOfRange)
            }
            #expect(try bytes(folder.data).count == 100)
        }
    }

    @Test func manyThreadsMayWriteAndRecordAtOnce() throws {
        try withFolder { folder in
            let sample = try Sample(size: 64 * Sample.pieceSize - 5)
            let file = try sample.open(folder.file)
            let failures = Mutex(0)
            DispatchQueue.concurrentPerform(iterations: 64) { piece in
                do { try sample.fetch(piece, into: file) } catch { failures.withLock { $0 += 1 } }
            }
            #expect(failures.withLock { $0 } == 0)
            file.close()
            let again = try sample.open(folder.file)
            #expect(again.resumed == (0..<64).map { sample.stored($0) })
            try again.publish(sync: false)
            #expect(try bytes(folder.file) == sample.content)
        }
    }

    // MARK: - Reading

    @Test func readersWorkBeforeAndAfterPublishing() throws {
        try withFolder { folder in
            let sample = try Sample(size: 200_000)
            let file = try sample.open(folder.file)
            try sample.fetchAll(into: file)
            let early = try file.makeReader()
            #expect(try contents(file) == sample.content)
            try file.publish(sync: false)
            let late = try file.makeReader()
            try early.closeAfter {
                try late.closeAfter {
                    // Positions of their own, and no right to write.
                    try early.seek(offset: 100, from: .start)
                    #expect(try late.seek(offset: 0, from: .current) == 0)
                    #expect(throws: Errno.badFileDescriptor) { _ = try late.writeAll(toAbsoluteOffset: 0, [1]) }
                    #expect(fcntl(late.rawValue, F_GETFD) & FD_CLOEXEC != 0)
                }
            }
            try FileManager.default.removeItem(atPath: folder.file)
            #expect(try contents(file) == sample.content)
        }
    }

    @Test func editAndRemovalAreNoticedAndRenamingIsNeither() throws {
        try withFolder { folder in
            let sample = try Sample(size: 100)
            let file = try sample.open(folder.file)
            try sample.fetchAll(into: file)
            #expect(file.isUnchanged())
            try file.publish(sync: false)
            #expect(file.isUnchanged())
            try FileManager.default.moveItem(atPath: folder.file, toPath: folder + "/moved")
            #expect(file.isUnchanged())
            // The clock of a file system ticks every few milliseconds; a later time stands for a later edit.
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: 5)], ofItemAtPath: folder + "/moved")
            #expect(!file.isUnchanged())
        }
        try withFolder { folder in
            let sample = try Sample(size: 100)
            let file = try sample.open(folder.file)
            try sample.fetchAll(into: file)
            try file.publish(sync: false)
            try patch(folder.file, at: 100, [1])
            #expect(!file.isUnchanged())
            file.close()
            #expect(!file.isUnchanged())
        }
        try withFolder { folder in
            let sample = try Sample(size: 100)
            let file = try sample.open(folder.file)
            try sample.fetchAll(into: file)
            try file.publish(sync: false)
            try FileManager.default.removeItem(atPath: folder.file)
            #expect(!file.isUnchanged())
        }
    }

    // MARK: - Ending

    @Test func nothingIsLeftAfterRemove() throws {
        try withFolder { folder in
            let sample = try Sample(size: 100)
            let file = try sample.open(folder.file)
            try file.remove()
            #expect(try names(in: folder).isEmpty)

            let published = try sample.open(folder.file)
            try sample.fetchAll(into: published)
            try published.publish(sync: false)
            try published.remove()
            #expect(try names(in: folder).isEmpty)
        }
    }

    @Test func fileOfSomebodyElseIsNotRemoved() throws {
        try withFolder { folder in
            let sample = try Sample(size: 100)
            let file = try sample.open(folder.file)
            try sample.fetchAll(into: file)
            try file.publish(sync: false)
            try put("new".utf8, folder + "/new")
            try #require(rename(folder + "/new", folder.file) == 0)
            try file.remove()
            #expect(try bytes(folder.file) == Array("new".utf8))
        }
    }

    @Test func endedFileRefusesFurtherUse() throws {
        try withFolder { folder in
            let sample = try Sample(size: 100)
            let file = try sample.open(folder.file)
            try sample.fetchAll(into: file)
            try file.publish(sync: false)
            #expect(storageError { try sample.withBytes(of: 0) { try file.write($0, at: 0) } }?.code == .closed)
            #expect(storageError { try file.record(sample.stored(0)) }?.code == .closed)
            #expect(storageError { try file.discard(0) }?.code == .closed)
            #expect(storageError { try file.publish(sync: false) }?.code == .closed)
            file.close()
            file.close()
            #expect(storageError { _ = try file.makeReader() }?.code == .closed)
            #expect(storageError { try file.remove() }?.code == .closed)
            #expect(try bytes(folder.file) == sample.content)
        }
    }

    // MARK: - Unknown size

    @Test func fileOfUnknownSizeGrowsAndIsSettled() throws {
        try withFolder { folder in
            let sample = try Sample(size: 150_000)
            let file = try PieceFile.openUnsized(destination: folder.file, task: sample.task)
            #expect(file.layout == nil)
            try sample.content.withUnsafeBytes { content in
                for start in stride(from: 0, to: content.count, by: 7_000) {
                    let part = content[start..<min(start + 7_000, content.count)]
                    try file.write(UnsafeRawBufferPointer(rebasing: part), at: Int64(start))
                }
                // What came too much is cut off.
                try file.write(UnsafeRawBufferPointer(rebasing: content[..<9]), at: 150_000)
                let nine = UnsafeRawBufferPointer(rebasing: content[..<9])
                #expect(storageError { try file.write(nine, at: PieceLayout.maximumSize) }?.code == .outOfRange)
            }
            #expect(storageError { try file.record(sample.stored(0)) }?.code == .outOfRange)
            #expect(storageError { try file.publish(sync: false) }?.code == .invalid)
            try file.settle(validator: sample.validator, layout: sample.layout)
            #expect(file.layout == sample.layout)
            #expect(storageError { try file.settle(validator: "", layout: sample.layout) }?.code == .invalid)
            for piece in 0..<sample.layout.count { try file.record(sample.stored(piece)) }
            file.close()

            let again = try sample.open(folder.file)
            #expect(again.resumed.map(\.piece) == [0, 1, 2])
            try again.publish(sync: false)
            #expect(try bytes(folder.file) == sample.content)
        }
    }

    @Test func unsettledFileIsNotResumed() throws {
        try withFolder { folder in
            let sample = try Sample(size: 1000)
            let file = try PieceFile.openUnsized(destination: folder.file, task: sample.task)
            try sample.withBytes(of: 0) { try file.write($0, at: 0) }
            file.close()
            let again = try sample.open(folder.file)
            #expect(again.resumed.isEmpty)
            #expect(try contents(again) == [UInt8](repeating: 0, count: 1000))
        }
    }
}
