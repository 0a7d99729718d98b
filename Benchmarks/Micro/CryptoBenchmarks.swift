import MinionCore
import PieceStore
import Wire

/// What verifying costs: each piece is hashed once, and each proof signed once and checked by every node.
enum CryptoBenchmarks {
    static let all = hashing + proofs

    private static let hashing = [256 << 10, 4 << 20].map { length in
        Benchmark("SHA-256, piece of \(ByteSize(Int64(length)))", .megabytesPerSecond) {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            return {
                var hasher = PieceHasher()
                bytes.withUnsafeBytes { hasher.update($0) }
                consume(hasher.finalize())
                return length
            }
        }
    }

    private static let proofs = [
        Benchmark("Ed25519, sign a proof", .nanoseconds) {
            let key = TrackerKey()
            let context = ProofContext(task: Samples.task, version: Samples.version(pieces: 1024))
            let proof = Samples.proof(of: 512)
            return {
                consume(key.sign(proof, in: context))
                return 1
            }
        },
        Benchmark("Ed25519, verify a proof", .nanoseconds) {
            let key = TrackerKey()
            let context = ProofContext(task: Samples.task, version: Samples.version(pieces: 1024))
            let proof = key.sign(Samples.proof(of: 512), in: context)
            guard let verifier = ProofVerifier(keyHex: key.publicKeyHex) else { preconditionFailure("64 digits") }
            return {
                precondition(verifier.isValid(proof, in: context), "the proof is not valid")
                return 1
            }
        },
    ]
}
