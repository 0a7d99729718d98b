/// An IPv4 address, which is all that the first Minion's protocol knows.
package struct IPv4Address: Hashable, Sendable, CustomStringConvertible {
    /// In host byte order: `127.0.0.1` is 0x7F000001.
    package let value: UInt32

    package init(_ value: UInt32) { self.value = value }

    /// Reads four decimal numbers from 0 to 255, without leading zeros, which some read as octal.
    package init?(_ text: some StringProtocol) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0"),
                part.allSatisfy({ (48...57).contains($0) })
            else { return nil }
            let number = part.reduce(UInt32(0)) { $0 * 10 + UInt32($1 - 48) }
            guard number <= 255 else { return nil }
            value = value << 8 | number
        }
        self.value = value
    }

    package var description: String {
        "\(value >> 24).\(value >> 16 & 255).\(value >> 8 & 255).\(value & 255)"
    }
}
