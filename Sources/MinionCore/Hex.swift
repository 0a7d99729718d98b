/// Hexadecimal text, in lower case.
package enum Hex {
    package static func text(_ bytes: some Sequence<UInt8>) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(2 * bytes.underestimatedCount)
        for byte in bytes {
            out.append(digit(byte >> 4))
            out.append(digit(byte & 15))
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Nil if the length is odd or a character is no hexadecimal digit of either case.
    package static func bytes(_ text: String) -> [UInt8]? {
        let utf8 = Array(text.utf8)
        guard utf8.count % 2 == 0 else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(utf8.count / 2)
        for i in stride(from: 0, to: utf8.count, by: 2) {
            guard let high = value(utf8[i]), let low = value(utf8[i + 1]) else { return nil }
            out.append(high << 4 | low)
        }
        return out
    }

    /// 16 digits.
    package static func padded(_ word: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { out in
            for index in 0..<16 { out[index] = digit(UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * index)) & 15) }
            return 16
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }

    package static func isLowerDigit(_ character: UInt8) -> Bool {
        (48...57).contains(character) || (97...102).contains(character)
    }

    package static func value(_ character: UInt8) -> UInt8? {
        switch character {
        case 48...57: character - 48
        case 65...70: character - 55
        case 97...102: character - 87
        default: nil
        }
    }
}
