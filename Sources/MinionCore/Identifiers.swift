/// The name of a task: 32 bytes, written as 64 lower-case hexadecimal digits.
package struct TaskID: Hashable, Sendable, CustomStringConvertible {
    package let hex: String

    /// Nil unless `hex` is exactly 64 lower-case hexadecimal digits.
    package init?(hex: String) {
        guard hex.utf8.count == 64, hex.utf8.allSatisfy(Hex.isLowerDigit) else { return nil }
        self.hex = hex
    }

    package init(hash: PieceHash) { hex = hash.hex }

    package var description: String { hex }
}

/// The name of one node's part in one task, drawn at random by that node; written as 16 hexadecimal digits.
package struct PeerID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let value: UInt64

    package init(_ value: UInt64) { self.value = value }

    /// Nil unless `hex` is exactly 16 lower-case hexadecimal digits.
    package init?(hex: String) {
        guard hex.utf8.count == 16, hex.utf8.allSatisfy(Hex.isLowerDigit), let value = UInt64(hex, radix: 16) else {
            return nil
        }
        self.value = value
    }

    package var hex: String { Hex.padded(value) }
    package var description: String { hex }
    package static func < (a: PeerID, b: PeerID) -> Bool { a.value < b.value }
}

/// The SHA-256 of a piece, or of anything else that is named by one.
package struct PieceHash: Hashable, Sendable, CustomStringConvertible {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// Nil unless there are exactly 32 bytes.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 32 else { return nil }
        var parts: [UInt64] = [0, 0, 0, 0]
        for (i, byte) in bytes.enumerated() { parts[i >> 3] = parts[i >> 3] << 8 | UInt64(byte) }
        words = (parts[0], parts[1], parts[2], parts[3])
    }

    package init?(hex: String) {
        guard let bytes = Hex.bytes(hex) else { return nil }
        self.init(bytes: bytes)
    }

    package var bytes: [UInt8] {
        [words.0, words.1, words.2, words.3].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - $0 * 8)) }
        }
    }

    package var hex: String { Hex.padded(words.0) + Hex.padded(words.1) + Hex.padded(words.2) + Hex.padded(words.3) }
    package var description: String { hex }

    package static func == (a: PieceHash, b: PieceHash) -> Bool { a.words == b.words }

    package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}

extension TaskID: Codable {
    package init(from decoder: any Decoder) throws { self = try decodeText(decoder, "a task id", TaskID.init(hex:)) }
    package func encode(to encoder: any Encoder) throws { try encodeText(hex, encoder) }
}

extension PeerID: Codable {
    package init(from decoder: any Decoder) throws { self = try decodeText(decoder, "a peer id", PeerID.init(hex:)) }
    package func encode(to encoder: any Encoder) throws { try encodeText(hex, encoder) }
}

extension PieceHash: Codable {
    package init(from decoder: any Decoder) throws { self = try decodeText(decoder, "a SHA-256", PieceHash.init(hex:)) }
    package func encode(to encoder: any Encoder) throws { try encodeText(hex, encoder) }
}

/// Reads a value that is written as one string.
package func decodeText<Value>(_ decoder: any Decoder, _ what: String, _ parse: (String) -> Value?) throws -> Value {
    let container = try decoder.singleValueContainer()
    guard let value = parse(try container.decode(String.self)) else {
        throw DecodingError.dataCorruptedError(in: container, debugDescription: "not \(what)")
    }
    return value
}

package func encodeText(_ text: String, _ encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
}
