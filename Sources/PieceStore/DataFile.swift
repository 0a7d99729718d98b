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

    /// Gives the file its size, as a hole where nothing is written yet, if there is room for all of it.
    static func reserve(_ size: Int64, in data: OwnedDescriptor, path: String) throws {
        try reporting("make room for", path) {
            var space = statvfs()
            try systemCall { fstatvfs(data.raw, &space) }
            let missing = size - (try data.status().allocated)
            // Some network file systems report no blocks at all; they are asked by writing.
            if space.f_blocks > 0, missing > 0 {
                let (free, overflow) = UInt64(space.f_bavail).multipliedReportingOverflow(by: UInt64(space.f_frsize))
                if !overflow, free < UInt64(missing) {
                    throw StorageError(
                        .full,
                        "not enough space for \(path): \(ByteSize(missing)) are needed and \(ByteSize(Int64(clamping: free))) "
                            + "are free; make room or choose another destination")
                }
            }
            try data.resize(to: size)
        }
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
