import Foundation
import MinionCore
import PieceStore
import Testing

/// What may lie at the destination and beside it.
@Suite struct PlaceTests {
    private func refusal(
        _ destination: String, _ code: StorageError.Code, at location: SourceLocation = #_sourceLocation
    )
        throws
    {
        let sample = try Sample(size: 1000)
        let error = storageError({ _ = try sample.open(destination) }, at: location)
        #expect(error?.code == code, sourceLocation: location)
        let second = storageError(
            { _ = try PieceFile.openUnsized(destination: destination, task: sample.task) }, at: location)
        #expect(second == error, sourceLocation: location)
    }

    @Test func destinationThatCannotBeWrittenIsRefused() throws {
        try withFolder { folder in
            try refusal(folder, .isFolder)
            try refusal(folder + "/", .isFolder)
            try refusal(folder + "/.", .isFolder)
            try refusal("", .isFolder)
            try refusal(folder + "/missing/file", .noFolder)
            try put([1], folder + "/plain")
            try refusal(folder + "/plain/file", .noFolder)
            try refusal(folder + "/" + String(repeating: "n", count: 256), .nameTooLong)
            try refusal(folder + "/a\u{0}b", .invalid)
            try refusal("/dev/null", .notRegular)
            try #require(symlink("/dev/null", folder + "/null") == 0)
            try refusal(folder + "/null", .notRegular)
            #expect(try names(in: folder) == ["null", "plain"])
        }
    }

    @Test func folderWithoutRightsIsRefused() throws {
        // Nobody, not even root, makes files in sysfs.
        let sample = try Sample(size: 1000)
        let error = storageError { _ = try sample.open("/sys/file") }
        #expect(error?.code == .denied || error?.code == .readOnly)
        #expect(error?.message.contains("/sys/.file.minion") == true)
    }

    @Test(arguments: HiddenFile.allCases)
    func linksAreNotFollowed(part: HiddenFile) throws {
        try withFolder { folder in
            try put("victim".utf8, folder + "/victim")
            try #require(symlink(folder + "/victim", part.path(in: folder)) == 0)
            try refusal(folder.file, .notRegular)
            try FileManager.default.removeItem(atPath: part.path(in: folder))
            try #require(symlink(folder + "/nowhere", part.path(in: folder)) == 0)
            try refusal(folder.file, .notRegular)
            #expect(try bytes(folder + "/victim") == Array("victim".utf8))
            #expect(try !names(in: folder).contains("nowhere"))
        }
    }

    @Test(arguments: HiddenFile.allCases)
    func pipesAreRefusedAtOnce(part: HiddenFile) throws {
        try withFolder { folder in
            try #require(mkfifo(part.path(in: folder), 0o600) == 0)
            try refusal(folder.file, .notRegular)
        }
    }

    @Test func folderUnderTheTemporaryNameIsRefused() throws {
        try withFolder { folder in
            try FileManager.default.createDirectory(atPath: folder.data, withIntermediateDirectories: false)
            try refusal(folder.file, .notRegular)
            #expect(try names(in: folder) == [".file.minion"])
        }
    }

    @Test func linkAtTheDestinationIsReplacedNotFollowed() throws {
        try withFolder { folder in
            try put("victim".utf8, folder + "/victim")
            try #require(symlink(folder + "/victim", folder.file) == 0)
            let sample = try Sample(size: 1000)
            let file = try sample.open(folder.file)
            try sample.fetchAll(into: file)
            try file.publish(sync: false)
            #expect(try bytes(folder + "/victim") == Array("victim".utf8))
            #expect(try bytes(folder.file) == sample.content)
            try file.remove()
            #expect(try names(in: folder) == ["victim"])
        }
    }

    /// In a folder that others may write to, a file under a name that can be guessed may be a trap.
    @Test(arguments: HiddenFile.allCases)
    func leftoversThatOthersCanWriteToAreNotTrusted(part: HiddenFile) throws {
        try withFolder { folder in
            let sample = try Sample(size: 1000)
            try sample.fetchAll(into: try sample.open(folder.file))
            try #require(chmod(part.path(in: folder), 0o622) == 0)
            let file = try sample.open(folder.file)
            #expect(file.resumed.isEmpty)
            #expect(try mode(folder.data) == 0o600)
            #expect(try mode(folder.journal) == 0o600)
        }
        try withFolder { folder in
            let sample = try Sample(size: 1000)
            try sample.fetchAll(into: try sample.open(folder.file))
            try #require(link(part.path(in: folder), folder + "/other") == 0)
            let before = try bytes(folder + "/other")
            let file = try sample.open(folder.file)
            #expect(file.resumed.isEmpty)
            try sample.fetchAll(into: file)
            #expect(try bytes(folder + "/other") == before)
            #expect(try inode(folder + "/other") != inode(part.path(in: folder)))
        }
    }

    @Test(arguments: [200, 241, 242, 250, 255], ["n", "ü", "🐝"])
    func longNamesFit(length: Int, letter: String) throws {
        try withFolder { folder in
            let sample = try Sample(size: 1000)
            let stem = String(repeating: letter, count: (length - 1) / letter.utf8.count)
            // They differ in the last letter only, and must not share their temporary files.
            let files = try ["1", "2"].map { try sample.open("\(folder)/\(stem)\($0)") }
            #expect(try names(in: folder).count == 4)
            #expect(try names(in: folder).allSatisfy { $0.hasPrefix(".") && $0.utf8.count <= 255 })
            for file in files {
                try sample.fetchAll(into: file)
                try file.publish(sync: false)
            }
            #expect(try names(in: folder) == ["\(stem)1", "\(stem)2"])
        }
    }

    @Test(.enabled(if: access(".", W_OK) == 0, "the working folder cannot be written to"))
    func pathMayBeRelative() throws {
        // The working folder belongs to the whole process, so only a name of this test's own is used in it.
        let name = "relative-\(UUID().uuidString)"
        let sample = try Sample(size: 10)
        let file = try sample.open(name)
        try sample.fetchAll(into: file)
        try file.publish(sync: true)
        #expect(try bytes(name) == sample.content)
        try file.remove()
    }
}
