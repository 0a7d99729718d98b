import MinionCore
import Synchronization
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The file beside the data that says which pieces are whole, and whose lock keeps a second minion away.
///
/// It is only appended to, one write a line and no fsync: what a crash takes costs a new download of those pieces, and
/// what it garbles is found by the checksums or by hashing the data again.
final class Journal: Sendable {
    let path: String
    private let state: Mutex<State>

    private struct State {
        var descriptor: OwnedDescriptor?
        /// Bytes of whole lines.
        var length: Int64 = 0
    }

    private init(path: String, descriptor: OwnedDescriptor) {
        self.path = path
        state = Mutex(State(descriptor: descriptor))
    }

    /// Opens the journal, or makes an empty one, and locks it.
    static func lock(_ names: FileNames) throws -> Journal {
        // Another process may remove the file between any two steps; then it has finished, and the next try succeeds.
        for _ in 0..<32 {
            do {
                if let descriptor = try attempt(names) { return Journal(path: names.journal, descriptor: descriptor) }
            } catch let error as Errno {
                throw StorageError("open", names.journal, error)
            }
        }
        throw busy(names)
    }

    /// Nil if the file that was locked is no longer the one that lies there, or had to make way.
    private static func attempt(_ names: FileNames) throws -> OwnedDescriptor? {
        guard let (descriptor, isNew) = try openFile(names.journal) else { return nil }
        let status = try descriptor.status()
        guard status.isRegular else {
            throw StorageError(
                .notRegular, "\(names.journal) is no plain file; remove it or choose another destination")
        }
        do throws(Errno) {
            try descriptor.lock()
        } catch {
            throw error.rawValue == EWOULDBLOCK ? busy(names) : StorageError("lock", names.journal, error)
        }
        guard let present = try FileStatus.ofLink(names.journal), present.isSameFile(as: status) else { return nil }
        if !isNew, !status.isPrivate {
            try systemCall { unlink(names.journal) }
            return nil
        }
        return descriptor
    }

    /// Nil if the file was there at first and then was not.
    private static func openFile(_ path: String) throws(Errno) -> (descriptor: OwnedDescriptor, isNew: Bool)? {
        let flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK
        do throws(Errno) {
            return (try OwnedDescriptor(open: path, flags | O_CREAT | O_EXCL, mode: 0o600), true)
        } catch  where error.rawValue == EEXIST {
            // Below.
        }
        do throws(Errno) {
            return (try OwnedDescriptor(open: path, flags), false)
        } catch  where error.rawValue == ENOENT {
            return nil
        }
    }

    private static func busy(_ names: FileNames) -> StorageError {
        StorageError(
            .busy, "another minion is downloading to \(names.destination); wait for it or choose another destination")
    }

    /// What the journal says if it belongs to `header`; nil if it does not. What follows the last good line is cut off,
    /// so that lines appended from now on can be read again.
    func resume(_ header: JournalHeader) throws -> JournalContent? {
        try withDescriptor("read") { descriptor, length in
            guard let (content, goodLength) = try Self.parse(descriptor, expecting: header) else { return nil }
            try descriptor.resize(to: goodLength)
            length = goodLength
            return content
        }
    }

    /// What the journal says now; nil if it does not belong to `header`.
    func read(_ header: JournalHeader) throws -> JournalContent? {
        try withDescriptor("read") { descriptor, _ in try Self.parse(descriptor, expecting: header)?.content }
    }

    /// What a journal says that nobody has open; nil if there is none, or none for `header`.
    static func read(_ path: String, _ header: JournalHeader) throws -> JournalContent? {
        do throws(Errno) {
            let descriptor = try OwnedDescriptor(open: path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            guard try descriptor.status().isPrivate else { return nil }
            return try parse(descriptor, expecting: header)?.content
        } catch  where error.rawValue == ENOENT {
            return nil
        } catch {
            throw StorageError("read", path, error)
        }
    }

    private static func parse(
        _ descriptor: OwnedDescriptor, expecting header: JournalHeader
    ) throws(Errno) -> (content: JournalContent, goodLength: Int64)? {
        var parser = JournalParser(expecting: header)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        var offset: Int64 = 0
        while !parser.hasStopped {
            let count = try descriptor.read(at: offset, into: buffer)
            if count == 0 { break }
            parser.consume(ArraySlice(buffer[..<count]))
            offset += Int64(count)
        }
        guard parser.goodLength > 0 else { return nil }
        return (parser.content, parser.goodLength)
    }

    /// Empties the journal: nothing is stored, of no version.
    func clear() throws {
        try withDescriptor("empty") { descriptor, length in
            try descriptor.resize(to: 0)
            length = 0
        }
    }

    /// Waits until what was appended is safe from a loss of power.
    func sync() throws {
        try withDescriptor("sync") { descriptor, _ in try descriptor.sync() }
    }

    func append(_ line: [UInt8]) throws {
        try withDescriptor("write to") { descriptor, length in
            do throws(Errno) {
                let count = try line.withUnsafeBufferPointer { (bytes) throws(Errno) in
                    try systemCall { write(descriptor.raw, bytes.baseAddress, bytes.count) }
                }
                // A regular file takes less than all only when the disk has become full.
                guard count == line.count else { throw .noSpace }
            } catch {
                // Half a line would spoil every line after it. If this fails too, those are lost with it and their
                // pieces are downloaded again after a restart.
                try? descriptor.resize(to: length)
                throw error
            }
            length += Int64(line.count)
        }
    }

    /// Gives up the lock and leaves the file for the next.
    func close() {
        state.withLock { $0.descriptor = nil }
    }

    /// Removes the file, then gives up the lock.
    func remove() throws {
        try state.withLock { state in
            guard state.descriptor != nil else { return }
            defer { state.descriptor = nil }
            do throws(Errno) {
                try systemCall { unlink(path) }
            } catch  where error.rawValue == ENOENT {
                return
            } catch {
                throw StorageError("remove", path, error)
            }
        }
    }

    private func withDescriptor<Result: Sendable>(
        _ action: String, _ body: (OwnedDescriptor, inout Int64) throws -> Result
    ) throws -> Result {
        try state.withLock { state in
            guard let descriptor = state.descriptor else { throw StorageError.closed(path) }
            do {
                return try body(descriptor, &state.length)
            } catch let error as Errno {
                throw StorageError(action, path, error)
            }
        }
    }
}
