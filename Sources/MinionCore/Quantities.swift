/// A number of bytes, as people write it.
package struct ByteSize: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let bytes: Int64

    package init(_ bytes: Int64) { self.bytes = bytes }

    /// Reads `4096`, `512K`, `1.5G`, `10MiB`, `10MB`. K, M, G and T (in either case, alone or with `iB`) are powers of
    /// 1,024; with `B` (`KB`, `MB` …) powers of 1,000. Nil for anything else: negative, empty, not finite, over 2^50.
    package init?(_ text: String) {
        guard let (number, unit) = Quantity.split(text), let factor = Self.factor(unit) else { return nil }
        let value = number * factor
        guard value <= Double(PieceLayout.maximumSize) else { return nil }
        bytes = Int64(value)
    }

    fileprivate static func factor(_ unit: String) -> Double? {
        switch unit.lowercased() {
        case "", "b": 1
        case "k", "kib": 1024
        case "m", "mib": 1_048_576
        case "g", "gib": 1_073_741_824
        case "t", "tib": 1_099_511_627_776
        case "kb": 1e3
        case "mb": 1e6
        case "gb": 1e9
        case "tb": 1e12
        default: nil
        }
    }

    /// Three significant digits: `812 B`, `1.50 MiB`, `12.3 GiB`.
    package var description: String {
        Quantity.text(Double(bytes), steps: ["B", "KiB", "MiB", "GiB", "TiB", "PiB"], base: 1024)
    }

    package static func < (a: ByteSize, b: ByteSize) -> Bool { a.bytes < b.bytes }
}

/// Bytes per second.
package struct ByteRate: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let bytesPerSecond: Double

    package init(bytesPerSecond: Double) { self.bytesPerSecond = bytesPerSecond }

    /// Reads `10M`, `512K`, `1.5G`, `10MB/s` (bytes) and `80mbit`, `1gbit`, `2.5Gbit/s` (bits, powers of 1,000). Nil for
    /// anything else, for less than one byte a second and for more than 2^50.
    package init?(_ text: String) {
        var text = text
        if text.hasSuffix("/s") { text.removeLast(2) }
        guard let (number, unit) = Quantity.split(text) else { return nil }
        let factor: Double? =
            switch unit.lowercased() {
            case "bit": 1 / 8.0
            case "kbit": 1e3 / 8
            case "mbit": 1e6 / 8
            case "gbit": 1e9 / 8
            case "tbit": 1e12 / 8
            default: ByteSize.factor(unit)
            }
        guard let factor, (1...Double(PieceLayout.maximumSize)).contains(number * factor) else { return nil }
        bytesPerSecond = number * factor
    }

    /// Three significant digits: `11.9 MiB/s`.
    package var description: String {
        Quantity.text(bytesPerSecond, steps: ["B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s"], base: 1024)
    }

    package static func < (a: ByteRate, b: ByteRate) -> Bool { a.bytesPerSecond < b.bytesPerSecond }
}

enum Quantity {
    /// A plain decimal number (no sign, no exponent) and the letters behind it.
    static func split(_ text: String) -> (Double, String)? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard digits.contains(where: \.isNumber), digits.count <= 20, let number = Double(digits), number.isFinite
        else {
            return nil
        }
        return (number, String(text.dropFirst(digits.count)))
    }

    static func text(_ value: Double, steps: [String], base: Double) -> String {
        var value = value
        var step = 0
        while value >= 999.5, step < steps.count - 1 {
            value /= base
            step += 1
        }
        let decimals = step == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
        return fixed(value, decimals) + " " + steps[step]
    }

    static func fixed(_ value: Double, _ decimals: Int) -> String {
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = Int64((value * scale).rounded())
        guard decimals > 0 else { return String(scaled) }
        let fraction = String(scaled % Int64(scale))
        return "\(scaled / Int64(scale))." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }
}

extension Duration {
    /// `0.42 s`, `12.3 s`, `4:05`, `3:20:11`.
    package var brief: String {
        let seconds = inSeconds
        if seconds < 9.995 { return Quantity.fixed(seconds, 2) + " s" }
        if seconds < 59.95 { return Quantity.fixed(seconds, 1) + " s" }
        let whole = Int64(seconds.rounded())
        let two = { (n: Int64) in n < 10 ? "0\(n)" : "\(n)" }
        let (h, m, s) = (whole / 3600, whole / 60 % 60, whole % 60)
        return h > 0 ? "\(h):\(two(m)):\(two(s))" : "\(m):\(two(s))"
    }
}
