import Synchronization
package import SystemPackage

/// Computes the digest of a file while it is being downloaded: it reads from the front as far as it is told that the
/// bytes are final, so that little is left to do when the last piece arrives.
///
/// Both calls read and hash, and therefore block; they may come from any thread and take turns. Bytes that turn out to be
/// wrong after they have been read cannot be taken back: that takes a new digester.
package final class PrefixDigester: Sendable {
    private let file: OwnedDescriptor
    private let state: Mutex<State>

    private struct State {
        var digest: StreamingDigest
        var position: Int64 = 0
    }

    private static let bufferSize = 256 << 10

    /// Takes over `reader` (from `PieceFile.makeReader`) and closes it in the end.
    package init(reader: FileDescriptor, algorithm: DigestAlgorithm) {
        file = OwnedDescriptor(owning: reader.rawValue)
        state = Mutex(State(digest: StreamingDigest(algorithm)))
    }

    /// Up to where the file has been hashed, in bytes. Waits for a call that is under way.
    package var position: Int64 { state.withLock { $0.position } }

    /// Hashes on up to `end`, before which all bytes are final; does nothing if it is there already. Tell it in steps of
    /// some megabytes if it must be possible to stop.
    package func advance(to end: Int64) throws {
        try state.withLock { try Self.advance(&$0, file, to: end) }
    }

    /// The digest of the file's `size` bytes, all of which are final.
    package func finish(size: Int64) throws -> ContentDigest {
        try state.withLock { state in
            try Self.advance(&state, file, to: size)
            guard state.position == size else {
                throw StorageError(.outOfRange, "\(state.position) bytes were hashed of a file that has only \(size)")
            }
            return state.digest.finalize()
        }
    }

    private static func advance(_ state: inout State, _ file: OwnedDescriptor, to end: Int64) throws {
        guard state.position < end else { return }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 4096)
        defer { buffer.deallocate() }
        while state.position < end {
            let part = UnsafeMutableRawBufferPointer(
                rebasing: buffer.prefix(Int(min(end - state.position, Int64(buffer.count)))))
            let count = try reporting("read", "the downloaded file") { try file.read(at: state.position, into: part) }
            guard count == part.count else {
                throw StorageError(
                    .changed, "the downloaded file ends at \(state.position + Int64(count)) instead of \(end) bytes")
            }
            state.digest.update(UnsafeRawBufferPointer(part))
            state.position += Int64(count)
        }
    }
}
