import MinionCore
import Swarm

/// Complete content that others are served from.
protocol KeptContent: Sendable {
    var version: TaskVersion { get }
    /// For people.
    var name: String { get }
    /// Whether somebody else may write to it while it is sent; see `ServedTask`.
    var isForeign: Bool { get }
    /// Whether it is still what it was. Blocks.
    var isUnchanged: Bool { get }

    /// The hashes of all pieces, with the signatures that are known. Blocks.
    func proofs() throws -> [PieceProof]
    /// Notes signatures. Blocks.
    func note(_ proofs: [PieceProof])
    /// Opens it for reading. Blocks.
    func open() throws -> ServedFile
}
