import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What the system tells about a file, as far as it matters here.
struct FileStatus: Hashable {
    struct Time: Hashable {
        let seconds: Int
        let nanoseconds: Int
    }

    let device: UInt64
    let inode: UInt64
    let size: Int64
    /// Bytes on the disk, which are fewer than `size` if the file has holes.
    let allocated: Int64
    let modified: Time
    /// When anything about the file was last changed, its rights and names included. Nobody can set it.
    let changed: Time
    let owner: uid_t
    let links: Int
    private let mode: mode_t

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        allocated = Int64(status.st_blocks) * 512
        modified = Time(seconds: Int(status.st_mtim.tv_sec), nanoseconds: Int(status.st_mtim.tv_nsec))
        changed = Time(seconds: Int(status.st_ctim.tv_sec), nanoseconds: Int(status.st_ctim.tv_nsec))
        mode = status.st_mode
        owner = status.st_uid
        links = Int(status.st_nlink)
    }

    /// Nil if nothing is there. A symbolic link is looked at itself.
    static func ofLink(_ path: String) throws(Errno) -> FileStatus? {
        try lookUp { lstat(path, &$0) }
    }

    /// Nil if nothing is there. Symbolic links are followed.
    static func ofTarget(_ path: String) throws(Errno) -> FileStatus? {
        try lookUp { stat(path, &$0) }
    }

    private static func lookUp(_ call: (inout stat) -> CInt) throws(Errno) -> FileStatus? {
        var status = stat()
        do throws(Errno) {
            try systemCall { call(&status) }
        } catch  where error.rawValue == ENOENT {
            return nil
        }
        return FileStatus(status)
    }

    var isRegular: Bool { mode & S_IFMT == S_IFREG }
    var isFolder: Bool { mode & S_IFMT == S_IFDIR }
    var isSymbolicLink: Bool { mode & S_IFMT == S_IFLNK }
    var rights: mode_t { mode & 0o7777 }

    /// Whether it belongs to this process's user and nobody else may write to it.
    var isOurs: Bool { owner == geteuid() && mode & 0o022 == 0 }

    /// Whether nobody else can have prepared this file or can write to it: in a folder that many may write to, a file
    /// under a name that can be guessed is not to be trusted because it is there.
    var isPrivate: Bool { isRegular && isOurs && links == 1 }

    func isSameFile(as other: FileStatus) -> Bool { device == other.device && inode == other.inode }

    /// Whether the content can be taken to be the same as then.
    func isUnchanged(since other: FileStatus) -> Bool { size == other.size && modified == other.modified }
}
