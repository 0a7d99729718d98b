import Foundation
import MinionCore
import PieceStore
import Testing

/// Whose folder a cache takes, and what in it is its own.
@Suite struct CacheFolderTests {
    @Test func missingFolderIsMadeForItsUserAlone() throws {
        try withFolder { folder in
            let stand = CacheStand(folder + "/a/b/cache")
            let cache = try stand.open()
            #expect(try mode(folder + "/a/b/cache") == 0o700)
            #expect(try mode(folder + "/a/b/cache/tasks") == 0o700)
            #expect(cache.folder.hasSuffix("/a/b/cache") && cache.folder.hasPrefix("/"))
        }
    }

    @Test func secondUserIsToldWhoHoldsIt() throws {
        try withStand { stand in
            let cache = try stand.open()
            let error = storageError { _ = try stand.open() }
            #expect(error?.code == .busy)
            #expect(error?.message.contains("process \(getpid())") == true)
            #expect(error?.message.contains(stand.folder) == true)
            // It is none the worse for it.
            let sample = try Sample(size: 1000)
            try stand.keep(sample, in: cache)
            cache.close()
            #expect(try stand.open().isComplete(sample))
        }
    }

    @Test func folderThatOthersMayWriteToIsRefused() throws {
        for rights: mode_t in [0o720, 0o702, 0o777] {
            try withStand { stand in
                try #require(mkdir(stand.folder, 0o700) == 0 && chmod(stand.folder, rights) == 0)
                let error = storageError { _ = try stand.open() }
                #expect(error?.code == .denied)
                #expect(error?.message.contains("chmod 700 \(stand.folder)") == true)
                #expect(try names(in: stand.folder).isEmpty)
            }
            try withStand { stand in
                try #require(mkdir(stand.folder, 0o755) == 0)
                try stand.open().close()
                try #require(chmod(stand.folder + "/tasks", rights) == 0)
                #expect(storageError { _ = try stand.open() }?.code == .denied)
            }
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root gives files away"))
    func folderOfSomebodyElseIsRefused() throws {
        try withStand { stand in
            try #require(mkdir(stand.folder, 0o700) == 0 && chown(stand.folder, 12345, 0) == 0)
            let error = storageError { _ = try stand.open() }
            #expect(error?.code == .denied)
            #expect(error?.message.contains("12345") == true)
            #expect(try names(in: stand.folder).isEmpty)
        }
        try withFolder { folder in
            let stand = CacheStand(folder + "/link")
            try #require(mkdir(folder + "/mine", 0o700) == 0 && symlink(folder + "/mine", folder + "/link") == 0)
            try stand.open().close()
            try #require(lchown(folder + "/link", 12345, 0) == 0)
            #expect(storageError { _ = try stand.open() }?.code == .denied)
        }
    }

    @Test func placeWhereNoFolderCanBeIsRefused() throws {
        try withFolder { folder in
            try put([1], folder + "/plain")
            #expect(storageError { _ = try CacheStand(folder + "/plain").open() }?.code == .notRegular)
            #expect(storageError { _ = try CacheStand(folder + "/plain/cache").open() }?.code == .noFolder)
            #expect(storageError { _ = try CacheStand("").open() }?.code == .invalid)
            #expect(storageError { _ = try CacheStand("a\u{0}b").open() }?.code == .invalid)
            let error = storageError { _ = try CacheStand("/sys/cache").open() }
            #expect(error?.code == .denied || error?.code == .readOnly)
            #expect(error?.message.contains("cache folder") == true)
            #expect(try names(in: folder) == ["plain"])
        }
    }

    @Test func lockThatIsNoFileIsRefused() throws {
        try withStand { stand in
            try #require(mkdir(stand.folder, 0o700) == 0)
            try put("victim".utf8, stand.folder + "/victim")
            try #require(symlink("victim", stand.folder + "/lock") == 0)
            #expect(storageError { _ = try stand.open() }?.code == .notRegular)
            #expect(try bytes(stand.folder + "/victim") == Array("victim".utf8))
        }
    }

    @Test func filesOfOthersAreNeitherTouchedNorCounted() throws {
        try withStand { stand in
            let sample = try Sample(size: 200_000)
            do { try stand.keep(sample, in: stand.open()) }
            let tasks = stand.folder + "/tasks"
            let other = String(repeating: "cd", count: 32)
            let files = [
                stand.folder + "/notes", tasks + "/notes", tasks + "/\(sample.task)/notes",
                stand.entry(sample) + "/notes",
                tasks + "/\(other)/0123456789abcde", tasks + "/\(other)/0123456789ABCDEF",
                tasks + "/" + String(repeating: "AB", count: 32), stand.entry(sample) + "/content.bak",
            ]
            try #require(mkdir(tasks + "/" + other, 0o700) == 0)
            for file in files { try put([UInt8](repeating: 1, count: 300_000), file) }
            // The name of a version, but no folder; and one that is a link to somewhere else.
            try put("x".utf8, tasks + "/\(other)/0123456789abcdef")
            try #require(symlink("/etc", tasks + "/\(other)/fedcba9876543210") == 0)
            let cache = try stand.open(CacheLimits(size: 300_000, age: .seconds(1000)))
            #expect(cache.tasks() == [sample.task])
            #expect(cache.bytesOnDisk < 300_000)
            stand.advance(2000)
            cache.evict()
            #expect(cache.list().isEmpty)
            for file in files { #expect(try bytes(file).count == 300_000) }
            #expect(try names(in: stand.entry(sample)) == ["content.bak", "notes"])
            #expect(try names(in: tasks + "/" + other).count == 4)
            // The place can be used again.
            try stand.keep(sample, in: cache)
            #expect(try cache.isComplete(sample))
            #expect(stand.warnings.isEmpty)
        }
    }
}
