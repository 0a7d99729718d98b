import MinionCore
import PieceStore
import Swarm
import Wire

/// A version's content as it was found, ready to be completed.
struct OpenedContent: Sendable {
    enum Place: Sendable {
        case file(PieceFile)
        case cached(PieceFile, ContentPin)
        /// All is there, and nothing will be written.
        case kept
    }

    let version: TaskVersion
    let place: Place
    /// Of the pieces that are there; signed if a tracker's key confirms the signature.
    let proofs: [PieceProof]

    /// Gives it up again.
    func close() {
        if case .file(let file) = place { file.close() }
    }
}

/// Makes room for a version, or finds what is there of it.
struct ContentOpening: Sendable {
    let order: RunOrder
    let version: TaskVersion
    let layout: PieceLayout
    let keys: TrackerKeys
    let intake: PieceIntake
    /// Seconds since 1970.
    let now: Double

    /// Blocks. Throws `StorageError`.
    func carryOut() throws -> OpenedContent {
        switch order.content {
        case .path:
            let file = try PieceFile.open(
                destination: order.request.destination, task: order.task, validator: version.validator, layout: layout)
            return OpenedContent(version: version, place: .file(file), proofs: proofs(file.resumed))
        case .cache(let cache, let label):
            let pinned = try cache.open(order.task, version.cached(from: now), label: label)
            let file = pinned.file
            return OpenedContent(
                version: version, place: .cached(file, ContentPin(pinned, intake)),
                proofs: proofs(try file.storedPieces()))
        case .kept(let content, _):
            guard content.version.isSameContent(as: version) else {
                throw StorageError(.changed, "\(content.name) is no longer what it was")
            }
            return OpenedContent(version: version, place: .kept, proofs: genuine(try content.proofs()))
        }
    }

    private func proofs(_ stored: [StoredPiece]) -> [PieceProof] {
        genuine(stored.map { PieceProof(piece: $0.piece, hash: $0.hash, signature: $0.signature) })
    }

    /// Without the signatures that no tracker's key confirms.
    private func genuine(_ proofs: [PieceProof]) -> [PieceProof] {
        let context = ProofContext(task: order.task, version: version)
        return proofs.map { proof in
            let isSigned = !proof.signature.isEmpty && keys.confirm(proof, in: context)
            return isSigned ? proof : PieceProof(piece: proof.piece, hash: proof.hash)
        }
    }
}

extension TaskVersion {
    /// The version as a cache keeps it that has heard of it at `now`, in seconds since 1970.
    func cached(from now: Double) -> CachedVersion {
        CachedVersion(
            validator: validator, size: size, pieceSize: pieceSize, hasRanges: hasRanges,
            freshUntil: now + freshSeconds)
    }

    /// The version as a tracker may hear of it at `now`.
    init(_ cached: CachedVersion, at now: Double) {
        self.init(
            validator: cached.validator, size: cached.size, pieceSize: cached.pieceSize, hasRanges: cached.hasRanges,
            freshSeconds: min(max(0, cached.freshUntil - now), 86_400 * 365))
    }
}
