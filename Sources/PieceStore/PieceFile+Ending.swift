import MinionCore
import Synchronization
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

extension PieceFile {
    /// Puts the complete file in its place, in one step: others see the old file or the new one, never a part. The
    /// journal is removed and the lock given up; reading goes on. If it fails, everything is as before, unless only the
    /// last step, the sync of the folder, has failed. No write may be under way.
    ///
    /// - Parameters:
    ///   - sync: whether to wait until file and name are safe from a loss of power.
    ///   - replacing: whether a file that is there already is replaced; if not, that is the error `.exists`.
    package func publish(sync: Bool, replacing: Bool = true) throws {
        try transition.withLock { _ in
            guard !names.isEntry else {
                throw StorageError(.invalid, "\(names.data) is part of a cache, and is sealed instead")
            }
            let (data, layout) = try state.withLock { try $0.end(names) }
            do {
                let reader = try moveIntoPlace(data, size: layout.size, sync: sync, replacing: replacing)
                let status = try reporting("read", names.destination) { try reader.status() }
                state.withLock { state in
                    state.phase = .published
                    state.data = reader
                    state.published = status
                }
            } catch {
                state.withLock { $0.phase = .open }
                throw error
            }
            // A journal that stays speaks of data that are gone, and is emptied by whoever finds it.
            try? journal.remove()
            if sync { try syncFolder(names.folder) }
        }
    }

    /// A descriptor for reading the file that is now in its place.
    private func moveIntoPlace(
        _ data: OwnedDescriptor, size: Int64, sync: Bool, replacing: Bool
    ) throws -> OwnedDescriptor {
        try names.checkDestination()
        let reader = try reporting("finish", names.data) {
            guard try data.status().size == size else {
                throw StorageError(.changed, "\(names.data) was changed by somebody else; download it again")
            }
            let reader = try data.reopenedForReading(path: names.data)
            if sync { try data.sync() }
            try data.checkClose()
            return reader
        }
        try reporting("write", names.destination) {
            try data.setMode(0o666 & ~currentUmask())
            do {
                try moveFile(names.data, to: names.destination, replacing: replacing)
            } catch {
                // Private again, so that it can be resumed.
                try? data.setMode(0o600)
                throw error
            }
        }
        return reader
    }

    /// Gives up files and lock. Before `publish` both files stay for the next `open` to resume; after it, nothing more
    /// can be read through this object. Calling it again does nothing.
    package func close() {
        transition.withLock { _ in end() }
    }

    /// Throws everything away: before `publish` the data and the journal, after it the destination, provided that it is
    /// still the file that was published. Throws `.closed` after `close`.
    package func remove() throws {
        try transition.withLock { _ in
            let (data, path) = try state.withLock { state in
                guard let data = state.data else { throw StorageError.closed(names.destination) }
                return (data, state.published == nil ? names.data : names.destination)
            }
            defer { end() }
            let error = removeFile(path, ifSameAs: data)
            try journal.remove()
            // A cache's, which stays as long as there is a description in it.
            if names.isEntry { rmdir(names.folder) }
            if let error { throw StorageError("remove", path, error) }
        }
    }

    private func end() {
        state.withLock { state in
            state.phase = .closed
            state.data = nil
        }
        journal.close()
    }
}

extension PieceFile.State {
    /// Lets nobody write any more, so that the file can be published or sealed.
    mutating func end(_ names: FileNames) throws -> (data: OwnedDescriptor, layout: PieceLayout) {
        guard phase == .open, let data else { throw StorageError.closed(names.data) }
        guard let layout else { throw StorageError(.invalid, "\(names.data) has no size yet; settle it first") }
        phase = .ending
        return (data, layout)
    }
}
