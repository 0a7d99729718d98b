import MinionCore
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Makes and finds the file under the temporary name. The caller holds the journal's lock.
enum DataFile {
    /// What an earlier download left, if it can be trusted to be ours alone; nil if there is none.
    static func existing(_ names: FileNames) throws -> OwnedDescriptor? {
        try reporting("open", names.data) {
            guard let present = try FileStatus.ofLink(names.data) else { return nil }
            try checkRegular(present, names.data)
            guard present.isPrivate else { return nil }
            let descriptor = try OwnedDescriptor(open: names.data, O_RDWR | O_NOFOLLOW | O_NONBLOCK)
            return try descriptor.status().isPrivate ? descriptor : nil
        }
    }

    /// A new, empty file in place of what is there. Whoever still has the old one open keeps it as it was.
    static func fresh(_ names: FileNames) throws -> OwnedDescriptor {
        try reporting("create", names.data) {
            if let present = try FileStatus.ofLink(names.data) {
                try checkRegular(present, names.data)
                try systemCall { unlink(names.data) }
            }
            return try OwnedDescriptor(
                open: names.data, O_RDWR | O_NOFOLLOW | O_CREAT | O_EXCL, mode: 0o600)
        }
    }

    /// What a cache's entry holds, for reading; nil if there is none, or none that is ours alone. It may have other names:
    /// a cache's folder is nobody else's, so that only its user can have given it those.
    static func readable(_ names: FileNames) throws -> OwnedDescriptor? {
        try reporting("open", names.data) {
            guard let present = try FileStatus.ofLink(names.data) else { return nil }
            try checkRegular(present, names.data)
            guard present.isOurs else { return nil }
            let descriptor = try OwnedDescriptor(open: names.data, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            let status = try descriptor.status()
            return status.isRegular && status.isOurs ? descriptor : nil
        }
    }

    /// A descriptor for writing on the content that `readable` has found. Where that has another name, whoever gave it
    /// that has a file of his own, which is not to be written to: the cache goes on with a copy.
    static func writable(_ names: FileNames, _ content: OwnedDescriptor) throws -> OwnedDescriptor {
        try reporting("write to", names.data) {
            let status = try content.status()
            guard status.links <= 1 else { return try copied(names, content, size: status.size) }
            try content.setMode(0o600)
            let descriptor = try OwnedDescriptor(open: names.data, O_RDWR | O_NOFOLLOW | O_NONBLOCK)
            guard try descriptor.status().isSameFile(as: status) else {
                throw StorageError(.changed, "\(names.data) was replaced by somebody else; try again")
            }
            return descriptor
        }
    }

    private static func copied(
        _ names: FileNames, _ content: OwnedDescriptor, size: Int64
    ) throws -> OwnedDescriptor {
        let draft = try DraftFile(names)
        if !FileCopy.clone(content, to: draft.file) {
            try DataFile.checkRoom(for: size, on: draft.file, path: names.data)
            try FileCopy.copy(content, to: draft.file, size: size)
        }
        try draft.publish(mode: 0o600, replacing: true)
        return draft.file
    }

    /// Gives the file its size, as a hole where nothing is written yet, if there is room for all of it.
    static func reserve(_ size: Int64, in data: OwnedDescriptor, path: String) throws {
        try reporting("make room for", path) {
            try checkRoom(for: size - data.status().allocated, on: data, path: path)
            try data.resize(to: size)
        }
    }

    /// Throws `.full` unless the file system of `file` has room for so many bytes more.
    static func checkRoom(for missing: Int64, on file: OwnedDescriptor, path: String) throws {
        guard missing > 0, let free = try file.freeBytes(), free < missing else { return }
        throw StorageError(
            .full,
            "not enough space for \(path): \(ByteSize(missing)) are needed and \(ByteSize(free)) are free; make room or "
                + "choose another destination")
    }

    private static func checkRegular(_ status: FileStatus, _ path: String) throws {
        guard status.isRegular else {
            throw StorageError(.notRegular, "\(path) is no plain file; remove it or choose another destination")
        }
    }
}

/// Runs system calls and turns what they throw into an error that names the path.
func reporting<Result>(_ action: String, _ path: String, _ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as Errno {
        throw StorageError(action, path, error)
    }
}
