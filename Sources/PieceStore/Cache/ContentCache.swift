package import MinionCore
import Synchronization
import SystemPackage

/// The contents that a node keeps: complete ones, and those under way, each version of each task in a folder of its own
/// below `DIR/tasks`. What is in use is pinned by a `CachedFile`; of the rest, what was used least recently makes room.
///
/// Of what a kill or a loss of power leaves behind, everything is either found whole or fetched again. Files that the cache
/// did not make are neither touched nor counted. It may be used from several threads at once. Every call may block on a
/// disk, and those that open a content for as long as it takes to hash it, so none has a place on an event loop or in the
/// cooperative pool. Errors are `StorageError`s.
package final class ContentCache: Sendable {
    /// Absolute.
    package var folder: String { home.path }

    let home: CacheFolder
    let now: @Sendable () -> Double
    let warn: @Sendable (String) -> Void
    let state: Mutex<State>

    struct Key: Hashable {
        let task: TaskID
        /// Of the version, as `EntryFolder` has it.
        let name: String
    }

    /// One version of one task. Whoever works on its files holds `turn`, and may then take the state's lock; never the
    /// other way round.
    struct Slot {
        let folder: EntryFolder
        let turn = Turn()
        var record: EntryRecord
        var lastUsed: Double
        /// What its files took when nobody used it last.
        var bytesOnDisk: Int64
        /// How much is there when nobody has it open; nil: nobody has looked yet.
        var content: EntryContent?
        /// Open as long as somebody uses it.
        var file: PieceFile?
        /// Pins.
        var users = 0
        /// Chosen to be evicted, and not removed yet.
        var isLeaving = false
        /// To be removed when nobody uses it any more.
        var isDropped = false

        /// What it counts for, in bytes: what is being downloaded, as if it were complete.
        var charge: Int64 { users > 0 ? max(bytesOnDisk, record.version.size) : bytesOnDisk }
        var isEvictable: Bool { users == 0 && !isLeaving }
        var key: Key { Key(task: folder.task, name: folder.name) }
    }

    final class Turn: Sendable {
        let lock = Mutex(())
    }

    struct State {
        var limits: CacheLimits
        var slots: [Key: Slot]
        var isClosed = false

        func slots(of task: TaskID) -> [Slot] { slots.values.filter { $0.folder.task == task } }
    }

    private init(
        home: CacheFolder, limits: CacheLimits, slots: [Key: Slot], now: @escaping @Sendable () -> Double,
        onWarning: @escaping @Sendable (String) -> Void
    ) {
        self.home = home
        self.now = now
        warn = onWarning
        state = Mutex(State(limits: limits, slots: slots))
    }

    /// Opens the cache in `folder`, which is made if it is missing, and must be of this user's own and closed to the writes
    /// of others. Only one process at a time can; the error `.busy` names the one that does.
    ///
    /// - Parameters:
    ///   - now: the time, in seconds of Unix time.
    ///   - onWarning: told in a line what was found damaged, or could not be removed. It must not call the cache.
    package static func open(
        folder: String, limits: CacheLimits = CacheLimits(), now: @escaping @Sendable () -> Double,
        onWarning: @escaping @Sendable (String) -> Void = { _ in }
    ) throws -> ContentCache {
        let home = try CacheFolder(folder)
        let slots = try CacheScan.slots(in: home, now: now(), onWarning: onWarning)
        let cache = ContentCache(home: home, limits: limits, slots: slots, now: now, onWarning: onWarning)
        cache.evict()
        return cache
    }

    /// Closes every file, also those that are still pinned, and gives up the folder. Calling it again does nothing.
    package func close() {
        let files = state.withLock { state -> [PieceFile]? in
            guard !state.isClosed else { return nil }
            state.isClosed = true
            defer { for key in state.slots.keys { state.slots[key]?.file = nil } }
            return state.slots.values.compactMap(\.file)
        }
        guard let files else { return }
        for file in files { file.close() }
        home.unlock()
    }

    package var limits: CacheLimits { state.withLock { $0.limits } }

    /// Other limits from now on; what they leave no room for is evicted.
    package func setLimits(_ limits: CacheLimits) {
        state.withLock { $0.limits = limits }
        evict()
    }

    /// What the cache's files take, what is being downloaded as if it were complete.
    package var bytesOnDisk: Int64 { state.withLock { $0.slots.values.reduce(0) { $0 + $1.charge } } }

    /// How long the pieces are of what there is of a version; nil if there is nothing. Does not block.
    package func pieceSize(of task: TaskID, validator: String, size: Int64) -> Int64? {
        state.withLock { state in
            state.slots(of: task).filter { $0.record.version.validator == validator && $0.record.version.size == size }
                .max { $0.lastUsed < $1.lastUsed }?.record.version.pieceSize
        }
    }

    /// Notes that the source still has this version, so that nobody needs to ask before `until` (seconds of Unix time).
    package func markFresh(_ task: TaskID, _ version: CachedVersion, until: Double) {
        let key = Key(task: task, name: EntryFolder.name(of: version))
        inTurn(of: key) {
            let slot = state.withLock { state -> Slot? in
                let confirmed = state.confirmation(of: task, at: now())
                state.slots[key]?.record.version.freshUntil = until
                state.slots[key]?.record.confirmed = confirmed
                return state.isClosed ? nil : state.slots[key]
            }
            guard let slot else { return }
            // At worst, the source is asked once more after a restart.
            do { try slot.folder.write(slot.record, lastUsed: slot.lastUsed) } catch { warn("\(error)") }
        }
    }

    /// What there is, most recently used first.
    package func list() -> [CacheEntryInfo] {
        let slots = state.withLock { Array($0.slots.values) }
        return slots.filter { !$0.isLeaving }.map { slot in
            let content = slot.file.map(EntryContent.init(of:)) ?? lookUp(slot)
            return CacheEntryInfo(
                task: slot.folder.task, label: slot.record.label, version: slot.record.version,
                path: slot.folder.files.data, bytesHere: content.bytesHere,
                bytesOnDisk: slot.users > 0 ? slot.folder.bytesOnDisk() : slot.bytesOnDisk,
                isComplete: content.isComplete && !slot.isDropped, isInUse: slot.users > 0, lastUsed: slot.lastUsed,
                created: slot.record.created)
        }
        .sorted { ($0.lastUsed, $0.created, $0.task.hex) > ($1.lastUsed, $1.created, $1.task.hex) }
    }

    /// How much of an entry that nobody has open is there. Nothing, as far as one can tell, while somebody opens it.
    private func lookUp(_ slot: Slot) -> EntryContent {
        if let content = slot.content { return content }
        let found = slot.turn.lock.withLockIfAvailable { _ in look(slot) }
        return found ?? EntryContent()
    }

    /// The same; the caller holds the turn.
    func look(_ slot: Slot) -> EntryContent {
        // A journal that cannot be read tells nothing; whoever opens it learns why.
        let content = (try? slot.folder.content(slot.record.version)) ?? EntryContent()
        state.withLock { state in
            if state.slots[slot.key]?.turn === slot.turn { state.slots[slot.key]?.content = content }
        }
        return content
    }

    /// Runs `body` in the turn of an entry; nil if there is no such entry.
    @discardableResult
    func inTurn<Result: Sendable, Failure: Error>(
        of key: Key, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        while let turn = state.withLock({ $0.slots[key]?.turn }) {
            let result = try turn.lock.withLock { (_) throws(Failure) -> Result? in
                // Meanwhile it may have been removed, and another have come in its place.
                guard state.withLock({ $0.slots[key]?.turn === turn }) else { return nil }
                return try body()
            }
            if let result { return result }
        }
        return nil
    }

    func closed() -> StorageError {
        StorageError(.closed, "the cache in \(folder) is no longer open")
    }
}

extension ContentCache.State {
    /// A time at which a version of the task is confirmed, later than all before it.
    func confirmation(of task: TaskID, at now: Double) -> Double {
        slots(of: task).reduce(now) { max($0, $1.record.confirmed + 0.001) }
    }
}

extension EntryContent {
    init(of file: PieceFile) {
        self.init(bytesHere: file.bytesHere, isComplete: file.isPublished && file.isUnchanged())
    }
}
