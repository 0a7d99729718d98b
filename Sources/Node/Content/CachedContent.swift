import MinionCore
import PieceStore
import Swarm
import Synchronization
import SystemPackage

/// Content in the cache that is served. It is pinned only while somebody has it open, so that it can be evicted
/// otherwise; whoever opens it then finds out.
final class CachedContent: KeptContent {
    let version: TaskVersion
    let name: String
    let isForeign = false
    private let task: TaskID
    private let cache: ContentCache
    private let intake: PieceIntake
    private let current: Mutex<Current>

    private struct Current {
        weak var pin: ContentPin?
    }

    init(_ pin: ContentPin, of cache: ContentCache, version: TaskVersion, intake: PieceIntake) {
        self.version = version
        self.cache = cache
        self.intake = intake
        task = pin.file.task
        name = pin.file.label.name
        current = Mutex(Current(pin: pin))
    }

    private var pinned: ContentPin? { current.withLock { $0.pin } }

    private func pin() throws -> ContentPin {
        if let pin = pinned { return pin }
        guard let file = try cache.complete(task) else { throw gone }
        let pin = ContentPin(file, intake)
        let found = file.version
        guard found.validator == version.validator, found.size == version.size, found.pieceSize == version.pieceSize
        else { throw gone }
        file.touch()
        current.withLock { $0.pin = pin }
        return pin
    }

    private var gone: StorageError { StorageError(.changed, "\(name) is no longer in the cache") }

    var isUnchanged: Bool { pinned.map { $0.file.file.isUnchanged() } ?? true }

    func proofs() throws -> [PieceProof] {
        try pin().file.file.storedPieces().map {
            PieceProof(piece: $0.piece, hash: $0.hash, signature: $0.signature)
        }
    }

    func note(_ proofs: [PieceProof]) {
        guard let file = try? pin().file.file else { return }
        // What is not written down is signed again after a restart.
        for proof in proofs {
            try? file.record(StoredPiece(piece: proof.piece, hash: proof.hash, signature: proof.signature))
        }
    }

    func open() throws -> ServedFile {
        let pin = try pin()
        return ServedFile(descriptor: try pin.file.file.makeReader().rawValue, pin: pin)
    }
}
