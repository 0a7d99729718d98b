package import MinionCore
import Synchronization
package import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The file of one task: while it is downloaded, under a temporary name with a journal of the pieces that are whole; in
/// the end, under its own.
///
///     open ── write, record … ── publish ── makeReader, isUnchanged … ── close
///                             └─ close: the next `open` resumes    └─ remove: as if it had never been
///
/// A file in a cache stays where it is, and is sealed instead of published.
///
/// It may be used from several threads at once. Every call but the properties and `isUnchanged` may block on a disk (and
/// `open` for as long as it takes to hash what an earlier download left), so it has no place on an event loop or in the
/// cooperative pool. Errors are `StorageError`s. An object that is dropped without `close` leaves its files as `close`
/// does.
package final class PieceFile: Sendable {
    /// The path it was opened with.
    package let destination: String
    package let task: TaskID
    /// The pieces found whole when it was opened, in order.
    package let resumed: [StoredPiece]
    /// How many pieces the journal named whose bytes were not there any more.
    package let dropped: Int
    /// Whether all that was there had to be hashed when it was opened.
    let wasHashed: Bool

    let names: FileNames
    let journal: Journal
    let state: Mutex<State>
    /// Held throughout `settle`, `publish`, `seal`, `close` and `remove`, which take turns; `state` is never held while a disk
    /// is waited for.
    let transition = Mutex(())

    struct State {
        enum Phase {
            case open, ending, published, sealed, closed
        }

        var phase = Phase.open
        /// For reading and writing until published, then for reading only: a program that is open for writing anywhere
        /// cannot be executed. Nil once closed.
        var data: OwnedDescriptor?
        /// Nil while the size is unknown.
        var layout: PieceLayout?
        /// The first line of the journal; nil while the size is unknown.
        var header: JournalHeader?
        /// As it was when published or sealed.
        var published: FileStatus?
        /// What the journal says of each piece, as the hash value of its entry: most notes come more than once.
        var recorded: [PieceIndex: Int] = [:]

        var bytesHere: Int64 {
            guard let layout, layout.count > 0 else { return 0 }
            let last = layout.count - 1
            let lacking = recorded[last] == nil ? 0 : layout.pieceSize - layout.length(of: last)
            return Int64(recorded.count) * layout.pieceSize - lacking
        }
    }

    /// - Parameter sealed: what the file looked like when it was sealed, if it is open for reading only.
    init(
        names: FileNames, task: TaskID, journal: Journal, data: OwnedDescriptor, header: JournalHeader?,
        resumed: [StoredPiece] = [], dropped: Int = 0, wasHashed: Bool = false, sealed: FileStatus? = nil
    ) {
        destination = names.destination
        self.task = task
        self.resumed = resumed
        self.dropped = dropped
        self.wasHashed = wasHashed
        self.names = names
        self.journal = journal
        let recorded = resumed.map { ($0.piece, $0.hashValue) }
        state = Mutex(
            State(
                phase: sealed == nil ? .open : .sealed, data: data, layout: header?.layout, header: header,
                published: sealed, recorded: Dictionary(recorded) { $1 }))
    }

    // MARK: - Opening

    /// Opens the file for `destination` and locks it. If an earlier download of the same task, validator and layout left
    /// pieces there, they are hashed again, and those that are right are in `resumed`; anything else starts anew.
    ///
    /// Nothing is reserved on the disk, but there must be room for what is missing.
    package static func open(
        destination: String, task: TaskID, validator: String, layout: PieceLayout
    ) throws -> PieceFile {
        let names = try FileNames(destination: destination)
        try names.checkDestination()
        let journal = try Journal.lock(names)
        let header = JournalHeader(task: task, validator: validator, layout: layout)
        if let recorded = try journal.resume(header), let data = try DataFile.existing(names) {
            try DataFile.reserve(layout.size, in: data, path: names.data)
            let resumed = PieceCheck.matching(recorded.stored, in: data, layout: layout)
            return PieceFile(
                names: names, task: task, journal: journal, data: data, header: header, resumed: resumed,
                dropped: recorded.stored.count - resumed.count, wasHashed: true)
        }
        let data = try fresh(names, journal) { data in
            try DataFile.reserve(layout.size, in: data, path: names.data)
            try journal.append(header.line)
        }
        return PieceFile(names: names, task: task, journal: journal, data: data, header: header)
    }

    /// Opens the file for a source that does not tell its length. It grows as it is written, and is not resumed unless
    /// it was given its layout by `settle`.
    package static func openUnsized(destination: String, task: TaskID) throws -> PieceFile {
        let names = try FileNames(destination: destination)
        try names.checkDestination()
        return try openUnsized(names, task: task)
    }

    static func openUnsized(_ names: FileNames, task: TaskID) throws -> PieceFile {
        let journal = try Journal.lock(names)
        let data = try fresh(names, journal) { _ in }
        return PieceFile(names: names, task: task, journal: journal, data: data, header: nil)
    }

    /// Starts anew; if that fails, leaves nothing behind.
    static func fresh(
        _ names: FileNames, _ journal: Journal, prepare: (OwnedDescriptor) throws -> Void
    ) throws -> OwnedDescriptor {
        do {
            // First of all the journal, so that it never speaks of data that are gone.
            try journal.clear()
            let data = try DataFile.fresh(names)
            do {
                try prepare(data)
            } catch {
                unlink(names.data)
                throw error
            }
            return data
        } catch {
            try? journal.remove()
            throw error
        }
    }

    /// Gives a file that was opened without a size its layout, and cuts it to that size. To be called when all of it has
    /// been written; afterwards it is like any other.
    package func settle(validator: String, layout: PieceLayout) throws {
        try transition.withLock { _ in
            let data = try state.withLock { state in
                guard state.phase == .open, let data = state.data else { throw StorageError.closed(names.data) }
                guard state.layout == nil else { throw StorageError(.invalid, "\(names.data) has its size already") }
                return data
            }
            try reporting("resize", names.data) { try data.resize(to: layout.size) }
            let header = JournalHeader(task: task, validator: validator, layout: layout)
            try journal.append(header.line)
            state.withLock { ($0.layout, $0.header) = (layout, header) }
        }
    }

    // MARK: - Properties

    /// Where the bytes are now: the temporary name, or the destination once published.
    package var path: String { isPublished ? names.destination : names.data }
    /// Whether it has come to its end by `publish` or `seal`. One in a cache that is complete is so from the beginning.
    package var isPublished: Bool { state.withLock { $0.published != nil } }
    /// Bytes of the pieces that are recorded.
    package var bytesHere: Int64 { state.withLock { $0.bytesHere } }
    /// Nil as long as the size is unknown.
    package var layout: PieceLayout? { state.withLock { $0.layout } }

    // MARK: - Writing

    /// Writes all of `bytes` at `offset`. They must lie within the file's size, if it has one.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws {
        let data = try writable(Int64(bytes.count), at: offset)
        try reporting("write to", names.data) { try data.write(bytes, at: offset) }
    }

    /// Writes several buffers one behind the other from `offset` on, with as few system calls as can be.
    package func write(_ buffers: [UnsafeRawBufferPointer], at offset: Int64) throws {
        let data = try writable(buffers.reduce(0) { $0 + Int64($1.count) }, at: offset)
        try reporting("write to", names.data) { try data.write(buffers, at: offset) }
    }

    private func writable(_ count: Int64, at offset: Int64) throws -> OwnedDescriptor {
        try state.withLock { state in
            guard state.phase == .open, let data = state.data else { throw StorageError.closed(names.data) }
            let size = state.layout?.size ?? PieceLayout.maximumSize
            guard offset >= 0, offset <= size, count <= size - offset else {
                throw StorageError(
                    .outOfRange, "\(count) bytes at \(offset) do not fit into \(names.data), which has \(size)")
            }
            return data
        }
    }

    /// Notes that a piece is whole. A later note for the same piece, with a signature say, replaces this one; the same
    /// note again does nothing. In a cache, signatures may still come after `seal`.
    package func record(_ piece: StoredPiece) throws {
        guard JournalEntry.isSignature(piece.signature) else {
            throw StorageError(
                .invalid,
                "the signature of piece \(piece.piece) is not hexadecimal of at most \(JournalEntry.longestSignature) "
                    + "characters")
        }
        let value = piece.hashValue
        guard try checkPiece(piece.piece, { $0.recorded[piece.piece] != value }) else { return }
        try journal.append(JournalEntry.stored(piece).line)
        state.withLock { $0.recorded[piece.piece] = value }
    }

    /// Notes that a piece is not to be counted on any more. Its bytes stay until they are overwritten. A sealed file is
    /// open again from then on, as if it had been resumed: the piece can be written, and the file must be sealed again.
    package func discard(_ piece: PieceIndex) throws {
        let isSealed = try checkPiece(piece) { $0.phase == .sealed }
        try journal.append(JournalEntry.gone(piece).line)
        state.withLock { $0.recorded[piece] = nil }
        if isSealed { try unseal() }
    }

    private func checkPiece<Result: Sendable>(
        _ piece: PieceIndex, _ body: (State) -> Result
    ) throws -> Result {
        try state.withLock { state in
            // While it is being sealed, notes may still come from another thread; they are true then as well.
            guard state.phase == .open || state.phase == .sealed || (state.phase == .ending && names.isEntry) else {
                throw StorageError.closed(names.journal)
            }
            guard let layout = state.layout, piece >= 0, piece < layout.count else {
                throw StorageError(.outOfRange, "\(names.data) has no piece \(piece)")
            }
            return body(state)
        }
    }

    // MARK: - Reading

    /// All pieces that are recorded now. `resumed` tells only those that were found at the opening.
    package func storedPieces() throws -> [StoredPiece] {
        let header = state.withLock { $0.phase == .closed ? nil : $0.header }
        guard let header else { throw StorageError.closed(names.journal) }
        return try journal.read(header)?.stored ?? []
    }

    /// A new read-only descriptor on the bytes, with a position of its own, which the caller must close. Before and
    /// after `publish`; even when the file has been renamed or removed by others since.
    package func makeReader() throws -> FileDescriptor {
        let (data, path) = try state.withLock { state in
            guard let data = state.data else { throw StorageError.closed(names.destination) }
            return (data, state.published == nil ? names.data : names.destination)
        }
        return try reporting("read", path) {
            let reader = try data.reopenedForReading(path: path)
            // The caller's own; `reader` closes its number when it goes.
            return FileDescriptor(rawValue: try systemCall { fcntl(reader.raw, F_DUPFD_CLOEXEC, 0) })
        }
    }

    /// Whether the bytes can be taken to be those that were published: size and time of change are the same. True before
    /// `publish` or `seal` (the file is nobody else's business then), false after `close`, and once the file was removed or
    /// another took its name. One that was only renamed is unchanged. Does not block.
    package func isUnchanged() -> Bool {
        let (data, published, isWhole) = state.withLock { state in
            (state.data, state.published, state.phase != .sealed || state.recorded.count == state.layout?.count)
        }
        guard let data, isWhole else { return false }
        guard let published else { return true }
        guard let status = try? data.status() else { return false }
        return status.links > 0 && status.isUnchanged(since: published)
    }
}
