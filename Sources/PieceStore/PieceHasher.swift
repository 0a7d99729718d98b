import Crypto
package import MinionCore

/// The SHA-256 of a piece, computed as its bytes arrive.
package struct PieceHasher: Sendable {
    private var sha = SHA256()

    package init() {}

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        sha.update(bufferPointer: bytes)
    }

    /// The hash of everything so far. More may be added afterwards.
    package func finalize() -> PieceHash {
        guard let hash = PieceHash(bytes: Array(sha.finalize())) else { preconditionFailure("a SHA-256 has 32 bytes") }
        return hash
    }

    static func hash(_ text: String) -> PieceHash {
        var hasher = PieceHasher()
        var text = text
        text.withUTF8 { hasher.update(UnsafeRawBufferPointer($0)) }
        return hasher.finalize()
    }
}
