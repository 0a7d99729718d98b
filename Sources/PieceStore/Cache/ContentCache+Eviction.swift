package import MinionCore
import Synchronization
import SystemPackage

/// Who has to go so that others have room.
extension ContentCache {
    /// Removes what is too old and, if there is more than the high mark allows, what was used least recently, down to the
    /// low mark. Never what is in use. To be called now and then. Returns how many bytes that freed.
    @discardableResult
    package func evict() -> Int64 {
        let time = now()
        let leaving = state.withLock { state -> [Key] in
            guard !state.isClosed else { return [] }
            var leaving: [Key] = []
            if let age = state.limits.age?.inSeconds {
                leaving = state.slots.values.filter { $0.isEvictable && time - $0.lastUsed > age }.map(\.key)
                state.leave(leaving)
            }
            guard state.excess > 0 else { return leaving }
            let used = state.used
            return leaving + state.leave(freeing: used - (state.limits.lowMark ?? used))
        }
        return remove(leaving).freed
    }

    /// Evicts, least recently used first, until the disk has room for so many bytes: for whoever could not write because it
    /// is full. Whether trying again makes sense; if all that may go would not be enough, nothing is evicted.
    package func makeRoom(_ bytes: Int64) -> Bool {
        guard let free = (try? home.anchor.freeBytes()) ?? nil else { return false }
        let leaving = state.withLock { state -> [Key] in
            // Where the disk has room and nevertheless nothing can be written, a quota is used up.
            let missing = free < bytes ? bytes - free : bytes
            guard !state.isClosed, state.evictableBytes >= missing else { return [] }
            return state.leave(freeing: missing)
        }
        return remove(leaving).freed > 0 || free >= bytes
    }

    /// Pins one version of a task, which need not be there yet, when there is room for all of it, and evicts for that. If
    /// it `isOnDisk` already, only the cache's limit matters.
    func makeRoom(
        for version: CachedVersion, label: CacheLabel, in folder: EntryFolder, isOnDisk: Bool = false
    ) throws -> Key {
        let key = Key(task: folder.task, name: folder.name)
        let free = isOnDisk ? nil : (try? home.anchor.freeBytes()) ?? nil
        let time = now()
        let leaving = try state.withLock { state -> [Key] in
            guard !state.isClosed else { throw closed() }
            let here = state.slots[key]?.bytesOnDisk ?? 0
            let isNew = state.slots[key]?.users ?? 0 == 0
            let missing = isNew ? max(0, version.size - here) : 0
            let leaving =
                missing > 0 ? try state.makeRoom(for: version.size, missing, except: key, free: free, self) : []
            let record = EntryRecord(task: key.task, version: version, label: label, created: time, confirmed: time)
            var slot = state.slots[key] ?? Slot(folder: folder, record: record, lastUsed: time, bytesOnDisk: 0)
            slot.pin()
            state.slots[key] = slot
            return leaving
        }
        remove(leaving)
        return key
    }

    /// Removes all that is there of a task, and returns how many bytes that freed. The error is `.busy` if something of it
    /// is in use.
    package func remove(_ task: TaskID) throws -> Int64 {
        let leaving = try state.withLock { state -> [Key] in
            guard !state.isClosed else { throw closed() }
            let slots = state.slots(of: task)
            if let used = slots.first(where: { $0.users > 0 }) { throw Self.busy(used) }
            let keys = slots.map(\.key)
            state.leave(keys)
            return keys
        }
        let (freed, failure) = remove(leaving)
        if let failure { throw failure }
        return freed
    }

    static func busy(_ slot: Slot) -> StorageError {
        StorageError(
            .busy,
            "\(slot.record.label.description(of: slot.folder.task)) is being downloaded, read or served; try again later"
        )
    }

    /// Removes what was chosen, unless somebody has used it since. Returns how many bytes that freed, and why something
    /// was kept.
    @discardableResult
    private func remove(_ leaving: [Key]) -> (freed: Int64, failure: StorageError?) {
        var freed: Int64 = 0
        var failure: StorageError?
        for key in leaving {
            let removed = inTurn(of: key) { () -> Result<Int64, StorageError> in
                guard let slot = state.withLock({ $0.isClosed ? nil : $0.slots[key] }) else {
                    return .failure(closed())
                }
                return slot.isLeaving ? discard(slot) : .failure(Self.busy(slot))
            }
            switch removed {
            case .success(let bytes): freed += bytes
            case .failure(let error): failure = error
            case nil: break
            }
        }
        return (freed, failure)
    }

    /// Removes the files of an entry that nobody uses, and forgets it. The caller is in its turn.
    @discardableResult
    func discard(_ slot: Slot) -> Result<Int64, StorageError> {
        let result: Result<Int64, StorageError>
        do {
            result = .success(try slot.folder.remove())
        } catch {
            let error = error as? StorageError ?? StorageError(.other, "\(error)")
            warn("\(error)")
            result = .failure(error)
        }
        let bytes = slot.folder.exists ? slot.folder.bytesOnDisk() : 0
        state.withLock { state in
            if case .success = result, state.slots[slot.key]?.users == 0 {
                state.slots[slot.key] = nil
            } else {
                // It could not be removed; or somebody has pinned it meanwhile, waits for its turn, and begins anew.
                state.slots[slot.key]?.forget(bytesOnDisk: bytes)
            }
        }
        return result
    }
}

extension ContentCache.Slot {
    /// After its files were removed, as far as that was possible.
    fileprivate mutating func forget(bytesOnDisk bytes: Int64) {
        bytesOnDisk = bytes
        content = nil
        isLeaving = false
        isDropped = false
    }

    /// Whoever uses it from now on keeps it from leaving.
    mutating func pin() {
        users += 1
        isLeaving = false
    }

    /// What is still to be written of it.
    fileprivate var pending: Int64 {
        users == 0 ? 0 : max(0, record.version.size - max(bytesOnDisk, file?.bytesHere ?? 0))
    }
}

extension ContentCache.State {
    /// What counts for the marks.
    fileprivate var used: Int64 { slots.values.reduce(0) { $0 + ($1.isLeaving ? 0 : $1.charge) } }

    /// What there is past the high mark.
    var excess: Int64 { limits.size.map { max(0, used - $0) } ?? 0 }

    fileprivate var evictableBytes: Int64 { slots.values.reduce(0) { $0 + ($1.isEvictable ? $1.bytesOnDisk : 0) } }

    fileprivate mutating func leave(_ keys: [ContentCache.Key]) {
        for key in keys { slots[key]?.isLeaving = true }
    }

    /// Chooses, least recently used first, as many as free so many bytes; all that may go if that is not enough.
    fileprivate mutating func leave(
        freeing bytes: Int64, except spared: ContentCache.Key? = nil
    ) -> [ContentCache.Key] {
        var freed: Int64 = 0
        var keys: [ContentCache.Key] = []
        let candidates = slots.values.filter { $0.isEvictable && $0.key != spared }.sorted {
            ($0.lastUsed, $0.record.created, $0.folder.path) < ($1.lastUsed, $1.record.created, $1.folder.path)
        }
        for slot in candidates where freed < bytes {
            freed += slot.bytesOnDisk
            keys.append(slot.key)
        }
        leave(keys)
        return keys
    }

    /// Chooses who leaves for a content of `size` bytes, `missing` of which are still to be written; throws if that would
    /// not be enough. `free` is what the disk has, if that is known.
    fileprivate mutating func makeRoom(
        for size: Int64, _ missing: Int64, except key: ContentCache.Key, free: Int64?, _ cache: ContentCache
    ) throws -> [ContentCache.Key] {
        var surplus: Int64 = 0
        if let limit = limits.size {
            let pinned = slots.values.reduce(0) { $0 + ($1.users > 0 ? $1.charge : 0) }
            guard pinned + size <= limit else {
                throw StorageError(
                    .full,
                    "no room for \(ByteSize(size)) in the cache \(cache.folder): it may hold \(ByteSize(limit)), of which "
                        + "\(ByteSize(pinned)) are in use; raise its limit or try again later")
            }
            let others = used - (slots[key].map { $0.isLeaving ? 0 : $0.charge } ?? 0)
            if others + size > limit { surplus = others + size - (limits.lowMark ?? limit) }
        }
        if let free {
            // What leaves is as good as gone, and what others are downloading as good as written.
            let pending = slots.values.reduce(0) { $0 + $1.pending - ($1.isLeaving ? $1.bytesOnDisk : 0) }
            let lacking = missing + pending - free
            let evictable = slots.values.reduce(0) { $0 + ($1.isEvictable && $1.key != key ? $1.bytesOnDisk : 0) }
            guard lacking <= evictable else {
                throw StorageError(
                    .full,
                    "not enough space for \(ByteSize(missing)) in the cache \(cache.folder): \(ByteSize(free)) are free, "
                        + "\(ByteSize(max(0, pending))) of them for other downloads, and \(ByteSize(evictable)) could be evicted; "
                        + "make room on the disk")
            }
            surplus = max(surplus, lacking)
        }
        return surplus > 0 ? leave(freeing: surplus, except: key) : []
    }
}
