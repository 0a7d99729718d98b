import MinionCore
import Synchronization
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What a file in a cache does that others do not.
extension PieceFile {
    /// Opens the file of a cache's entry, which lies in `folder`, and locks it. If it was sealed and looks as it did then,
    /// it is complete without being read. Anything else is as with `open(destination:)`, except that a file that turns out
    /// to be whole is sealed at once.
    static func open(entry folder: String, task: TaskID, validator: String, layout: PieceLayout) throws -> PieceFile {
        let names = FileNames(entry: folder)
        let journal = try Journal.lock(names)
        let header = JournalHeader(task: task, validator: validator, layout: layout)
        let recorded = try journal.resume(header)
        guard let recorded, let content = try DataFile.readable(names) else {
            let data = try fresh(names, journal) { data in
                try DataFile.reserve(layout.size, in: data, path: names.data)
                try journal.append(header.line)
            }
            return PieceFile(
                names: names, task: task, journal: journal, data: data, header: header,
                dropped: recorded?.stored.count ?? 0, wasHashed: true)
        }
        let before = try reporting("read", names.data) { try content.status() }
        if let seal = recorded.seal, seal.vouches(for: before) {
            return PieceFile(
                names: names, task: task, journal: journal, data: content, header: header,
                resumed: recorded.stored, sealed: before)
        }
        let resumed = PieceCheck.matching(recorded.stored, in: content, layout: layout)
        if resumed.count == layout.count, before.size == layout.size {
            let isDurable = recorded.seal?.showsDurability(of: before) ?? false
            let status = try seal(names, content, journal, since: before, isDurable: isDurable)
            return PieceFile(
                names: names, task: task, journal: journal, data: content, header: header,
                resumed: resumed, wasHashed: true, sealed: status)
        }
        let data = try DataFile.writable(names, content)
        try DataFile.reserve(layout.size, in: data, path: names.data)
        let whole = Set(resumed.map(\.piece))
        for piece in recorded.stored where !whole.contains(piece.piece) {
            try journal.append(JournalEntry.gone(piece.piece).line)
        }
        return PieceFile(
            names: names, task: task, journal: journal, data: data, header: header,
            resumed: resumed, dropped: recorded.stored.count - resumed.count, wasHashed: true)
    }

    /// Ends the writing: from now on the file is for reading only, and the journal says what it looks like, so that the
    /// next opening need not hash it. To be called when all of the content is there and known to be right; pieces that
    /// were not recorded are hashed and recorded now. No write may be under way. On a sealed file it does nothing.
    ///
    /// - Parameter sync: whether to wait until everything is safe from a loss of power. If not, the next opening takes
    ///   the file's word until the system is started again, and hashes it then.
    package func seal(sync: Bool) throws {
        try transition.withLock { _ in
            guard names.isEntry else {
                throw StorageError(.invalid, "\(names.data) is no part of a cache, and is published instead")
            }
            guard state.withLock({ $0.phase != .sealed }) else { return }
            let (data, layout) = try state.withLock { try $0.end(names) }
            do {
                for piece in 0..<layout.count where state.withLock({ $0.recorded[piece] == nil }) {
                    guard let hash = PieceCheck.hash(piece, in: data, layout: layout) else { throw Self.changed(names) }
                    try record(StoredPiece(piece: piece, hash: hash))
                }
                let reader = try reporting("finish", names.data) {
                    if sync { try data.sync() }
                    try data.checkClose()
                    return try data.reopenedForReading(path: names.data)
                }
                let before = try reporting("finish", names.data) { try reader.status() }
                guard before.size == layout.size else { throw Self.changed(names) }
                let status = try Self.seal(names, reader, journal, since: before, isDurable: sync)
                if sync {
                    try journal.sync()
                    try syncFolder(names.folder)
                }
                state.withLock { state in
                    state.phase = .sealed
                    state.data = reader
                    state.published = status
                }
            } catch {
                state.withLock { $0.phase = .open }
                throw error
            }
        }
    }

    /// Writes the seal of a file that was whole when it looked like `before`.
    private static func seal(
        _ names: FileNames, _ content: OwnedDescriptor, _ journal: Journal, since before: FileStatus, isDurable: Bool
    ) throws -> FileStatus {
        let status = try reporting("finish", names.data) {
            // Nobody writes to it by mistake, not even through a hard link.
            if before.rights & 0o222 != 0 { try content.setMode(0o400) }
            return try content.status()
        }
        guard status.isUnchanged(since: before) else { throw changed(names) }
        try journal.append(JournalEntry.sealed(SealMark(status, isDurable: isDurable)).line)
        return status
    }

    private static func changed(_ names: FileNames) -> StorageError {
        StorageError(.changed, "\(names.data) was changed by somebody else; download it again")
    }

    /// Opens a sealed file for writing again.
    func unseal() throws {
        try transition.withLock { _ in
            let content = state.withLock { $0.phase == .sealed ? $0.data : nil }
            guard let content else { return }
            let data = try DataFile.writable(names, content)
            state.withLock { state in
                state.phase = .open
                state.data = data
                state.published = nil
            }
        }
    }

    /// Whether it can be shared with another user: open, and not changed since it was sealed.
    var isUsable: Bool { state.withLock { $0.phase != .closed } && isUnchanged() }

    /// Hashes what is recorded, tells how it went, and takes out of the journal what is not right. If that is anything, the
    /// file is closed: whoever reads it must not go on. `progress` is told how many bytes have been hashed, and may throw.
    func verify(progress: (Int64) throws -> Void) throws -> CacheVerification {
        let (data, layout) = state.withLock { ($0.data, $0.layout) }
        guard let data, let layout else { throw StorageError.closed(names.data) }
        var result = CacheVerification()
        var bad: [StoredPiece] = []
        let recorded = try storedPieces()
        // Some megabytes at a time.
        let batch = max(2, Int((64 << 20) / layout.pieceSize))
        for start in stride(from: 0, to: recorded.count, by: batch) {
            let pieces = Array(recorded[start..<min(start + batch, recorded.count)])
            let whole = Set(PieceCheck.matching(pieces, in: data, layout: layout).map(\.piece))
            bad += pieces.filter { !whole.contains($0.piece) }
            result.count(pieces, layout)
            try progress(result.bytes)
        }
        result.countBad(bad, layout)
        guard !bad.isEmpty else { return result }
        for piece in bad { try journal.append(JournalEntry.gone(piece.piece).line) }
        close()
        return result
    }
}
