import Foundation
import MinionCore
import PieceStore
import Testing

/// What a cache keeps, and who may use it.
@Suite struct CacheTests {
    @Test(arguments: [0, 1, 65_536, 65_537, 400_000] as [Int64], [true, false])
    func completeContentOutlivesTheProcess(size: Int64, sync: Bool) throws {
        try withStand { stand in
            let sample = try Sample(size: size)
            let cache = try stand.open()
            #expect(try cache.complete(sample.task) == nil)
            let pinned = try stand.pin(sample, in: cache)
            #expect(!pinned.file.isPublished && pinned.file.resumed.isEmpty)
            #expect(pinned.path == stand.entry(sample) + "/content")
            try sample.fetchAll(into: pinned.file)
            #expect(try cache.complete(sample.task) == nil)
            try pinned.file.seal(sync: sync)
            try pinned.file.seal(sync: sync)
            #expect(pinned.file.isPublished && pinned.file.isUnchanged())
            #expect(try contents(pinned.file) == sample.content)
            #expect(try cache.isComplete(sample))
            pinned.release()
            #expect(try cache.isComplete(sample))
            cache.close()

            let again = try stand.open()
            let found = try #require(try again.complete(sample.task))
            #expect(found.version == stand.version(sample))
            #expect(found.label == stand.label(sample))
            #expect(found.file.resumed == (0..<sample.layout.count).map { sample.stored($0) })
            #expect(try contents(found.file) == sample.content)
            #expect(stand.warnings.isEmpty)
        }
    }

    @Test func unfinishedContentIsResumed() throws {
        try withStand { stand in
            let sample = try Sample(size: 4 * Sample.pieceSize)
            do {
                // Dropped without `release` and `close`, as by a kill, and with a piece under way.
                let pinned = try stand.pin(sample, in: stand.open())
                try sample.fetch(2, into: pinned.file, signature: ResumeTests.signature)
                try sample.withBytes(of: 0) { try pinned.file.write($0, at: 0) }
            }
            let cache = try stand.open()
            #expect(try cache.complete(sample.task) == nil)
            #expect(cache.list().map(\.bytesHere) == [Sample.pieceSize])
            let pinned = try stand.pin(sample, in: cache)
            #expect(pinned.file.resumed == [sample.stored(2, signature: ResumeTests.signature)])
            for piece in [0, 1, 3] { try sample.fetch(piece, into: pinned.file) }
            #expect(pinned.file.bytesHere == sample.layout.size)
            try pinned.file.seal(sync: false)
            #expect(try cache.isComplete(sample))
            #expect(stand.warnings.isEmpty)
        }
    }

    @Test func everythingFetchedAndNotYetSealedIsSealedWhenOpened() throws {
        try withStand { stand in
            let sample = try Sample(size: 3 * Sample.pieceSize)
            do {
                let pinned = try stand.pin(sample, in: stand.open())
                try sample.fetchAll(into: pinned.file)
            }
            let cache = try stand.open()
            #expect(try cache.complete(sample.task) == nil)
            #expect(try stand.pin(sample, in: cache).file.isPublished)
            #expect(try cache.isComplete(sample))
        }
    }

    @Test func thoseWhoOpenTheSameShareOneFile() throws {
        try withStand { stand in
            let sample = try Sample(size: 2 * Sample.pieceSize)
            let cache = try stand.open()
            let first = try stand.pin(sample, in: cache)
            let second = try stand.pin(sample, in: cache)
            #expect(first.file === second.file)
            try sample.fetch(0, into: first.file)
            #expect(try second.file.storedPieces() == [sample.stored(0)])
            first.release()
            first.release()
            // Still in use by the other.
            #expect(cache.list().map(\.isInUse) == [true])
            try sample.fetch(1, into: second.file)
            try second.file.seal(sync: false)
            second.release()
            #expect(cache.list().map(\.isInUse) == [false])
            #expect(storageError { _ = try second.file.makeReader() }?.code == .closed)
            #expect(try cache.isComplete(sample))
        }
    }

    @Test func forgottenPinIsReleased() throws {
        try withStand { stand in
            let sample = try Sample(size: 1000)
            let cache = try stand.open()
            do {
                let pinned = try stand.pin(sample, in: cache)
                try sample.fetchAll(into: pinned.file)
            }
            #expect(cache.list().map(\.isInUse) == [false])
        }
    }

    @Test func signaturesMayComeAfterTheSeal() throws {
        try withStand { stand in
            let sample = try Sample(size: 2 * Sample.pieceSize)
            let cache = try stand.open()
            let pinned = try stand.pin(sample, in: cache)
            try sample.fetchAll(into: pinned.file)
            try pinned.file.seal(sync: false)
            let signed = sample.stored(1, signature: ResumeTests.signature)
            try pinned.file.record(signed)
            let length = try bytes(stand.entry(sample) + "/pieces").count
            // The same again takes no room.
            try pinned.file.record(signed)
            #expect(try bytes(stand.entry(sample) + "/pieces").count == length)
            #expect(try pinned.file.storedPieces() == [sample.stored(0), signed])
            pinned.release()
            cache.close()
            let again = try stand.open()
            #expect(try again.complete(sample.task)?.file.resumed == [sample.stored(0), signed])
        }
    }

    @Test func pieceThatWasNotRecordedIsHashedBySeal() throws {
        try withStand { stand in
            let sample = try Sample(size: 3 * Sample.pieceSize - 7)
            let cache = try stand.open()
            let pinned = try stand.pin(sample, in: cache)
            try sample.fetch(1, into: pinned.file)
            for piece in [0, 2] {
                try sample.withBytes(of: piece) {
                    try pinned.file.write($0, at: sample.layout.range(of: piece).lowerBound)
                }
            }
            try pinned.file.seal(sync: false)
            #expect(try pinned.file.storedPieces() == (0..<3).map { sample.stored($0) })
        }
    }

    @Test func discardedPieceCanBeWrittenAgainAfterTheSeal() throws {
        try withStand { stand in
            let sample = try Sample(size: 2 * Sample.pieceSize)
            let cache = try stand.open()
            let pinned = try stand.pin(sample, in: cache)
            try sample.fetchAll(into: pinned.file)
            try pinned.file.seal(sync: false)
            #expect(storageError { try sample.fetch(1, into: pinned.file) }?.code == .closed)
            try pinned.file.discard(1)
            #expect(!pinned.file.isPublished)
            #expect(try cache.complete(sample.task) == nil)
            try sample.fetch(1, into: pinned.file)
            try pinned.file.seal(sync: false)
            #expect(try cache.isComplete(sample))
        }
    }

    @Test func sealedContentIsNotWrittenToByMistake() throws {
        try withStand { stand in
            let sample = try Sample(size: 1000)
            let cache = try stand.open()
            try stand.keep(sample, in: cache)
            #expect(try mode(stand.entry(sample) + "/content") == 0o400)
            #expect(try mode(stand.entry(sample)) == 0o700)
            #expect(try mode(stand.folder) == 0o700)
            #expect(try names(in: stand.entry(sample)) == ["content", "entry", "pieces"])
        }
    }

    @Test func endingsAreNotMixedUp() throws {
        try withStand { stand in
            let sample = try Sample(size: 10)
            let pinned = try stand.pin(sample, in: stand.open())
            try sample.fetchAll(into: pinned.file)
            #expect(storageError { try pinned.file.publish(sync: false) }?.code == .invalid)
            let other = try sample.open(stand.folder.file)
            try sample.fetchAll(into: other)
            #expect(storageError { try other.seal(sync: false) }?.code == .invalid)
            try other.publish(sync: false)
        }
    }

    // MARK: - Versions

    @Test func lastConfirmedVersionIsFoundAndOthersAreNotFresh() throws {
        try withStand { stand in
            let old = try Sample(size: 1000, seed: 1, validator: "old")
            let new = try Sample(size: 2000, seed: 2, validator: "new")
            let cache = try stand.open()
            try stand.keep(old, in: cache)
            #expect(try cache.complete(old.task)?.version.freshUntil == stand.now - 1 + 60)
            // While the new one is being downloaded, the old one is what there is; but the source has another.
            let pinned = try stand.pin(new, in: cache)
            let meanwhile = try #require(try cache.complete(old.task))
            #expect(meanwhile.version.validator == "old" && meanwhile.version.freshUntil == 0)
            try new.fetchAll(into: pinned.file)
            try pinned.file.seal(sync: false)
            #expect(try cache.complete(new.task)?.version.validator == "new")
            // The source has the old one again.
            cache.markFresh(old.task, stand.version(old), until: stand.now + 500)
            cache.close()
            let again = try stand.open()
            let found = try #require(try again.complete(old.task))
            #expect(found.version.validator == "old" && found.version.freshUntil == stand.now + 500)
            #expect(again.list().count == 2)
        }
    }

    @Test func otherCutOrLengthIsAnotherVersion() throws {
        try withStand { stand in
            let sample = try Sample(size: 200_000)
            let cache = try stand.open()
            try stand.keep(sample, in: cache)
            var version = stand.version(sample)
            version.pieceSize *= 2
            #expect(try cache.open(sample.task, version, label: CacheLabel()).file.resumed.isEmpty)
            version.size -= 1
            #expect(try cache.open(sample.task, version, label: CacheLabel()).file.resumed.isEmpty)
            version.pieceSize = 7
            #expect(storageError { _ = try cache.open(sample.task, version, label: CacheLabel()) }?.code == .invalid)
            #expect(cache.list().count == 3)
            #expect(try cache.isComplete(sample))
        }
    }

    @Test func listTellsWhatThereIs() throws {
        try withStand { stand in
            let first = try Sample(size: 100_000, task: "01")
            let second = try Sample(size: 200_000, task: "02")
            let cache = try stand.open()
            let created = stand.now
            try stand.keep(first, in: cache)
            let pinned = try stand.pin(second, in: cache)
            try second.fetch(3, into: pinned.file)
            let list = cache.list()
            #expect(list.map(\.task) == [second.task, first.task])
            #expect(list.map(\.isComplete) == [false, true])
            #expect(list.map(\.isInUse) == [true, false])
            #expect(list.map(\.bytesHere) == [200_000 - 3 * 65536, 100_000])
            #expect(list.map(\.lastUsed) == [created + 1, created])
            #expect(list.map(\.created) == [created + 1, created])
            #expect(list[1].path == stand.entry(first) + "/content")
            #expect(list[1].label == stand.label(first))
            #expect(list[1].bytesOnDisk >= 100_000)
            stand.advance(10)
            let found = try #require(try cache.complete(first.task))
            #expect(cache.list().map(\.task) == [second.task, first.task])
            found.touch()
            #expect(cache.list().map(\.task) == [first.task, second.task])
            found.release()
            pinned.release()
            let before = cache.list()
            cache.close()
            let after = try stand.open().list()
            #expect(after.map(\.task) == before.map(\.task))
            #expect(after.map(\.lastUsed) == [created + 11, created + 1])
        }
    }

    // MARK: - Removal

    @Test func removedTaskIsGone() throws {
        try withStand { stand in
            let sample = try Sample(size: 100_000)
            let other = try Sample(size: 100_000, task: "cd")
            let cache = try stand.open()
            try stand.keep(sample, in: cache)
            try stand.keep(other, in: cache)
            let pinned = try #require(try cache.complete(sample.task))
            let error = storageError { _ = try cache.remove(sample.task) }
            #expect(error?.code == .busy)
            #expect(error?.message.contains("http://host/abab") == true)
            pinned.release()
            #expect(try cache.remove(sample.task) >= 100_000)
            #expect(try cache.remove(sample.task) == 0)
            #expect(try cache.complete(sample.task) == nil)
            #expect(try names(in: stand.folder + "/tasks") == [other.task.hex])
            #expect(try cache.isComplete(other))
        }
    }

    @Test func droppedContentGoesWithItsLastUser() throws {
        try withStand { stand in
            let sample = try Sample(size: 1000)
            let cache = try stand.open()
            let first = try stand.pin(sample, in: cache)
            try sample.fetchAll(into: first.file)
            try first.file.seal(sync: false)
            let second = try #require(try cache.complete(sample.task))
            first.drop()
            #expect(try cache.complete(sample.task) == nil)
            first.release()
            #expect(try contents(second.file) == sample.content)
            second.release()
            #expect(cache.list().isEmpty)
            #expect(try names(in: stand.folder + "/tasks").isEmpty)
            // And may come back.
            try stand.keep(sample, in: cache)
            #expect(try cache.isComplete(sample))
        }
    }

    @Test func fileThatRemovedItselfIsForgotten() throws {
        try withStand { stand in
            let sample = try Sample(size: 1000)
            let cache = try stand.open()
            let pinned = try stand.pin(sample, in: cache)
            try sample.fetchAll(into: pinned.file)
            try pinned.file.remove()
            pinned.release()
            #expect(cache.list().isEmpty)
            #expect(try names(in: stand.folder + "/tasks").isEmpty)
        }
    }

    @Test func closedCacheRefusesFurtherUse() throws {
        try withStand { stand in
            let sample = try Sample(size: 1000)
            let cache = try stand.open()
            let pinned = try stand.pin(sample, in: cache)
            cache.close()
            cache.close()
            #expect(storageError { try sample.fetch(0, into: pinned.file) }?.code == .closed)
            #expect(storageError { _ = try cache.complete(sample.task) }?.code == .closed)
            #expect(storageError { _ = try stand.pin(sample, in: cache) }?.code == .closed)
            #expect(storageError { _ = try cache.remove(sample.task) }?.code == .closed)
            #expect(storageError { _ = try cache.verify(sample.task) }?.code == .closed)
            #expect(storageError { _ = try cache.openUnsized(sample.task) }?.code == .closed)
            cache.evict()
            let again = try stand.open()
            // What is left of the old one touches nothing.
            pinned.drop()
            pinned.touch()
            pinned.release()
            #expect(again.list().count == 1)
        }
    }
}
