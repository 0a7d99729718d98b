import MinionCore
import Swarm
import Synchronization
import Wire

/// The public keys of the trackers that a download has talked to. A proof is good if any of them confirms it.
final class TrackerKeys: Sendable {
    private let verifiers = Mutex<[ProofVerifier]>([])

    /// More trackers than this do not change over in one download.
    private static let limit = 4

    func add(_ keyHex: String) {
        guard let verifier = ProofVerifier(keyHex: keyHex) else { return }
        verifiers.withLock { verifiers in
            guard !verifiers.contains(verifier) else { return }
            verifiers = [verifier] + verifiers.prefix(Self.limit - 1)
        }
    }

    func confirm(_ proof: PieceProof, in context: ProofContext) -> Bool {
        verifiers.withLock { $0 }.contains { $0.isValid(proof, in: context) }
    }
}
