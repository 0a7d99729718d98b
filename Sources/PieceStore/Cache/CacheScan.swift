import MinionCore
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Finds out what an earlier process has left in a cache.
enum CacheScan {
    /// What can be used. What is damaged is removed, and told.
    static func slots(
        in home: CacheFolder, now: Double, onWarning: (String) -> Void
    ) throws -> [ContentCache.Key: ContentCache.Slot] {
        var slots: [ContentCache.Key: ContentCache.Slot] = [:]
        for taskName in try cacheReporting("read", home.tasks, { try namesInFolder(home.tasks) }) {
            guard let task = TaskID(hex: taskName) else { continue }
            let path = "\(home.tasks)/\(task)"
            do throws(Errno) {
                guard let status = try FileStatus.ofLink(path), status.isFolder, status.isOurs else { continue }
                for name in try namesInFolder(path) {
                    let folder = EntryFolder(task: task, name: name, tasks: home.tasks)
                    if EntryFolder.isUnsizedName(name) {
                        _ = try? folder.remove()
                    } else if EntryFolder.isName(name),
                        let slot = try slot(folder, now: now, onWarning: onWarning)
                    {
                        slots[slot.key] = slot
                    }
                }
                rmdir(path)
            } catch {
                onWarning("\(StorageError("read", path, error, place: "cache folder"))")
            }
        }
        return slots
    }

    private static func slot(
        _ folder: EntryFolder, now: Double, onWarning: (String) -> Void
    ) throws(Errno) -> ContentCache.Slot? {
        switch try folder.read() {
        case .entry(let record, let lastUsed):
            // A use in the future, by a clock that was wrong, must not keep it for ever.
            return ContentCache.Slot(
                folder: folder, record: record, lastUsed: min(lastUsed, now), bytesOnDisk: folder.bytesOnDisk())
        case .foreign:
            return nil
        case .nothing:
            _ = try? folder.remove()
            return nil
        case .damaged(let reason):
            do {
                let freed = try folder.remove()
                onWarning(
                    "\(folder.path) in the cache is damaged: \(reason); its \(ByteSize(freed)) were removed and are fetched "
                        + "again when they are needed")
            } catch {
                onWarning("\(folder.path) in the cache is damaged: \(reason); \(error)")
            }
            return nil
        }
    }
}
