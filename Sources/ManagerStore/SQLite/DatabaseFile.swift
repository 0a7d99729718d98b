#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The file of an SQLite database. It holds password hashes and keys, so it is for its owner's eyes only.
enum DatabaseFile {
    /// Makes the folder (0700) and an empty file (0600) if they are missing; looks at owner and rights if not. Blocks.
    static func prepare(_ path: String) throws(StoreError) {
        guard !path.isEmpty, !path.utf8.contains(0), path.last != "/" else {
            throw .refused("the database file has no name")
        }
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex { try prepareFolder(String(path[..<slash])) }
        try prepareFile(path)
    }

    private static func prepareFolder(_ folder: String) throws(StoreError) {
        var position = folder.startIndex
        while let slash = folder[position...].dropFirst().firstIndex(of: "/") {
            let parent = String(folder[..<slash])
            if mkdir(parent, 0o755) != 0, errno != EEXIST, errno != EISDIR, errno != EROFS {
                throw failure("cannot make the directory \(parent)")
            }
            position = slash
        }
        if mkdir(folder, 0o700) != 0, errno != EEXIST { throw failure("cannot make the data directory \(folder)") }
        var info = stat()
        guard stat(folder, &info) == 0 else { throw failure("cannot look at the data directory \(folder)") }
        guard info.st_mode & S_IFMT == S_IFDIR else { throw .refused("\(folder) is no directory") }
        guard info.st_uid == geteuid() else {
            throw .refused("the data directory \(folder) belongs to somebody else; use one of your own")
        }
        guard info.st_mode & 0o002 == 0 else {
            throw .refused("anybody may write to the data directory \(folder); run chmod 700 \(folder)")
        }
    }

    private static func prepareFile(_ path: String) throws(StoreError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else {
            if errno == ELOOP { throw .refused("\(path) is a symbolic link; name the file itself") }
            throw failure("cannot open the database \(path)")
        }
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
            throw .refused("\(path) is no file")
        }
        guard info.st_uid == geteuid() else { throw .refused("the database \(path) belongs to somebody else") }
        guard info.st_mode & 0o077 == 0 else {
            throw .refused("others may read or write the database \(path); run chmod 600 \(path)")
        }
    }

    private static func failure(_ text: String) -> StoreError {
        let error = errno
        let message = "\(text): \(String(cString: strerror(error)))"
        return switch error {
        case ENOSPC, EDQUOT: .full("\(message); make room or choose another data directory")
        case EROFS: .full("\(message); choose a data directory on another file system")
        case EACCES, EPERM: .refused("\(message); allow writing there or choose another data directory")
        default: .refused(message)
        }
    }
}
