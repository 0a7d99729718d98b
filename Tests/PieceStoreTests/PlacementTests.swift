import Foundation
import MinionCore
import PieceStore
import Testing

/// How content comes from a cache to where the user wants it.
@Suite struct PlacementTests {
    private let content: [UInt8]

    init() {
        var dice = Dice(seed: 5)
        content = dice.bytes(300_000)
    }

    /// Gives `body` a source and a folder for the destination, each in a folder of its own.
    private func withSource(_ body: (String, String) throws -> Void) throws {
        try withFolder { folder in
            let source = folder + "/content"
            try put(content, source)
            try #require(chmod(source, 0o400) == 0 && mkdir(folder + "/d", 0o700) == 0)
            try body(source, folder + "/d")
            #expect(try bytes(source) == content)
        }
    }

    private struct Stop: Error {}

    @Test(arguments: [0, 1, 65_536, 1_000_001, 40 << 20])
    func fileIsPutInPlaceWhole(size: Int) throws {
        try withFolder { folder in
            var dice = Dice(seed: UInt64(size))
            let block = dice.bytes(min(size, 65_537))
            let content =
                size == 0 ? [] : (0..<(size + block.count - 1) / block.count).flatMap { _ in block }.prefix(size)
            try put(content, folder + "/source")
            let other = open(folder + "/other", O_CREAT | O_WRONLY, 0o666)
            close(other)
            var told: [Int64] = []
            let method = try Placement.put(source: folder + "/source", at: folder.file) { told.append($0) }
            #expect(method != .hardLink)
            #expect(try bytes(folder.file) == Array(content))
            #expect(try mode(folder.file) == mode(folder + "/other"))
            #expect(try inode(folder.file) != inode(folder + "/source"))
            #expect(try names(in: folder) == ["file", "other", "source"])
            if method == .copy { #expect(told == told.sorted() && told.last ?? 0 == Int64(size)) }
        }
    }

    @Test func nothingIsSeenUntilItIsWhole() throws {
        try withSource { source, folder in
            try put("old".utf8, folder.file)
            try Placement.put(source: source, at: folder.file) { _ in
                let (present, files) = (try bytes(folder.file), try names(in: folder))
                #expect(present == Array("old".utf8))
                #expect(files == ["file"])
            }
            #expect(try bytes(folder.file) == content)
            #expect(try names(in: folder) == ["file"])
        }
    }

    @Test func oldFileIsReplacedOrKeptAsAsked() throws {
        for hardLink in [true, false] {
            try withSource { source, folder in
                try put("old".utf8, folder.file)
                let error = storageError {
                    try Placement.put(source: source, at: folder.file, hardLink: hardLink, replacing: false)
                }
                #expect(error?.code == .exists)
                #expect(error?.message.contains(folder.file) == true)
                #expect(try bytes(folder.file) == Array("old".utf8))
                try Placement.put(source: source, at: folder.file, hardLink: hardLink)
                #expect(try bytes(folder.file) == content)
                try Placement.put(source: source, at: folder + "/new", hardLink: hardLink, replacing: false)
                #expect(try names(in: folder) == ["file", "new"])
            }
        }
    }

    @Test func fileThatAppearsMeanwhileIsNotReplaced() throws {
        try withSource { source, folder in
            // A file system with reflinks is faster.
            try #require(try Placement.put(source: source, at: folder.file) == .copy)
            let error = storageError {
                try Placement.put(source: source, at: folder + "/new", replacing: false) { _ in
                    try put("first".utf8, folder + "/new")
                }
            }
            #expect(error?.code == .exists)
            #expect(try bytes(folder + "/new") == Array("first".utf8))
            #expect(try names(in: folder) == ["file", "new"])
        }
    }

    // MARK: - Hard links

    @Test func hardLinkIsMadeIfItIsWantedAndReadOnly() throws {
        try withSource { source, folder in
            try #require(try Placement.put(source: source, at: folder.file) == .copy)
            #expect(try Placement.put(source: source, at: folder.file, hardLink: true) == .hardLink)
            #expect(try inode(folder.file) == inode(source))
            #expect(try mode(folder.file) & 0o222 == 0)
            // Over itself, too.
            #expect(try Placement.put(source: source, at: folder.file, hardLink: true) == .hardLink)
            #expect(try inode(folder.file) == inode(source))
            #expect(try names(in: folder) == ["file"])
            // A copy in place of the link leaves the source alone.
            try Placement.put(source: source, at: folder.file)
            #expect(try inode(folder.file) != inode(source))
        }
    }

    @Test func cacheStandsAHardLink() throws {
        try withStand { stand in
            let sample = try Sample(size: 200_000)
            let cache = try stand.open()
            try stand.keep(sample, in: cache)
            let pinned = try #require(try cache.complete(sample.task))
            try Placement.put(source: pinned.path, at: stand.folder.file, hardLink: true)
            #expect(pinned.file.isUnchanged())
            pinned.release()
            #expect(try cache.isComplete(sample))
            #expect(try cache.remove(sample.task) > 0)
            #expect(try bytes(stand.folder.file) == sample.content)
            #expect(stand.warnings.isEmpty)
        }
    }

    @Test(.enabled(if: SmallDisk.canMount, "mounting a tmpfs takes root"))
    func hardLinkToAnotherFileSystemIsACopy() throws {
        try withSource { source, _ in
            try withSmallDisk { folder in
                let method = try Placement.put(source: source, at: folder.file, hardLink: true)
                #expect(method == .copy)
                #expect(try bytes(folder.file) == content)
                #expect(try names(in: folder) == ["file"])
            }
        }
    }

    // MARK: - What goes wrong

    @Test func destinationThatCannotBeWrittenIsRefused() throws {
        try withSource { source, folder in
            let cases: [(String, StorageError.Code)] = [
                (folder, .isFolder), (folder + "/", .isFolder), ("", .isFolder), (folder + "/missing/file", .noFolder),
                (folder + "/" + String(repeating: "n", count: 256), .nameTooLong), (folder + "/a\u{0}b", .invalid),
                ("/dev/null", .notRegular),
            ]
            for (destination, code) in cases {
                for hardLink in [true, false] {
                    let error = storageError {
                        try Placement.put(source: source, at: destination, hardLink: hardLink)
                    }
                    #expect(error?.code == code, "\(destination)")
                }
            }
            let error = storageError { try Placement.put(source: source, at: "/sys/file") }
            #expect(error?.code == .denied || error?.code == .readOnly)
            let left = try names(in: folder)
            #expect(left.isEmpty)
        }
    }

    @Test(arguments: [241, 255], ["n", "ü"])
    func longNamesFit(length: Int, letter: String) throws {
        try withSource { source, folder in
            let name = String(repeating: letter, count: length / letter.utf8.count)
            for _ in 0..<2 { try Placement.put(source: source, at: folder + "/" + name, hardLink: true) }
            #expect(try names(in: folder) == [name])
        }
    }

    @Test func linkAtTheDestinationIsReplacedNotFollowed() throws {
        try withSource { source, folder in
            try put("victim".utf8, folder + "/victim")
            try #require(symlink(folder + "/victim", folder.file) == 0 && symlink("nowhere", folder + "/x") == 0)
            try Placement.put(source: source, at: folder.file)
            try Placement.put(source: source, at: folder + "/x")
            #expect(try bytes(folder + "/victim") == Array("victim".utf8))
            #expect(try bytes(folder.file) == content)
            #expect(try names(in: folder) == ["file", "victim", "x"])
        }
    }

    @Test func sourceThatIsNoFileIsRefused() throws {
        try withSource { source, folder in
            try #require(symlink(source, folder + "/link") == 0)
            for (path, code) in [
                (folder, StorageError.Code.notRegular), (folder + "/gone", .changed), ("/dev/null", .notRegular),
                (folder + "/link", .other),
            ] {
                let error = storageError { try Placement.put(source: path, at: folder.file, hardLink: true) }
                #expect(error?.code == code, "\(path)")
                #expect(error?.message.contains(path) == true)
            }
            #expect(try names(in: folder) == ["link"])
        }
    }

    @Test func stoppedCopyLeavesNothing() throws {
        try withSource { source, folder in
            try put("old".utf8, folder.file)
            // A file system with reflinks is faster.
            try #require(try Placement.put(source: source, at: folder + "/other") == .copy)
            #expect(throws: Stop.self) { try Placement.put(source: source, at: folder.file) { _ in throw Stop() } }
            #expect(try bytes(folder.file) == Array("old".utf8))
            #expect(try names(in: folder) == ["file", "other"])
        }
    }

    @Test func sourceThatChangesMeanwhileIsNotPutInPlace() throws {
        try withSource { source, folder in
            try #require(try Placement.put(source: source, at: folder.file) == .copy)
            try #require(chmod(source, 0o600) == 0)
            let error = storageError {
                try Placement.put(source: source, at: folder + "/new") { _ in
                    try patch(source, at: Int64(content.count), [1])
                }
            }
            #expect(error?.code == .changed)
            #expect(error?.message.contains(source) == true)
            #expect(try names(in: folder) == ["file"])
            try #require(truncate(source, off_t(content.count)) == 0)
        }
    }
}

/// Destinations that are full.
@Suite(.enabled(if: SmallDisk.canMount, "mounting a tmpfs takes root and a mount namespace that allows it"))
struct PlacementFullDiskTests {
    /// A source of holes.
    private func withSource(_ size: Int, _ body: (String) throws -> Void) throws {
        try withFolder { folder in
            try put([], folder + "/content")
            try #require(truncate(folder + "/content", off_t(size)) == 0)
            try body(folder + "/content")
        }
    }

    @Test func fileThatDoesNotFitIsRefusedAtOnce() throws {
        try withSource(2 << 20) { source in
            try withSmallDisk { folder in
                let error = storageError {
                    try Placement.put(source: source, at: folder.file, hardLink: true) { _ in
                        Issue.record("began to copy")
                    }
                }
                #expect(error?.code == .full)
                #expect(error?.message.contains(folder.file) == true)
                let left = try names(in: folder)
                #expect(left.isEmpty)
            }
        }
    }

    @Test func diskThatFillsUpMeanwhileLeavesNothing() throws {
        try withSource(36 << 20) { source in
            try withSmallDisk("40m") { folder in
                try put("old".utf8, folder.file)
                var hasBegun = false
                let error = storageError {
                    try Placement.put(source: source, at: folder.file) { _ in
                        if !hasBegun { try fill(folder) }
                        hasBegun = true
                    }
                }
                #expect(hasBegun)
                #expect(error?.code == .full)
                #expect(error?.message.contains(folder.file) == true)
                #expect(try names(in: folder) == ["file", "filler"])
                #expect(try bytes(folder.file) == Array("old".utf8))
                // And gives the room back.
                try FileManager.default.removeItem(atPath: folder + "/filler")
                try Placement.put(source: source, at: folder.file)
                #expect(try bytes(folder.file).count == 36 << 20)
            }
        }
    }

    @Test func readOnlyFileSystemIsNamed() throws {
        try withSource(10) { source in
            try withSmallDisk { folder in
                try #require(mount("tmpfs", folder, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
                for hardLink in [true, false] {
                    let error = storageError {
                        try Placement.put(source: source, at: folder.file, hardLink: hardLink)
                    }
                    #expect(error?.code == .readOnly)
                }
            }
        }
    }
}

/// Destinations that can share blocks with the cache.
@Suite(.enabled(if: SharingDisk.canMount, "an XFS in a file takes root, mkfs.xfs and a loop device"))
struct PlacementReflinkTests {
    @Test func contentIsSharedUntilOneIsWrittenTo() throws {
        try withSharingDisk { folder in
            let stand = CacheStand(folder + "/cache")
            let sample = try Sample(size: 3 << 20)
            let cache = try stand.open()
            try stand.keep(sample, in: cache)
            let pinned = try #require(try cache.complete(sample.task))
            try put("old".utf8, folder.file)
            for hardLink in [true, false] {
                let method = try Placement.put(source: pinned.path, at: folder.file, hardLink: hardLink) { _ in
                    Issue.record("copied")
                }
                #expect(method == .reflink)
                #expect(try bytes(folder.file) == sample.content)
                #expect(try mode(folder.file) & 0o200 != 0)
            }
            #expect(try names(in: folder) == ["cache", "file"])
            try patch(folder.file, at: 0, [~sample.content[0]])
            #expect(try contents(pinned.file) == sample.content)
            pinned.release()
            // And the cache need not look at it again.
            let journal = try bytes(stand.entry(sample) + "/pieces")
            cache.close()
            let again = try stand.open()
            #expect(try again.isComplete(sample))
            #expect(try bytes(stand.entry(sample) + "/pieces") == journal)
            again.close()
        }
    }

    @Test func fullDiskIsNoHindrance() throws {
        try withSharingDisk { folder in
            try put([UInt8](repeating: 7, count: 100 << 20), folder + "/content")
            for number in 0..<10 {
                #expect(try Placement.put(source: folder + "/content", at: "\(folder)/\(number)") == .reflink)
            }
        }
    }
}
