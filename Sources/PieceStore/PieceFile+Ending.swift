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
            let (data, layout) = try state.withLock { state in
                guard state.phase == .open, let data = state.data else { throw StorageError.closed(names.data) }
                guard let layout = state.layout else {
                    throw StorageError(.invalid, "\(names.data) has no size yet; settle it first")
                }
                state.phase = .publishing
                return (data, layout)
            }
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
            if sync { try syncFolder() }
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
            try setMode(0o666 & ~currentUmask(), of: data)
            do {
                if replacing {
                    try systemCall { rename(names.data, names.destination) }
                } else {
                    try moveWithoutReplacing()
                }
            } catch {
                // Private again, so that it can be resumed.
                try? setMode(0o600, of: data)
                throw error
            }
        }
        return reader
    }

    private func setMode(_ mode: mode_t, of data: OwnedDescriptor) throws(Errno) {
        do throws(Errno) {
            try systemCall { fchmod(data.raw, mode) }
        } catch  where [EPERM, ENOTSUP, ENOSYS].contains(error.rawValue) {
            // A file system without rights (FAT); the mount decides.
        }
    }

    private func moveWithoutReplacing() throws(Errno) {
        do throws(Errno) {
            try systemCall { link(names.data, names.destination) }
        } catch  where [EPERM, ENOTSUP, ENOSYS, EMLINK].contains(error.rawValue) {
            // A file system without links: an empty file of our own claims the name, and that one may be replaced.
            let claim = try OwnedDescriptor(
                open: names.destination, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            do throws(Errno) {
                try systemCall { rename(names.data, names.destination) }
            } catch {
                removeFile(names.destination, ifSameAs: claim)
                throw error
            }
            return
        }
        // The file has its name; a second one that cannot be taken away is only litter.
        unlink(names.data)
    }

    private func syncFolder() throws {
        try reporting("sync", names.folder) {
            let folder = try OwnedDescriptor(open: names.folder, O_RDONLY | O_DIRECTORY)
            do throws(Errno) {
                try folder.sync()
            } catch  where error.rawValue == EINVAL {
                // A file system that has no such thing.
            }
        }
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

    /// The error if the file is there and could not be removed.
    @discardableResult
    private func removeFile(_ path: String, ifSameAs data: OwnedDescriptor) -> Errno? {
        do throws(Errno) {
            guard let present = try FileStatus.ofLink(path), present.isSameFile(as: try data.status()) else {
                return nil
            }
            try systemCall { unlink(path) }
            return nil
        } catch {
            return error.rawValue == ENOENT ? nil : error
        }
    }
}
