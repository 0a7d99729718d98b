package import MinionCore
import Synchronization
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Content from a source that does not tell its length, and therefore has no version until all of it is there.
extension ContentCache {
    /// A file that grows as it is written, to be settled, recorded and adopted in the end; `remove` of the file if nothing
    /// comes of it. What is closed without either is removed when the cache is opened next. It counts for nothing until it
    /// is adopted; if it cannot be written because the disk is full, `makeRoom` may help.
    package func openUnsized(_ task: TaskID) throws -> PieceFile {
        guard !state.withLock({ $0.isClosed }) else { throw closed() }
        let folder = EntryFolder(task: task, name: EntryFolder.makeUnsizedName(), tasks: home.tasks)
        try folder.make()
        do {
            return try PieceFile.openUnsized(folder.files, task: task)
        } catch {
            _ = try? folder.remove()
            throw error
        }
    }

    /// Makes a settled file of `openUnsized` that version of its task, seals it, and pins it. `file` is closed: the one of
    /// the result takes its place. If that version is there already, that one is kept.
    ///
    /// Others are evicted if the cache's limit has no room for it. If there is none even so the error is `.full`, and after
    /// any error the content is gone.
    package func adopt(_ file: PieceFile, as version: CachedVersion, label: CacheLabel) throws -> CachedFile {
        let origin = EntryFolder(
            task: file.task, name: String(file.names.folder.split(separator: "/").last ?? ""), tasks: home.tasks)
        guard origin.path == file.names.folder, EntryFolder.isUnsizedName(origin.name) else {
            throw StorageError(.invalid, "\(file.path) was not opened in the cache without a size")
        }
        defer { _ = try? origin.remove() }
        defer { file.close() }
        guard let layout = file.layout, layout == version.layout else {
            throw StorageError(.invalid, "\(file.path) is not cut into pieces as its version says")
        }
        try file.seal(sync: false)
        file.close()
        let folder = EntryFolder(task: file.task, name: EntryFolder.name(of: version), tasks: home.tasks)
        let key = try makeRoom(for: version, label: label, in: folder, isOnDisk: true)
        do {
            return try openPinned(key, version, label) { slot in
                guard slot.file?.isUsable != true else { return }
                slot.file?.close()
                _ = try folder.remove()
                try CacheFolder.makeOwn(folder.parent)
                try cacheReporting("write", folder.path) { _ = try systemCall { rename(origin.path, folder.path) } }
            }
        } catch {
            unpin(key)
            throw error
        }
    }
}
