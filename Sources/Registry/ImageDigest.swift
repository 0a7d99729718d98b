import Crypto
import MinionCore

/// What a manifest or blob hashes to, as in `sha256:9f86d0…`.
struct ImageDigest: Hashable, Sendable, CustomStringConvertible {
    enum Algorithm: String {
        case sha256
        case sha512
    }

    let algorithm: Algorithm
    /// In lower case.
    private let hex: String

    /// Nil for other algorithms, other lengths, and capitals, which registries do not take either.
    init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let algorithm = Algorithm(rawValue: String(parts[0])) else { return nil }
        guard parts[1].utf8.count == (algorithm == .sha256 ? 64 : 128), parts[1].utf8.allSatisfy(Hex.isLowerDigit)
        else { return nil }
        self.algorithm = algorithm
        hex = String(parts[1])
    }

    func matches(_ bytes: [UInt8]) -> Bool {
        switch algorithm {
        case .sha256: Hex.text(SHA256.hash(data: bytes)) == hex
        case .sha512: Hex.text(SHA512.hash(data: bytes)) == hex
        }
    }

    var description: String { "\(algorithm.rawValue):\(hex)" }
}
