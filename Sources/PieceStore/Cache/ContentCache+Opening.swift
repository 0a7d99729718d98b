package import MinionCore
import Synchronization

extension ContentCache {
    /// The version of a task that was confirmed last among those that are complete, pinned; nil if there is none. If
    /// another version has been confirmed since, its freshness is over (`freshUntil` is 0). Does not count as a use.
    ///
    /// A content that looks otherwise than when it was sealed is hashed again. If it is not right any more, that is told as
    /// a warning, the bad pieces are dropped, and the answer is as if it had never been complete.
    package func complete(_ task: TaskID) throws -> CachedFile? {
        let slots = try state.withLock { state in
            guard !state.isClosed else { throw closed() }
            return state.slots(of: task).sorted { $0.record.confirmed > $1.record.confirmed }
        }
        for slot in slots where !slot.isDropped {
            guard pin(slot.key) else { continue }
            do {
                if let found = try inTurn(of: slot.key, { try completeFile(slot.key) }), let (file, record) = found {
                    var version = record.version
                    if record.confirmed < slots[0].record.confirmed { version.freshUntil = 0 }
                    return CachedFile(cache: self, key: slot.key, version: version, label: record.label, file: file)
                }
            } catch {
                warn("\(slot.record.label.description(of: task)) in the cache cannot be used: \(error)")
            }
            unpin(slot.key)
        }
        return nil
    }

    /// Nil if it is not complete. The caller has pinned it and holds its turn.
    private func completeFile(_ key: Key) throws -> (PieceFile, EntryRecord)? {
        guard let slot = state.withLock({ $0.slots[key] }) else { return nil }
        if let file = slot.file, file.isUsable { return file.isPublished ? (file, slot.record) : nil }
        guard (slot.content ?? look(slot)).isComplete || slot.file != nil else { return nil }
        let file = try openFile(slot)
        return file.isPublished ? (file, slot.record) : nil
    }

    /// One version of a task, pinned, to be downloaded as far as it is not there yet; what is there is in its file's
    /// `resumed`. If it is complete, its file is sealed. Several that open it share one file. Counts as a use. The freshness
    /// of the task's other versions is over.
    ///
    /// Others are evicted if the cache's limit or the disk has no room for all of it. If there is none even so, nothing is
    /// evicted, and the error is `.full`.
    package func open(_ task: TaskID, _ version: CachedVersion, label: CacheLabel) throws -> CachedFile {
        guard version.layout != nil else {
            throw StorageError(
                .invalid, "a file of \(version.size) bytes in pieces of \(version.pieceSize) cannot be kept")
        }
        let folder = EntryFolder(task: task, name: EntryFolder.name(of: version), tasks: home.tasks)
        let key = try makeRoom(for: version, label: label, in: folder)
        do {
            return try openPinned(key, version, label)
        } catch let error as StorageError where error.code == .full {
            // Others have written meanwhile, or the disk has less room than it says.
            do {
                guard makeRoom(version.size) else { throw error }
                return try openPinned(key, version, label)
            } catch {
                unpin(key)
                throw error
            }
        } catch {
            unpin(key)
            throw error
        }
    }

    /// `prepare` may bring content into the entry's folder first.
    func openPinned(
        _ key: Key, _ version: CachedVersion, _ label: CacheLabel, prepare: (Slot) throws -> Void = { _ in }
    ) throws -> CachedFile {
        let file = try inTurn(of: key) {
            let slot = try state.withLock { state -> Slot in
                let confirmed = state.confirmation(of: key.task, at: now())
                guard !state.isClosed, var slot = state.slots[key] else { throw closed() }
                slot.record.version = version
                slot.record.label = label
                slot.record.confirmed = confirmed
                slot.lastUsed = now()
                state.slots[key] = slot
                return slot
            }
            try prepare(slot)
            // First what it is, then the content: content without a description is of no use.
            try slot.folder.make()
            try slot.folder.write(slot.record, lastUsed: slot.lastUsed)
            if let file = slot.file, file.isUsable { return file }
            return try openFile(slot)
        }
        // A pin keeps it from going.
        guard let file else { throw closed() }
        return CachedFile(cache: self, key: key, version: version, label: label, file: file)
    }

    /// Opens the file of an entry. The caller has pinned it and holds its turn.
    func openFile(_ slot: Slot, tellsDamage: Bool = true) throws -> PieceFile {
        guard let layout = slot.record.version.layout else { throw closed() }
        // One that has been changed by others; whoever still reads it must not go on.
        slot.file?.close()
        state.withLock { $0.slots[slot.key]?.file = nil }
        let file = try PieceFile.open(
            entry: slot.folder.path, task: slot.folder.task, validator: slot.record.version.validator, layout: layout)
        if file.dropped > 0, tellsDamage {
            warn(
                "\(slot.record.label.description(of: slot.folder.task)): \(file.dropped) of \(layout.count) pieces in the "
                    + "cache were damaged or lost; they are fetched again")
        }
        let isClosed = state.withLock { state in
            if !state.isClosed { state.slots[slot.key]?.file = file }
            return state.isClosed
        }
        guard !isClosed else {
            file.close()
            throw closed()
        }
        return file
    }

    // MARK: - Pins

    /// False if it is gone.
    func pin(_ key: Key) -> Bool {
        state.withLock { state in
            guard !state.isClosed, state.slots[key] != nil else { return false }
            state.slots[key]?.pin()
            return true
        }
    }

    /// Takes back a pin. With the last, the file is closed, and removed if it was dropped.
    func unpin(_ key: Key) {
        inTurn(of: key) {
            let slot = state.withLock { state -> Slot? in
                guard !state.isClosed, var slot = state.slots[key] else { return nil }
                slot.users -= 1
                guard slot.users == 0 else {
                    state.slots[key] = slot
                    return nil
                }
                defer { state.slots[key] = slot }
                defer { slot.file = nil }
                if let file = slot.file { slot.content = EntryContent(of: file) }
                return slot
            }
            guard let slot else { return }
            slot.file?.close()
            if slot.isDropped || !slot.folder.hasContent {
                discard(slot)
            } else {
                let bytes = slot.folder.bytesOnDisk()
                state.withLock { $0.slots[key]?.bytesOnDisk = bytes }
            }
        }
        if state.withLock({ $0.excess > 0 }) { evict() }
    }

    func touch(_ key: Key) {
        let time = now()
        let folder = state.withLock { state -> EntryFolder? in
            guard !state.isClosed else { return nil }
            state.slots[key]?.lastUsed = time
            return state.slots[key]?.folder
        }
        // What a restart does not know costs an eviction too early.
        try? folder?.touch(time)
    }

    func drop(_ key: Key) {
        state.withLock { $0.slots[key]?.isDropped = true }
    }
}
