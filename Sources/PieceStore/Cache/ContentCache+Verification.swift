package import MinionCore
import Synchronization

extension ContentCache {
    /// Hashes all that is there of a task. What is not right is dropped, and fetched again when it is needed next; whoever
    /// reads or serves it then finds its file closed. The error is `.busy` if some of it is just being downloaded.
    ///
    /// - Parameter progress: told how many bytes have been hashed. What it throws ends the hashing.
    package func verify(_ task: TaskID, progress: (Int64) throws -> Void = { _ in }) throws -> CacheVerification {
        let slots = try state.withLock { state in
            guard !state.isClosed else { throw closed() }
            return state.slots(of: task).sorted { $0.record.created < $1.record.created }
        }
        var result = CacheVerification()
        for slot in slots where pin(slot.key) {
            defer { unpin(slot.key) }
            let before = result.bytes
            result += try verify(slot.key) { try progress(before + $0) }
        }
        return result
    }

    /// The caller has pinned it.
    private func verify(_ key: Key, progress: (Int64) throws -> Void) throws -> CacheVerification {
        guard let opened = try inTurn(of: key, { try openForVerification(key) }), let (file, opening) = opened else {
            return CacheVerification()
        }
        if let opening {
            try progress(opening.bytes)
            return opening
        }
        // Not in its turn: whoever wants to read it meanwhile may.
        let result = try file.verify(progress: progress)
        if result.badPieces > 0 {
            state.withLock { state in
                guard state.slots[key]?.file === file else { return }
                state.slots[key]?.file = nil
                state.slots[key]?.content = nil
            }
        }
        return result
    }

    /// The file, and the result if it had to be hashed to be opened. Nil if it was removed meanwhile.
    private func openForVerification(_ key: Key) throws -> (PieceFile, CacheVerification?)? {
        guard let slot = state.withLock({ $0.slots[key] }), let layout = slot.record.version.layout else { return nil }
        if let file = slot.file, file.isUsable {
            guard file.isPublished else { throw Self.busy(slot) }
            return (file, nil)
        }
        guard slot.folder.exists else { return nil }
        let recorded = try slot.folder.storedPieces(slot.record.version)
        let file = try openFile(slot, tellsDamage: false)
        guard file.wasHashed else { return (file, nil) }
        let whole = Set(file.resumed.map(\.piece))
        var result = CacheVerification()
        result.count(recorded, layout)
        result.countBad(recorded.filter { !whole.contains($0.piece) }, layout)
        return (file, result)
    }
}
