import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Makes a system call, again as long as a signal interrupts it. -1 means that it failed.
@discardableResult
func systemCall<Result: SignedInteger>(_ call: () -> Result) throws(Errno) -> Result {
    while true {
        let result = call()
        if result != -1 { return result }
        let error = errno
        if error != EINTR { throw Errno(rawValue: error) }
    }
}

/// A descriptor that is closed when its last user lets go of it. Whoever makes a call on it holds a reference meanwhile,
/// so the number cannot come to mean another file under a thread that is still writing.
final class OwnedDescriptor: Sendable {
    let raw: CInt

    init(owning raw: CInt) { self.raw = raw }

    init(open path: String, _ flags: CInt, mode: mode_t = 0) throws(Errno) {
        raw = try systemCall { open(path, flags | O_CLOEXEC, mode) }
    }

    deinit { close(raw) }

    func status() throws(Errno) -> FileStatus {
        var status = stat()
        try systemCall { fstat(raw, &status) }
        return FileStatus(status)
    }

    /// How many bytes were read; fewer than the buffer holds only at the end of the file.
    func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
        var done = 0
        while done < buffer.count, let base = buffer.baseAddress {
            let count = try systemCall { pread(raw, base + done, buffer.count - done, off_t(offset) + off_t(done)) }
            if count == 0 { break }
            done += count
        }
        return done
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Errno) {
        var done = 0
        while done < bytes.count, let base = bytes.baseAddress {
            let count = try systemCall { pwrite(raw, base + done, bytes.count - done, off_t(offset) + off_t(done)) }
            guard count > 0 else { throw .ioError }
            done += count
        }
    }

    /// Writes the buffers one behind the other.
    func write(_ buffers: [UnsafeRawBufferPointer], at offset: Int64) throws(Errno) {
        // What Linux takes in one call (UIO_MAXIOV).
        let mostVectors = 1024
        var vectors = buffers.filter { !$0.isEmpty }.map {
            iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
        }[...]
        var offset = off_t(offset)
        while !vectors.isEmpty {
            var count = try vectors.prefix(mostVectors).withUnsafeBufferPointer { (batch) throws(Errno) in
                try systemCall { pwritev(raw, batch.baseAddress, CInt(batch.count), offset) }
            }
            guard count > 0 else { throw .ioError }
            offset += off_t(count)
            while let first = vectors.first, count >= first.iov_len {
                count -= first.iov_len
                vectors.removeFirst()
            }
            if count > 0 {
                vectors[vectors.startIndex].iov_base += count
                vectors[vectors.startIndex].iov_len -= count
            }
        }
    }

    func resize(to size: Int64) throws(Errno) {
        try systemCall { ftruncate(raw, off_t(size)) }
    }

    func sync() throws(Errno) {
        try systemCall { fsync(raw) }
    }

    /// Makes the file system report what it kept back until a close (NFS does), without giving up the descriptor.
    func checkClose() throws(Errno) {
        let copy = try systemCall { fcntl(raw, F_DUPFD_CLOEXEC, 0) }
        // Not repeated on EINTR: the descriptor is gone by then, and its number may be another thread's.
        if close(copy) == -1, errno != EINTR { throw Errno(rawValue: errno) }
    }

    /// An independent read-only descriptor on the same file, which lies at `path` or did so once.
    func reopenedForReading(path: String) throws(Errno) -> OwnedDescriptor {
        if let reopened = try? OwnedDescriptor(open: "/proc/self/fd/\(raw)", O_RDONLY) { return reopened }
        let reopened = try OwnedDescriptor(open: path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        guard try reopened.status().isSameFile(as: status()) else { throw .staleNFSFileHandle }
        return reopened
    }
}

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
    private let mode: mode_t
    private let owner: uid_t
    let links: Int

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        allocated = Int64(status.st_blocks) * 512
        modified = Time(seconds: Int(status.st_mtim.tv_sec), nanoseconds: Int(status.st_mtim.tv_nsec))
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

    /// Whether nobody else can have prepared this file or can write to it: in a folder that many may write to, a file
    /// under a name that can be guessed is not to be trusted because it is there.
    var isPrivate: Bool { isRegular && owner == geteuid() && links == 1 && mode & 0o022 == 0 }

    func isSameFile(as other: FileStatus) -> Bool { device == other.device && inode == other.inode }

    /// Whether the content can be taken to be the same as then.
    func isUnchanged(since other: FileStatus) -> Bool { size == other.size && modified == other.modified }
}

/// The process's mask for the rights of new files.
func currentUmask() -> mode_t {
    // umask(2) can only be read by setting it, which other threads would notice; /proc tells it without.
    if let file = try? OwnedDescriptor(open: "/proc/self/status", O_RDONLY) {
        let text = String(unsafeUninitializedCapacity: 4096) { buffer in
            (try? file.read(at: 0, into: UnsafeMutableRawBufferPointer(buffer))) ?? 0
        }
        for line in text.split(separator: "\n") where line.hasPrefix("Umask:") {
            if let mask = mode_t(line.dropFirst(6).drop { $0 == "\t" || $0 == " " }, radix: 8) { return mask & 0o777 }
        }
    }
    let mask = umask(0o077)
    umask(mask)
    return mask
}
