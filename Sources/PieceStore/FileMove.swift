import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Gives a file another name in the same file system, in one step: others see what was there before or all of the file.
/// If `replacing` is false and something is there, throws EEXIST.
func moveFile(_ source: String, to destination: String, replacing: Bool) throws(Errno) {
    guard !replacing else {
        try systemCall { rename(source, destination) }
        return
    }
    do throws(Errno) {
        try systemCall { link(source, destination) }
    } catch  where [EPERM, ENOTSUP, ENOSYS, EMLINK].contains(error.rawValue) {
        // A file system without links: an empty file of our own claims the name, and that one may be replaced.
        let claim = try OwnedDescriptor(open: destination, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        do throws(Errno) {
            try systemCall { rename(source, destination) }
        } catch {
            removeFile(destination, ifSameAs: claim)
            throw error
        }
        return
    }
    // The file has its name; a second one that cannot be taken away is only litter.
    unlink(source)
}

/// The error if the file is there and could not be removed.
@discardableResult
func removeFile(_ path: String, ifSameAs file: OwnedDescriptor) -> Errno? {
    do throws(Errno) {
        guard let present = try FileStatus.ofLink(path), present.isSameFile(as: try file.status()) else { return nil }
        try systemCall { unlink(path) }
        return nil
    } catch {
        return error.rawValue == ENOENT ? nil : error
    }
}

/// Waits until the names in a folder are safe from a loss of power.
func syncFolder(_ path: String) throws {
    try reporting("sync", path) {
        let folder = try OwnedDescriptor(open: path, O_RDONLY | O_DIRECTORY)
        do throws(Errno) {
            try folder.sync()
        } catch  where error.rawValue == EINVAL {
            // A file system that has no such thing.
        }
    }
}
