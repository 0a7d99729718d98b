import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Brings the bytes of one open file into another, which is empty.
enum FileCopy {
    /// `FICLONE` of <linux/fs.h>, a macro that Swift does not see.
    private static let cloneRequest: UInt = 0x4004_9409
    /// Between two calls of `progress`.
    private static let step: Int64 = 16 << 20

    /// Lets both files share their blocks until one of them is written to, which takes no time and no space. False if the
    /// file system has no such thing, or if there are two of them.
    static func clone(_ source: OwnedDescriptor, to target: OwnedDescriptor) -> Bool {
        ioctl(target.raw, cloneRequest, source.raw) == 0
    }

    /// Copies `size` bytes. `progress` is told how many have been copied, and may throw to end it.
    static func copy(
        _ source: OwnedDescriptor, to target: OwnedDescriptor, size: Int64, progress: (Int64) throws -> Void = { _ in }
    ) throws {
        var position: Int64 = 0
        var isInKernel = true
        while position < size {
            if isInKernel {
                isInKernel = try send(source, to: target, &position, end: min(size, position + step))
            } else {
                try readAndWrite(source, to: target, &position, end: min(size, position + step))
            }
            try progress(position)
        }
    }

    /// Copies without a way through this process. It would do the same with copy_file_range(2), which Swift does not see;
    /// that one saves the way through the network, too, where a server can copy by itself. False if the file systems
    /// cannot do it.
    private static func send(
        _ source: OwnedDescriptor, to target: OwnedDescriptor, _ position: inout Int64, end: Int64
    ) throws -> Bool {
        while position < end {
            var offset = off_t(position)
            let count: Int
            do throws(Errno) {
                count = try systemCall { sendfile(target.raw, source.raw, &offset, Int(end - position)) }
            } catch {
                guard [EINVAL, ENOSYS, ENOTSUP].contains(error.rawValue) else { throw error }
                return false
            }
            guard count > 0 else { throw tooShort(position) }
            position += Int64(count)
        }
        return true
    }

    private static func readAndWrite(
        _ source: OwnedDescriptor, to target: OwnedDescriptor, _ position: inout Int64, end: Int64
    ) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        while position < end {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: buffer.prefix(Int(min(Int64(buffer.count), end - position))))
            let count = try source.read(at: position, into: part)
            guard count > 0 else { throw tooShort(position) }
            try target.write(UnsafeRawBufferPointer(rebasing: part[..<count]), at: position)
            position += Int64(count)
        }
    }

    private static func tooShort(_ position: Int64) -> StorageError {
        StorageError(.changed, "the file became shorter while it was copied: it ends at \(position) bytes; try again")
    }
}
