import Crypto
package import MinionCore
package import Swarm

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The tracker's Ed25519 key pair, with which it vouches for the hash of every piece.
package struct TrackerKey: Sendable {
    private let key: Curve25519.Signing.PrivateKey

    /// A new key.
    package init() { key = Curve25519.Signing.PrivateKey() }

    /// The key that `privateBytes` gave. Nil unless there are exactly 32 bytes.
    package init?(privateBytes: some Sequence<UInt8>) {
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: Array(privateBytes)) else { return nil }
        self.key = key
    }

    /// The secret half: 32 bytes, never to leave the tracker.
    package var privateBytes: [UInt8] { Array(key.rawRepresentation) }

    /// The public half: 64 hexadecimal digits.
    package var publicKeyHex: String { Hex.text(key.publicKey.rawRepresentation) }

    /// The proof with this key's signature in place of whatever it had.
    package func sign(_ proof: PieceProof, task: TaskID, version: TaskVersion) -> PieceProof {
        sign(proof, in: ProofContext(task: task, version: version))
    }

    /// The same, for many pieces of one version.
    package func sign(_ proof: PieceProof, in context: ProofContext) -> PieceProof {
        var proof = proof
        // Signing a few bytes with a key that exists fails only when there is no memory left.
        // swift-format-ignore: NeverUseForceTry
        proof.signature = Hex.text(try! key.signature(for: context.message(for: proof)))
        return proof
    }
}

/// The tracker's public key, with which anybody checks that a piece is what the tracker says it is.
package struct ProofVerifier: Hashable, Sendable {
    /// 64 lower-case hexadecimal digits.
    package let keyHex: String
    private let key: Curve25519.Signing.PublicKey

    /// Nil unless `keyHex` is 64 hexadecimal digits.
    package init?(keyHex: String) {
        guard let bytes = Hex.bytes(keyHex), bytes.count == 32,
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)
        else { return nil }
        self.key = key
        self.keyHex = Hex.text(bytes)
    }

    /// Whether the tracker signed that the piece of this version has this hash.
    package func isValid(_ proof: PieceProof, task: TaskID, version: TaskVersion) -> Bool {
        isValid(proof, in: ProofContext(task: task, version: version))
    }

    /// The same, for many pieces of one version.
    package func isValid(_ proof: PieceProof, in context: ProofContext) -> Bool {
        guard proof.signature.utf8.count == 128, let signature = Hex.bytes(proof.signature) else { return false }
        return key.isValidSignature(signature, for: context.message(for: proof))
    }

    package static func == (a: ProofVerifier, b: ProofVerifier) -> Bool { a.keyHex == b.keyHex }
    package func hash(into hasher: inout Hasher) { hasher.combine(keyHex) }
}

/// The part of a signed message that all pieces of one version have in common, made once.
package struct ProofContext: Hashable, Sendable {
    private let prefix: [UInt8]

    package init(task: TaskID, version: TaskVersion) {
        prefix = Array(
            "minion-piece-1\n\(task.hex)\n\(version.validator)\n\(version.size)\n\(version.pieceSize)\n".utf8)
    }

    /// The bytes that are signed. The validator is the only field that could hold a line feed, and those behind it
    /// are counted from the end, so no two pieces have the same message.
    package func message(for proof: PieceProof) -> [UInt8] {
        var message: [UInt8] = []
        message.reserveCapacity(prefix.count + 20 + 66)
        message.append(contentsOf: prefix)
        message.append(contentsOf: String(proof.piece).utf8)
        message.append(UInt8(ascii: "\n"))
        message.append(contentsOf: proof.hash.hex.utf8)
        message.append(UInt8(ascii: "\n"))
        return message
    }
}

extension TaskID {
    /// The SHA-256 of the identity's canonical bytes.
    package init(of identity: TaskIdentity) {
        // A SHA-256 has 32 bytes, which is what a hash is made of.
        // swift-format-ignore: NeverForceUnwrap
        self.init(hash: PieceHash(bytes: Array(SHA256.hash(data: identity.canonicalBytes)))!)
    }
}
