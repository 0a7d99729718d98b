import MinionCore
import NIOCore
import PieceStore
import Swarm
import Synchronization
import SystemPackage

/// Reads a source to its end that does not say how long it is. Only then can the file be cut into pieces and shared.
struct UnsizedSource: Sendable {
    let response: SourceResponse
    let validator: String
    let freshSeconds: Double

    /// The content, with the hash of every piece. `progress` is told the file's path, how many bytes have come and where
    /// they end.
    func read(
        for order: RunOrder, intake: PieceIntake, wallClock: @escaping @Sendable () -> Double,
        progress: @escaping @Sendable (String, Int64, Int64) -> Void
    ) async throws -> OpenedContent {
        let file = try await intake.run { try Self.open(order) }
        do {
            let size = Mutex<Int64>(0)
            try await response.read { bytes in
                let offset = size.withLock { size in
                    defer { size += Int64(bytes.readableBytes) }
                    return size
                }
                try await intake.run { try bytes.withUnsafeReadableBytes { try file.write($0, at: offset) } }
                progress(file.path, Int64(bytes.readableBytes), offset + Int64(bytes.readableBytes))
            }
            guard let layout = PieceLayout(size: size.withLock { $0 }) else {
                throw SourceFailure(.malformed, "the source sent more than any file has")
            }
            let version = TaskVersion(
                validator: validator, layout: layout, hasRanges: false, freshSeconds: freshSeconds)
            return try await intake.run {
                try file.settle(validator: validator, layout: layout)
                let proofs = try Self.hashes(of: file, layout)
                guard case .cache(let cache, let label) = order.content else {
                    return OpenedContent(version: version, place: .file(file), proofs: proofs)
                }
                let pinned = try cache.adopt(file, as: version.cached(from: wallClock()), label: label)
                let pin = ContentPin(pinned, intake)
                return OpenedContent(version: version, place: .cached(pinned.file, pin), proofs: proofs)
            }
        } catch {
            try? await intake.run { try file.remove() }
            throw error
        }
    }

    private static func open(_ order: RunOrder) throws -> PieceFile {
        guard case .cache(let cache, _) = order.content else {
            return try PieceFile.openUnsized(destination: order.request.destination, task: order.task)
        }
        return try cache.openUnsized(order.task)
    }

    private static func hashes(of file: PieceFile, _ layout: PieceLayout) throws -> [PieceProof] {
        let reader = try file.makeReader()
        defer { try? reader.close() }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        return try (0..<layout.count).map { piece in
            var hasher = PieceHasher()
            var range = layout.range(of: piece)
            while !range.isEmpty {
                let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, range.count)])
                let count = try reader.read(fromAbsoluteOffset: range.lowerBound, into: part)
                guard count > 0 else {
                    throw StorageError(.changed, "\(file.path) has become shorter while it was read")
                }
                hasher.update(UnsafeRawBufferPointer(rebasing: part[..<count]))
                range = range.lowerBound + Int64(count)..<range.upperBound
            }
            let hash = hasher.finalize()
            try file.record(StoredPiece(piece: piece, hash: hash))
            return PieceProof(piece: piece, hash: hash)
        }
    }
}
