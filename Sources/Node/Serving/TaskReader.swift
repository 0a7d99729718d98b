import Crypto
import MinionCore
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An open file that one event loop sends from. It is closed when nobody refers to it any more.
///
/// `NIOFileHandle` lets one thread at a time use it for sending, so each loop has its own reader. Everything else here
/// uses positions of its own and may run on any thread.
final class TaskReader: Sendable {
    private let descriptor: CInt
    private let handle: NIOFileHandle
    private let pin: (any Sendable)?

    init(_ file: ServedFile) {
        descriptor = file.descriptor
        pin = file.pin
        handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: descriptor)
    }

    deinit { try? handle.close() }

    /// A part of the file to be sent without copying. It must lie within `size`: NIO would wait for ever for bytes past
    /// the end.
    func region(_ bytes: Range<Int64>) -> FileRegion {
        FileRegion(fileHandle: handle, readerIndex: Int(bytes.lowerBound), endIndex: Int(bytes.upperBound))
    }

    /// Bytes in the file now; 0 if that cannot be told.
    var size: Int64 { Int64(status?.st_size ?? 0) }

    /// When the file was last written, in seconds of Unix time.
    var lastModified: Int64? {
        #if canImport(Darwin)
            status.map { Int64($0.st_mtimespec.tv_sec) }
        #else
            status.map { Int64($0.st_mtim.tv_sec) }
        #endif
    }

    private var status: stat? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? status : nil
    }

    /// A copy of a part of the file; nil if it cannot be read whole. Blocks.
    func copy(of bytes: Range<Int64>) -> ByteBuffer? {
        var buffer = ByteBufferAllocator().buffer(capacity: bytes.count)
        while buffer.readableBytes < bytes.count {
            let offset = bytes.lowerBound + Int64(buffer.readableBytes)
            let missing = bytes.count - buffer.readableBytes
            var result = 0
            buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: missing) { target in
                result = pread(descriptor, target.baseAddress, missing, off_t(offset))
                return max(0, result)
            }
            if result < 0, errno == EINTR { continue }
            guard result > 0 else { return nil }
        }
        return buffer
    }

    /// The MD5 of a part of the file in hexadecimal; nil if it cannot be read whole. Blocks.
    func md5(of bytes: Range<Int64>) -> String? {
        var hash = Insecure.MD5()
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var position = bytes.lowerBound
        while position < bytes.upperBound {
            let wanted = min(buffer.count, Int(bytes.upperBound - position))
            let count = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, wanted, off_t(position)) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            buffer.withUnsafeBytes { hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            position += Int64(count)
        }
        return Hex.text(hash.finalize())
    }
}
