package import MinionCore

/// A piece that is whole on disk.
package struct StoredPiece: Hashable, Sendable {
    package let piece: PieceIndex
    package let hash: PieceHash
    /// The tracker's signature over the hash, hexadecimal; empty if there is none yet.
    package let signature: String

    package init(piece: PieceIndex, hash: PieceHash, signature: String = "") {
        self.piece = piece
        self.hash = hash
        self.signature = signature
    }
}
