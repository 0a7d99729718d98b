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

    /// Writes at the beginning of the file.
    func write(_ bytes: [UInt8]) throws(Errno) {
        // `withUnsafeBytes` does not carry typed errors through.
        try bytes.withUnsafeBytes { bytes in
            Result { () throws(Errno) in try write(bytes, at: 0) }
        }.get()
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

    /// Bytes that this user may still write on the file's file system. Nil if it cannot tell: some network file systems
    /// report no blocks at all; they are asked by writing.
    func freeBytes() throws(Errno) -> Int64? {
        var space = statvfs()
        try systemCall { fstatvfs(raw, &space) }
        guard space.f_blocks > 0 else { return nil }
        let (free, overflow) = UInt64(space.f_bavail).multipliedReportingOverflow(by: UInt64(space.f_frsize))
        return overflow ? nil : Int64(clamping: free)
    }

    /// Sets the rights, where the file system has such a thing.
    func setMode(_ mode: mode_t) throws(Errno) {
        do throws(Errno) {
            try systemCall { fchmod(raw, mode) }
        } catch  where [EPERM, ENOTSUP, ENOSYS].contains(error.rawValue) {
            // FAT and the like: the mount decides. Or the file is another user's, whose business its rights are.
        }
    }

    /// Takes the lock of this file, or throws EWOULDBLOCK. Tries for a moment: a child that a process has just started
    /// holds the locks of that process until it runs its own program, and one that ends holds its own a little longer
    /// than it seems.
    func lock() throws(Errno) {
        for _ in 0..<40 {
            if flock(raw, LOCK_EX | LOCK_NB) == 0 { return }
            usleep(5000)
        }
        try systemCall { flock(raw, LOCK_EX | LOCK_NB) }
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

/// The names in a folder, but for the folder itself and its parent, in no order.
func namesInFolder(_ path: String) throws(Errno) -> [String] {
    guard let folder = opendir(path) else { throw Errno(rawValue: errno) }
    defer { closedir(folder) }
    var names: [String] = []
    while true {
        errno = 0
        guard let entry = readdir(folder) else {
            guard errno == 0 else { throw Errno(rawValue: errno) }
            return names
        }
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if name != ".", name != ".." { names.append(name) }
    }
}
