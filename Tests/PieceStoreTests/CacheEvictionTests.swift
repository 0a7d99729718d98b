import Dispatch
import Foundation
import MinionCore
import PieceStore
import Synchronization
import Testing

/// Who has to go when a cache is full, and who never does.
@Suite struct CacheEvictionTests {
    /// Five tasks of 192 KiB each.
    private let samples: [Sample]
    private let writing = (1...5).map { _ in NSLock() }

    init() throws {
        samples = try (1...5).map { try Sample(size: 3 * Sample.pieceSize, seed: UInt64($0), task: "0\($0)") }
    }

    /// Room for four of them, and down to two if there are more.
    private static let limits = CacheLimits(size: 980_000, lowFraction: 0.65)

    private func ids(_ numbers: Int...) -> [TaskID] { numbers.map { samples[$0 - 1].task } }

    @Test func leastRecentlyUsedGoFirstDownToTheLowMark() throws {
        try withStand { stand in
            let cache = try stand.open(Self.limits)
            for sample in samples[..<4] { try stand.keep(sample, in: cache) }
            #expect(cache.tasks() == ids(4, 3, 2, 1))
            let used = try #require(try cache.complete(samples[0].task))
            used.touch()
            used.release()
            stand.advance(1)
            cache.evict()
            #expect(cache.tasks() == ids(1, 4, 3, 2))
            try stand.keep(samples[4], in: cache)
            // 2 and 3 were used least recently. To look for what is complete is no use.
            #expect(cache.tasks() == ids(5, 1, 4))
            #expect(try names(in: stand.folder + "/tasks") == ids(1, 4, 5).map(\.hex))
            for sample in [samples[0], samples[3], samples[4]] { #expect(try cache.isComplete(sample)) }
            #expect(stand.warnings.isEmpty)
        }
    }

    @Test func orderOutlivesTheProcess() throws {
        try withStand { stand in
            do {
                let cache = try stand.open()
                for sample in samples { try stand.keep(sample, in: cache) }
                let used = try #require(try cache.complete(samples[0].task))
                used.touch()
            }
            // The marks hold at once.
            let cache = try stand.open(CacheLimits(size: 980_000, lowFraction: 0.5))
            #expect(cache.tasks() == ids(1, 5))
        }
    }

    @Test func whatIsInUseStays() throws {
        try withStand { stand in
            let cache = try stand.open(Self.limits)
            for sample in samples[..<4] { try stand.keep(sample, in: cache) }
            let reading = try #require(try cache.complete(samples[0].task))
            try stand.keep(samples[4], in: cache)
            #expect(cache.tasks() == ids(5, 4, 1))
            cache.setLimits(CacheLimits(size: 1, age: .seconds(1)))
            stand.advance(1000)
            cache.evict()
            #expect(cache.tasks() == ids(1))
            #expect(try contents(reading.file) == samples[0].content)
            // It goes as soon as it can.
            reading.release()
            #expect(cache.list().isEmpty)
            #expect(cache.bytesOnDisk == 0)
        }
    }

    @Test func tooOldGoesWhateverTheRoom() throws {
        try withStand { stand in
            let cache = try stand.open(CacheLimits(age: .seconds(60)))
            try stand.keep(samples[0], in: cache)
            stand.advance(49)
            try stand.keep(samples[1], in: cache)
            stand.advance(9)
            // Exactly as old as allowed.
            #expect(cache.evict() == 0)
            stand.advance(2)
            #expect(cache.evict() >= samples[0].layout.size)
            #expect(cache.tasks() == ids(2))
            cache.close()
            stand.advance(1000)
            #expect(try stand.open(CacheLimits(age: .seconds(60))).list().isEmpty)
        }
    }

    @Test func useInTheFutureCountsAsNow() throws {
        try withStand { stand in
            do { try stand.keep(samples[0], in: stand.open()) }
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: stand.now + 1e6)],
                ofItemAtPath: stand.entry(samples[0]) + "/entry")
            let cache = try stand.open(CacheLimits(age: .seconds(60)))
            #expect(cache.list().map(\.lastUsed) == [stand.now])
        }
    }

    @Test func nothingIsEvictedForWhatWouldNotFitAnyway() throws {
        try withStand { stand in
            let cache = try stand.open(Self.limits)
            for sample in samples[..<3] { try stand.keep(sample, in: cache) }
            let large = try Sample(size: 980_001, task: "06")
            let error = storageError { _ = try stand.pin(large, in: cache) }
            #expect(error?.code == .full)
            #expect(error?.message.contains(stand.folder) == true)
            #expect(cache.tasks() == ids(3, 2, 1))
            // Two in use leave no room for three more.
            let pins = try samples[..<2].map { try #require(try cache.complete($0.task)) }
            let second = storageError { _ = try stand.pin(try Sample(size: 600_000, task: "07"), in: cache) }
            #expect(second?.code == .full)
            #expect(second?.message.contains("in use") == true)
            #expect(cache.tasks() == ids(3, 2, 1))
            #expect(try names(in: stand.folder + "/tasks") == ids(1, 2, 3).map(\.hex))
            for pin in pins { pin.release() }
        }
    }

    @Test func whatIsBeingDownloadedCountsAsIfItWereThere() throws {
        try withStand { stand in
            let cache = try stand.open(CacheLimits(size: 500_000))
            let first = try stand.pin(samples[0], in: cache)
            #expect(cache.bytesOnDisk >= samples[0].layout.size)
            let second = try stand.pin(samples[1], in: cache)
            #expect(storageError { _ = try stand.pin(samples[2], in: cache) }?.code == .full)
            // The same again takes no more.
            try stand.pin(samples[1], in: cache).release()
            second.release()
            // Little has come, so that little counts when nobody works on it.
            #expect(cache.bytesOnDisk < samples[0].layout.size + 50_000)
            let third = try stand.pin(samples[2], in: cache)
            third.release()
            first.release()
        }
    }

    @Test func concurrentUseKeepsContentRightAndLimitsHeld() throws {
        try withStand { stand in
            let cache = try stand.open(CacheLimits(size: 700_000, lowFraction: 0.8))
            let failures = Failures()
            DispatchQueue.concurrentPerform(iterations: 8) { thread in
                var dice = Dice(seed: UInt64(thread))
                for _ in 0..<60 {
                    let sample = samples[Int.random(in: samples.indices, using: &dice)]
                    do { try use(sample, in: cache, stand, &dice) } catch { failures.note(error) }
                }
            }
            #expect(failures.unexpected.isEmpty, "\(failures.unexpected)")
            #expect(cache.list().allSatisfy { !$0.isInUse })
            cache.evict()
            #expect(cache.bytesOnDisk <= 700_000)
            let onDisk = try names(in: stand.folder + "/tasks")
            #expect(onDisk == cache.tasks().map(\.hex).sorted())
            cache.close()
            let again = try stand.open()
            for info in again.list() where info.isComplete {
                let sample = try #require(samples.first { $0.task == info.task })
                #expect(try again.isComplete(sample))
            }
            #expect(stand.warnings.isEmpty, "\(stand.warnings)")
        }
    }

    private func use(_ sample: Sample, in cache: ContentCache, _ stand: CacheStand, _ dice: inout Dice) throws {
        switch Int.random(in: 0..<8, using: &dice) {
        case 0:
            _ = try cache.remove(sample.task)
        case 1:
            #expect(try cache.verify(sample.task).badPieces == 0)
        case 2:
            cache.evict()
            _ = cache.list()
        case 3, 4:
            if let found = try cache.complete(sample.task) {
                found.touch()
                #expect(try contents(found.file) == sample.content)
                found.release()
            }
        default:
            let pinned = try stand.pin(sample, in: cache)
            // A node has one download of each.
            try writing[samples.firstIndex { $0.task == sample.task } ?? 0].withLock {
                if !pinned.file.isPublished { try sample.fetchAll(into: pinned.file) }
                try pinned.file.seal(sync: false)
            }
            #expect(try contents(pinned.file) == sample.content)
        }
    }
}

/// What went wrong on other threads and should not have.
private final class Failures: Sendable {
    private let errors = Mutex<[String]>([])

    var unexpected: [String] { errors.withLock { $0 } }

    func note(_ error: any Error) {
        // Something was in use, or there was no room beside what was.
        if let error = error as? StorageError, [.busy, .full].contains(error.code) { return }
        errors.withLock { $0.append("\(error)") }
    }
}
