import Foundation
import MinionCore
import PieceStore
import Testing

/// Content whose length is known only when all of it is there.
@Suite struct CacheUnsizedTests {
    private let sample: Sample

    init() throws { sample = try Sample(size: 150_000) }

    private func write(_ file: PieceFile) throws {
        try sample.content.withUnsafeBytes { try file.write($0, at: 0) }
    }

    private func download(_ cache: ContentCache) throws -> PieceFile {
        let file = try cache.openUnsized(sample.task)
        try write(file)
        try file.settle(validator: sample.validator, layout: sample.layout)
        for piece in 0..<sample.layout.count { try file.record(sample.stored(piece)) }
        return file
    }

    @Test func contentIsAdoptedWhenItsLengthIsKnown() throws {
        try withStand { stand in
            let cache = try stand.open()
            let file = try download(cache)
            #expect(cache.list().isEmpty)
            let pinned = try cache.adopt(file, as: stand.version(sample), label: stand.label(sample))
            #expect(pinned.file.isPublished)
            #expect(pinned.path == stand.entry(sample) + "/content")
            #expect(storageError { _ = try file.makeReader() }?.code == .closed)
            #expect(try contents(pinned.file) == sample.content)
            pinned.release()
            #expect(try names(in: "\(stand.folder)/tasks/\(sample.task)").count == 1)
            #expect(try cache.isComplete(sample))
            cache.close()
            #expect(try stand.open().isComplete(sample))
            #expect(stand.warnings.isEmpty)
        }
    }

    @Test func whatIsThereAlreadyIsKept() throws {
        try withStand { stand in
            let cache = try stand.open()
            try stand.keep(sample, in: cache)
            let reading = try #require(try cache.complete(sample.task))
            let pinned = try cache.adopt(try download(cache), as: stand.version(sample), label: stand.label(sample))
            #expect(pinned.file === reading.file)
            #expect(try names(in: "\(stand.folder)/tasks/\(sample.task)").count == 1)
            reading.release()
            pinned.release()
            // One that nobody uses makes way.
            try cache.adopt(try download(cache), as: stand.version(sample), label: stand.label(sample)).release()
            #expect(try cache.isComplete(sample))
        }
    }

    @Test func abandonedContentGoes() throws {
        try withStand { stand in
            let cache = try stand.open()
            try download(cache).remove()
            #expect(try names(in: "\(stand.folder)/tasks/\(sample.task)").isEmpty)
            let killed = try cache.openUnsized(sample.task)
            try write(killed)
            cache.close()
            killed.close()
            #expect(try stand.open().list().isEmpty)
            #expect(try names(in: stand.folder + "/tasks").isEmpty)
            #expect(stand.warnings.isEmpty)
        }
    }

    @Test func contentThatDoesNotFitTheLimitIsNotKept() throws {
        try withStand { stand in
            let cache = try stand.open(CacheLimits(size: 100_000))
            let file = try download(cache)
            let version = stand.version(sample)
            #expect(storageError { _ = try cache.adopt(file, as: version, label: CacheLabel()) }?.code == .full)
            #expect(cache.list().isEmpty)
            #expect(try names(in: stand.folder + "/tasks").isEmpty)
        }
    }

    @Test func onlySettledContentOfTheCacheIsAdopted() throws {
        try withStand { stand in
            let cache = try stand.open()
            let unsettled = try cache.openUnsized(sample.task)
            let version = stand.version(sample)
            #expect(storageError { _ = try cache.adopt(unsettled, as: version, label: CacheLabel()) }?.code == .invalid)
            let pinned = try stand.pin(sample, in: cache)
            #expect(
                storageError { _ = try cache.adopt(pinned.file, as: version, label: CacheLabel()) }?.code == .invalid)
            try sample.fetchAll(into: pinned.file)
            let elsewhere = try sample.open(stand.folder.file)
            #expect(storageError { _ = try cache.adopt(elsewhere, as: version, label: CacheLabel()) }?.code == .invalid)
            try elsewhere.remove()
        }
    }
}
