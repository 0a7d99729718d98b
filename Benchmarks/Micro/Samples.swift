import MinionCore
import Swarm

/// What several benchmarks need, the same in every run.
enum Samples {
    static let task: TaskID = {
        guard let task = TaskID(hex: String(repeating: "5e", count: 32)) else { preconditionFailure("64 digits") }
        return task
    }()

    static func version(pieces: Int) -> TaskVersion {
        let pieceSize: Int64 = 1 << 20
        guard let layout = PieceLayout(size: Int64(pieces) * pieceSize, pieceSize: pieceSize) else {
            preconditionFailure("\(pieces) pieces of 1 MiB are a layout")
        }
        return TaskVersion(validator: "\"5f3c-61a2b3c4d5e6f\"", layout: layout)
    }

    /// A proof of the right form, which proves nothing.
    static func proof(of piece: PieceIndex) -> PieceProof {
        PieceProof(piece: piece, hash: hash, signature: String(repeating: "a7", count: 64))
    }

    static func peer(_ number: Int) -> PeerID { PeerID(0x9e37_79b9_7f4a_7c15 &* UInt64(number + 1)) }

    static func introduction(of number: Int, resource: String) -> PeerIntroduction {
        PeerIntroduction(
            endpoint: Endpoint(host: "10.\(number >> 16).\(number >> 8 & 255).\(number & 255)", port: 40_000),
            resource: resource, site: "site-\(number % 4)", secret: secret(of: number))
    }

    /// 32 digits, as nodes draw them.
    static func secret(of number: Int) -> String { peer(number).hex + peer(number + 1).hex }

    /// About `part` of all pieces.
    static func pieces(_ capacity: Int, part: Double, _ random: inout SeededGenerator) -> PieceSet {
        PieceSet(capacity: capacity, (0..<capacity).filter { _ in Double.random(in: 0..<1, using: &random) < part })
    }

    private static let hash: PieceHash = {
        guard let hash = PieceHash(bytes: (0..<32).map { UInt8($0) }) else { preconditionFailure("32 bytes") }
        return hash
    }()
}
