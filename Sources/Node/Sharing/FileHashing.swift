import MinionCore
import PieceStore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Hashes the pieces of a file, on as many threads as call `run`.
final class FileHashing: Sendable {
    private let path: String
    private let file: OpenFile
    private let layout: PieceLayout
    private let isWanted: @Sendable () -> Bool
    private let progress: @Sendable (Int64) -> Void
    private let next = Atomic(0)
    private let done = Atomic<Int64>(0)
    private let found: Mutex<[PieceHash?]>

    private static let bufferSize = 1 << 20

    init(
        _ path: String, _ file: OpenFile, _ layout: PieceLayout, isWanted: @escaping @Sendable () -> Bool,
        progress: @escaping @Sendable (Int64) -> Void
    ) {
        self.path = path
        self.file = file
        self.layout = layout
        self.isWanted = isWanted
        self.progress = progress
        found = Mutex([PieceHash?](repeating: nil, count: layout.count))
    }

    /// Of all pieces in order, once every call of `run` has returned.
    var hashes: [PieceHash] { found.withLock { $0.compactMap(\.self) } }

    static func changed(_ path: String) -> DownloadError {
        DownloadError(.other, "\(path) was changed while it was read; share it when it is complete")
    }

    /// Hashes pieces until none is left. Blocks. Throws `DownloadError`, and `CancellationError` if nobody wants them.
    func run() throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.bufferSize, alignment: 4096)
        defer { buffer.deallocate() }
        while true {
            let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard piece < layout.count else { return }
            guard isWanted() else { throw CancellationError() }
            let hash = try hash(piece, through: buffer)
            found.withLock { $0[piece] = hash }
            progress(done.wrappingAdd(layout.length(of: piece), ordering: .relaxed).newValue)
        }
    }

    private func hash(_ piece: PieceIndex, through buffer: UnsafeMutableRawBufferPointer) throws -> PieceHash {
        var hasher = PieceHasher()
        var range = layout.range(of: piece)
        while !range.isEmpty {
            let wanted = min(buffer.count, range.count)
            let count = pread(file.descriptor, buffer.baseAddress, wanted, off_t(range.lowerBound))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw DownloadError(.other, "cannot read \(path): \(String(cString: strerror(errno)).lowercased())")
            }
            guard count > 0 else { throw Self.changed(path) }
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            range = range.lowerBound + Int64(count)..<range.upperBound
        }
        return hasher.finalize()
    }
}
