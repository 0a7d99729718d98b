import Crypto
import MinionCore
import NIOPosix
import PieceStore
import Swarm
import Synchronization
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file of the user's own that is offered to others. It stays where it is, and the user may write to it at any time; so
/// it is looked at before and after every read.
final class SharedFile: KeptContent {
    let version: TaskVersion
    let name: String
    let isForeign = true
    let path: String
    private let file: OpenFile
    private let stamp: FileStamp
    private let hashes: [PieceHash]
    private let signatures = Mutex<[PieceIndex: String]>([:])

    /// As long as anything may be believed; it is another version when the file changes.
    private static let freshSeconds = 365.0 * 86_400

    private init(path: String, file: OpenFile, stamp: FileStamp, layout: PieceLayout, hashes: [PieceHash]) {
        self.path = path
        self.file = file
        self.stamp = stamp
        self.hashes = hashes
        name = String(path.split(separator: "/").last ?? "")
        var digest = SHA256()
        for hash in hashes { digest.update(data: hash.bytes) }
        version = TaskVersion(
            validator: TaskVersion.sharedPrefix + Hex.text(digest.finalize().prefix(16)), layout: layout,
            hasRanges: false, freshSeconds: Self.freshSeconds)
    }

    var isUnchanged: Bool { FileStamp(of: file.descriptor) == stamp }

    func proofs() throws -> [PieceProof] {
        let signatures = signatures.withLock { $0 }
        return hashes.indices.map { PieceProof(piece: $0, hash: hashes[$0], signature: signatures[$0] ?? "") }
    }

    func note(_ proofs: [PieceProof]) {
        signatures.withLock { signatures in
            for proof in proofs { signatures[proof.piece] = proof.signature }
        }
    }

    func open() throws -> ServedFile { ServedFile(descriptor: try makeReader().rawValue) }

    /// A descriptor for reading, which the caller closes.
    func makeReader() throws -> FileDescriptor {
        let copy = fcntl(file.descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else {
            throw DownloadError(.other, "cannot read \(path): \(String(cString: strerror(errno)).lowercased())")
        }
        return FileDescriptor(rawValue: copy)
    }
}

/// An open descriptor, closed when nobody holds it any more.
final class OpenFile: Sendable {
    let descriptor: CInt

    init(_ descriptor: CInt) { self.descriptor = descriptor }

    deinit { close(descriptor) }
}

private func openForReading(_ path: String) -> CInt { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }

// MARK: - Opening

extension SharedFile {
    /// A file that is not hashed yet.
    struct Draft: Sendable {
        let path: String
        fileprivate let file: OpenFile
        fileprivate let stamp: FileStamp
        fileprivate let layout: PieceLayout

        var size: Int64 { layout.size }
    }

    /// How long a file must have been left alone: in this time the clock of file systems moves on, so that every later
    /// write shows.
    private static let quietSeconds = 0.03
    /// How often to look whether somebody still writes to it.
    private static let looks = 10

    /// Throws `DownloadError`. Blocks, for some time if the file has just been written to.
    static func open(_ path: String, now: () -> Double) throws -> Draft {
        let descriptor = openForReading(path)
        guard descriptor >= 0 else {
            throw DownloadError(.other, "cannot read \(path): \(String(cString: strerror(errno)).lowercased())")
        }
        let file = OpenFile(descriptor)
        guard var stamp = FileStamp(of: descriptor), stamp.isRegular else {
            throw DownloadError(.other, "\(path) is no plain file; share a file")
        }
        for _ in 0..<looks where (0..<quietSeconds).contains(stamp.age(at: now())) {
            usleep(UInt32(quietSeconds * 1e6))
            guard let next = FileStamp(of: descriptor) else { break }
            stamp = next
        }
        guard !(0..<quietSeconds).contains(stamp.age(at: now())) else {
            throw DownloadError(.other, "\(path) is being written to; share it when it is complete")
        }
        guard let layout = PieceLayout(size: stamp.size) else {
            throw DownloadError(.other, "\(path) is larger than anything that can be shared")
        }
        return Draft(path: path, file: file, stamp: stamp, layout: layout)
    }
}

extension SharedFile.Draft {
    /// Pieces that are hashed at a time.
    private static let workers = 2

    /// Hashes all of it, on the threads of `pool`. `progress` is told how many bytes have been hashed so far. Throws
    /// `DownloadError`, and `CancellationError` if `isWanted` says no.
    func hash(
        on pool: NIOThreadPool, isWanted: @escaping @Sendable () -> Bool,
        progress: @escaping @Sendable (Int64) -> Void
    ) async throws -> SharedFile {
        let work = FileHashing(path, file, layout, isWanted: isWanted, progress: progress)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<min(Self.workers, layout.count) {
                group.addTask { try await pool.runIfActive { try work.run() } }
            }
            try await group.waitForAll()
        }
        let isUnchanged = try await pool.runIfActive { [file, stamp] in FileStamp(of: file.descriptor) == stamp }
        let hashes = work.hashes
        guard isUnchanged, hashes.count == layout.count else { throw FileHashing.changed(path) }
        return SharedFile(path: path, file: file, stamp: stamp, layout: layout, hashes: hashes)
    }
}
