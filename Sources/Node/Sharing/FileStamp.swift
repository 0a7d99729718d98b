#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What a file looks like from outside. While it stays the same, nobody has written to the file, as far as the system
/// tells.
struct FileStamp: Hashable, Sendable {
    let size: Int64
    let isRegular: Bool
    /// Names that it has; 0 once it was removed.
    private let links: UInt64
    private let device: UInt64
    private let inode: UInt64
    private let modified: [Int]
    private let changed: [Int]

    /// Nil if the descriptor cannot be looked at.
    init?(of descriptor: CInt) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        size = Int64(status.st_size)
        isRegular = status.st_mode & S_IFMT == S_IFREG
        links = UInt64(status.st_nlink)
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        #if canImport(Darwin)
            modified = [status.st_mtimespec.tv_sec, status.st_mtimespec.tv_nsec]
            changed = [status.st_ctimespec.tv_sec, status.st_ctimespec.tv_nsec]
        #else
            modified = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
            changed = [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
        #endif
    }

    /// Seconds since it was last changed, at `now` in seconds since 1970.
    func age(at now: Double) -> Double {
        now - (Double(changed[0]) + Double(changed[1]) / 1e9)
    }
}
