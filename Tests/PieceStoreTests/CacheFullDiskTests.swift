import Foundation
import MinionCore
import PieceStore
import Testing

/// A cache on a disk that is full or read-only.
@Suite(.enabled(if: SmallDisk.canMount, "mounting a tmpfs takes root and a mount namespace that allows it"))
struct CacheFullDiskTests {
    /// Four tasks of 192 KiB each in one megabyte.
    private func withFourTasks(_ body: (CacheStand, ContentCache, [Sample]) throws -> Void) throws {
        let samples = try (1...4).map { try Sample(size: 3 * Sample.pieceSize, seed: UInt64($0), task: "0\($0)") }
        try withSmallDisk { folder in
            let stand = CacheStand(folder + "/cache")
            let cache = try stand.open()
            for sample in samples { try stand.keep(sample, in: cache) }
            try body(stand, cache, samples)
            cache.close()
        }
    }

    @Test func leastRecentlyUsedMakesRoomOnTheDisk() throws {
        try withFourTasks { stand, cache, samples in
            let new = try Sample(size: 5 * Sample.pieceSize, task: "05")
            try stand.keep(new, in: cache)
            #expect(cache.tasks() == [new.task] + samples[1...].reversed().map(\.task))
            #expect(try cache.isComplete(new))
        }
    }

    @Test func nothingIsEvictedIfEvenThatIsNotEnough() throws {
        try withFourTasks { stand, cache, samples in
            let pins = try samples[..<3].map { try #require(try cache.complete($0.task)) }
            let error = storageError { _ = try stand.pin(try Sample(size: 600_000, task: "05"), in: cache) }
            #expect(error?.code == .full)
            #expect(error?.message.contains(stand.folder) == true)
            #expect(cache.list().count == 4)
            #expect(try names(in: stand.folder + "/tasks").count == 4)
            for pin in pins { pin.release() }
            try stand.keep(try Sample(size: 600_000, task: "05"), in: cache)
        }
    }

    @Test func roomForOtherDownloadsIsSpared() throws {
        try withSmallDisk { folder in
            let stand = CacheStand(folder + "/cache")
            let cache = try stand.open()
            let first = try Sample(size: 600_000, task: "01")
            let pinned = try stand.pin(first, in: cache)
            let error = storageError { _ = try stand.pin(try Sample(size: 600_000, task: "02"), in: cache) }
            #expect(error?.code == .full)
            #expect(error?.message.contains("other downloads") == true)
            try first.fetchAll(into: pinned.file)
            try pinned.file.seal(sync: true)
            pinned.release()
            try stand.keep(try Sample(size: 600_000, task: "02"), in: cache)
            #expect(cache.list().count == 1)
            cache.close()
        }
    }

    @Test func writeThatFailedCanBeRepeatedWhenOthersHaveMadeRoom() throws {
        try withFourTasks { stand, cache, samples in
            let new = try Sample(size: 3 * Sample.pieceSize, task: "05")
            let pinned = try stand.pin(new, in: cache)
            try new.fetch(0, into: pinned.file)
            try fill(stand.folder)
            #expect(storageError { try new.fetchAll(into: pinned.file) }?.code == .full)
            #expect(!cache.makeRoom(10 << 20))
            #expect(cache.list().count == 5)
            #expect(cache.makeRoom(new.layout.size))
            #expect(cache.tasks() == [new.task] + samples[1...].reversed().map(\.task))
            try new.fetchAll(into: pinned.file)
            try pinned.file.seal(sync: false)
            #expect(try cache.isComplete(new))
            pinned.release()
        }
    }

    @Test func fullDiskLeavesNothingHalfMade() throws {
        try withSmallDisk { folder in
            let stand = CacheStand(folder + "/cache")
            let cache = try stand.open()
            try fill(folder)
            for size in [0, 1, 100_000] as [Int64] {
                let error = storageError { _ = try stand.pin(try Sample(size: size), in: cache) }
                #expect(error?.code == .full)
                #expect(try names(in: stand.folder + "/tasks").isEmpty)
                #expect(cache.list().isEmpty)
            }
            // What has no size yet finds out when it is written.
            let sample = try Sample(size: 10)
            let unsized = try cache.openUnsized(sample.task)
            #expect(storageError { try sample.withBytes(of: 0) { try unsized.write($0, at: 0) } }?.code == .full)
            cache.close()
            try stand.open().close()
            #expect(try names(in: stand.folder + "/tasks").isEmpty)
            #expect(stand.warnings.isEmpty)
        }
    }

    @Test func sealThatDoesNotFitIsNone() throws {
        try withSmallDisk { folder in
            let stand = CacheStand(folder + "/cache")
            let cache = try stand.open()
            let sample = try Sample(size: 3 * Sample.pieceSize)
            let pinned = try stand.pin(sample, in: cache)
            try sample.fetchAll(into: pinned.file)
            try fill(folder)
            // Until the page that the journal's end lies on is full.
            var signature = 0
            while true {
                signature += 1
                let piece = sample.stored(0, signature: Hex.padded(UInt64(signature)))
                guard storageError({ try pinned.file.record(piece) }, isExpected: false) == nil else { break }
            }
            while storageError({ try pinned.file.discard(2) }, isExpected: false) == nil {}
            #expect(storageError { try pinned.file.seal(sync: false) }?.code == .full)
            #expect(!pinned.file.isPublished)
            try FileManager.default.removeItem(atPath: folder + "/filler")
            try sample.fetch(2, into: pinned.file)
            try pinned.file.seal(sync: false)
            pinned.release()
            cache.close()
            #expect(try stand.open().isComplete(sample))
        }
    }

    @Test func readOnlyFileSystemIsNamed() throws {
        try withSmallDisk { folder in
            try CacheStand(folder + "/cache").open().close()
            try #require(mount("tmpfs", folder, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
            for name in ["cache", "other"] {
                let error = storageError { _ = try CacheStand(folder + "/" + name).open() }
                #expect(error?.code == .readOnly)
                #expect(error?.message.contains("cache folder") == true)
            }
        }
    }
}

/// The `StorageError` that `body` throws, if it throws one.
private func storageError(_ body: () throws -> Void, isExpected: Bool) -> StorageError? {
    do { try body() } catch { return error as? StorageError }
    return nil
}
