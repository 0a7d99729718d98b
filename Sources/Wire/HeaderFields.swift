package import MinionCore
package import Swarm

/// Names of the header fields that nodes and trackers exchange, in the spelling in which they are sent.
package enum HeaderName {
    /// `<hash hex>.<signature hex>`, with the bytes of exactly one piece.
    package static let proof = "Minion-Proof"
    /// `true` in a 503 that means "not yet here" rather than "busy".
    package static let missing = "Minion-Missing"
    /// The sender's peer id.
    package static let peer = "Minion-Peer"
    /// Where the sender's piece server listens; see `HeaderValue.endpoint`.
    package static let endpoint = "Minion-Endpoint"
    /// The version's validator, percent-encoded.
    package static let validator = "Minion-Validator"
    /// `<size>/<piece size>`
    package static let layout = "Minion-Layout"
    /// What a peer proves itself with when it leaves.
    package static let secret = "Minion-Secret"
}

/// Writes and reads the values of those fields.
package enum HeaderValue {
    /// Validators that are longer, in bytes, are not accepted from the network.
    package static let maximumValidatorLength = 1024

    package static func proof(_ proof: PieceProof) -> String { "\(proof.hash.hex).\(proof.signature)" }

    /// Nil if it is not well formed; whether the signature is genuine is `ProofVerifier`'s to say.
    package static func proof(_ text: some StringProtocol, piece: PieceIndex) -> PieceProof? {
        let utf8 = text.utf8
        guard utf8.count == 64 + 1 + 128, let dot = utf8.firstIndex(of: UInt8(ascii: ".")),
            utf8.distance(from: utf8.startIndex, to: dot) == 64, let hash = PieceHash(hex: String(text[..<dot]))
        else { return nil }
        let signature = text[utf8.index(after: dot)...]
        guard signature.utf8.allSatisfy(Hex.isLowerDigit) else { return nil }
        return PieceProof(piece: piece, hash: hash, signature: String(signature))
    }

    package static func validator(_ validator: String) -> String { PercentEncoding.encode(validator) }

    /// Nil if it is not well formed or too long.
    package static func validator(encoded text: String) -> String? {
        guard text.utf8.count <= 3 * maximumValidatorLength, let validator = PercentEncoding.decode(text),
            validator.utf8.count <= maximumValidatorLength
        else { return nil }
        return validator
    }

    package static func layout(_ version: TaskVersion) -> String { "\(version.size)/\(version.pieceSize)" }

    /// Nil if it is not well formed or out of bounds.
    package static func layout(_ text: some StringProtocol) -> PieceLayout? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let size = number(parts[0]), let pieceSize = number(parts[1]) else { return nil }
        return PieceLayout(size: size, pieceSize: pieceSize)
    }

    /// `host:port`, or `:port` when the host is left to whoever sees the address. Nil for anything else and for port 0.
    package static func endpoint(_ text: String) -> Endpoint? {
        guard let endpoint = Endpoint(hostOptional: text), endpoint.port > 0 else { return nil }
        return endpoint
    }

    /// Digits only.
    private static func number(_ text: some StringProtocol) -> Int64? {
        text.utf8.allSatisfy { (48...57).contains($0) } ? Int64(text) : nil
    }
}

/// Percent-encoding (RFC 3986, 2.1).
package enum PercentEncoding {
    /// Everything but letters, digits and `-._~` is encoded.
    package static func encode(_ text: String) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                out.append(byte)
            default:
                out.append(UInt8(ascii: "%"))
                out.append(contentsOf: digits(of: byte))
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func digits(of byte: UInt8) -> [UInt8] {
        [byte >> 4, byte & 15].map { $0 < 10 ? 48 + $0 : 55 + $0 }
    }

    /// Nil if a `%` is not followed by two hexadecimal digits or if the result is not UTF-8. In forms and queries a `+`
    /// means a space.
    package static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String? {
        var out: [UInt8] = []
        out.reserveCapacity(text.utf8.count)
        var iterator = text.utf8.makeIterator()
        while let byte = iterator.next() {
            if byte == UInt8(ascii: "%") {
                guard let first = iterator.next(), let second = iterator.next(), let high = Hex.value(first),
                    let low = Hex.value(second)
                else { return nil }
                out.append(high << 4 | low)
            } else {
                out.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(validating: out, as: UTF8.self)
    }
}
