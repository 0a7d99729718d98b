import MinionCore

/// A hash function that a whole file may be checked with.
package enum DigestAlgorithm: String, CaseIterable, Hashable, Sendable {
    case md5
    case sha1
    case sha256
    case sha384
    case sha512
    case sha3With256 = "sha3-256"
    case sha3With384 = "sha3-384"
    case sha3With512 = "sha3-512"

    /// Reads the name in the spellings that are about: `SHA256`, `sha-256`, `sha3_256`, `SHA3-256`.
    package init?(name: some StringProtocol) {
        let name = name.lowercased().map { $0 == "_" ? "-" : $0 }
        for algorithm in Self.allCases {
            let plain = Array(algorithm.rawValue)
            // `sha-256` and `sha-1`; not `sha-3-256`, and not `md-5`, which nobody writes.
            let dashed = plain.starts(with: "sha") && !plain.contains("-") ? Array("sha-") + plain.dropFirst(3) : plain
            if name == plain || name == dashed {
                self = algorithm
                return
            }
        }
        return nil
    }

    /// Bytes of a digest.
    package var byteCount: Int {
        switch self {
        case .md5: 16
        case .sha1: 20
        case .sha256, .sha3With256: 32
        case .sha384, .sha3With384: 48
        case .sha512, .sha3With512: 64
        }
    }
}

/// What a whole file hashes to, as in `sha256:9f86d0…`.
package struct ContentDigest: Hashable, Sendable, CustomStringConvertible {
    package let algorithm: DigestAlgorithm
    /// In lower case.
    package let hex: String

    /// Reads `type:hexadecimal`, both parts in either case. Throws a `ContentDigestError`.
    package init(_ text: String) throws {
        let known = DigestAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
        guard let colon = text.firstIndex(of: ":") else {
            throw ContentDigestError(
                "\"\(text)\" is no digest; write type:hexadecimal, with one of these types: \(known)")
        }
        let name = text[..<colon]
        guard let algorithm = DigestAlgorithm(name: name) else {
            throw ContentDigestError("unknown digest type \"\(name)\"; known are \(known)")
        }
        let digits = text[text.index(after: colon)...]
        guard let bytes = Hex.bytes(String(digits)) else {
            throw ContentDigestError(
                "the \(algorithm.rawValue) digest \"\(digits)\" is not hexadecimal; "
                    + "it takes \(algorithm.byteCount * 2) of the digits 0-9 and a-f (known types: \(known))")
        }
        guard bytes.count == algorithm.byteCount else {
            throw ContentDigestError(
                "the \(algorithm.rawValue) digest has \(bytes.count * 2) digits instead of \(algorithm.byteCount * 2); "
                    + "was another type meant? (known types: \(known))")
        }
        self.init(algorithm: algorithm, bytes: bytes)
    }

    init(algorithm: DigestAlgorithm, bytes: [UInt8]) {
        self.algorithm = algorithm
        hex = Hex.text(bytes)
    }

    package var description: String { "\(algorithm.rawValue):\(hex)" }
}

/// Why a text is no digest.
package struct ContentDigestError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One line: what is wrong, and which types are known.
    package let message: String

    init(_ message: String) { self.message = message }

    package var description: String { message }
}
