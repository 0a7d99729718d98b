import Crypto

/// The value of a token: `mnn_` for a personal access token or `mnj_` for a join token, 30 random letters and digits, and 6
/// that are the checksum of those, so that programs which look for leaked secrets can tell it from other text.
package enum TokenValue {
    package static let prefix = "mnn_"
    package static let joinPrefix = "mnj_"
    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
    private static let randomLength = 30
    private static let checksumLength = 6
    /// Longer texts are no tokens.
    package static let maximumLength = 512

    package static func make(prefix: String = Self.prefix) -> String {
        var generator = SystemRandomNumberGenerator()
        let random = (0..<randomLength).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
        return prefix + String(decoding: random + checksum(of: random), as: UTF8.self)
    }

    /// Whether a text has the form and the checksum of a token of ours.
    package static func isWellFormed(_ text: String) -> Bool {
        let utf8 = Array(text.utf8)
        guard text.hasPrefix(prefix) || text.hasPrefix(joinPrefix),
            utf8.count == prefix.utf8.count + randomLength + checksumLength
        else {
            return false
        }
        let body = utf8[prefix.utf8.count...]
        return checksum(of: Array(body.prefix(randomLength))) == Array(body.suffix(checksumLength))
    }

    /// What lies in the store. The values are long and random, so that a plain hash protects them; and who looks one up
    /// by its hash learns nothing from the time that takes.
    package static func hash(_ text: String) -> [UInt8] { Array(SHA256.hash(data: Array(text.utf8))) }

    private static func checksum(of bytes: [UInt8]) -> [UInt8] {
        var rest = CRC32.of(bytes)
        var out = Array(repeating: alphabet[0], count: checksumLength)
        for index in out.indices.reversed() {
            out[index] = alphabet[Int(rest % 62)]
            rest /= 62
        }
        return out
    }
}

/// The checksum of zlib, Ethernet and GitHub's tokens.
enum CRC32 {
    static func of(_ bytes: [UInt8]) -> UInt32 {
        var crc = ~UInt32(0)
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xedb8_8320 : crc >> 1 }
        }
        return ~crc
    }
}
