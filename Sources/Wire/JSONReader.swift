import MinionCore

/// Reads JSON of the plain kind that programs write, straight from bytes. It is a short cut beside the general decoder,
/// which does far more than these few messages need: whatever is unusual – an escape for a letter, a field twice, a
/// mistake – makes it give up, and the general decoder decides. So it never has to explain anything, and accepts nothing
/// that the other refuses.
struct JSONReader {
    /// This is for the general decoder.
    struct Unusual: Error {}

    private let bytes: UnsafeRawBufferPointer
    private var place = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    // MARK: Structure

    /// Reads an object. `field` gets each name, which has no escapes, and reads its value.
    mutating func object(
        _ field: (inout JSONReader, UnsafeRawBufferPointer) throws(Unusual) -> Void
    ) throws(Unusual) {
        try expect(UInt8(ascii: "{"))
        if skip(UInt8(ascii: "}")) { return }
        repeat {
            let name = try plainText()
            try expect(UInt8(ascii: ":"))
            try field(&self, name)
        } while skip(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"))
    }

    /// Reads a list of up to `limit` elements.
    mutating func list<Element>(
        limit: Int, _ element: (inout JSONReader) throws(Unusual) -> Element
    ) throws(Unusual) -> [Element] {
        try expect(UInt8(ascii: "["))
        var list: [Element] = []
        if skip(UInt8(ascii: "]")) { return list }
        repeat {
            guard list.count < limit else { throw Unusual() }
            list.append(try element(&self))
        } while skip(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"))
        return list
    }

    /// Nothing may follow.
    mutating func end() throws(Unusual) {
        skipSpace()
        guard place == bytes.count else { throw Unusual() }
    }

    // MARK: Values

    mutating func flag() throws(Unusual) -> Bool {
        skipSpace()
        if follows("true") { return true }
        if follows("false") { return false }
        throw Unusual()
    }

    mutating func integer<Number: FixedWidthInteger & SignedInteger>(_ type: Number.Type) throws(Unusual) -> Number {
        guard let number = wholeNumber(try number()).flatMap({ Number(exactly: $0) }) else { throw Unusual() }
        return number
    }

    mutating func double() throws(Unusual) -> Double {
        let digits = try number()
        if let whole = wholeNumber(digits) { return Double(whole) }
        guard isNumber(digits), let value = Double(String(decoding: digits, as: UTF8.self)), value.isFinite else {
            throw Unusual()
        }
        return value
    }

    mutating func text() throws(Unusual) -> String {
        let start = try openText()
        var isEscaped = false
        while place < bytes.count, bytes[place] != UInt8(ascii: "\"") {
            guard bytes[place] >= 32 else { throw Unusual() }
            if bytes[place] == UInt8(ascii: "\\") {
                isEscaped = true
                place += 1
            }
            place += 1
        }
        guard place < bytes.count else { throw Unusual() }
        let raw = UnsafeRawBufferPointer(rebasing: bytes[start..<place])
        place += 1
        let text = isEscaped ? try Self.unescaped(raw) : String(validating: raw, as: UTF8.self)
        guard let text else { throw Unusual() }
        return text
    }

    /// The bytes of a text without escapes.
    mutating func plainText() throws(Unusual) -> UnsafeRawBufferPointer {
        let start = try openText()
        while place < bytes.count, bytes[place] != UInt8(ascii: "\"") {
            guard (32..<127).contains(bytes[place]), bytes[place] != UInt8(ascii: "\\") else { throw Unusual() }
            place += 1
        }
        guard place < bytes.count else { throw Unusual() }
        defer { place += 1 }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<place])
    }

    // MARK: Bytes

    private mutating func openText() throws(Unusual) -> Int {
        try expect(UInt8(ascii: "\""))
        return place
    }

    private static func unescaped(_ raw: UnsafeRawBufferPointer) throws(Unusual) -> String? {
        var out: [UInt8] = []
        out.reserveCapacity(raw.count)
        var iterator = raw.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "\\") else {
                out.append(byte)
                continue
            }
            switch iterator.next() {
            case UInt8(ascii: "\""): out.append(UInt8(ascii: "\""))
            case UInt8(ascii: "\\"): out.append(UInt8(ascii: "\\"))
            case UInt8(ascii: "/"): out.append(UInt8(ascii: "/"))
            default: throw Unusual()
            }
        }
        return String(validating: out, as: UTF8.self)
    }

    /// The characters of a number, as far as they could belong to one.
    private mutating func number() throws(Unusual) -> UnsafeRawBufferPointer {
        skipSpace()
        let start = place
        while place < bytes.count {
            switch bytes[place] {
            case 48...57, UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
                place += 1
                continue
            default: break
            }
            break
        }
        guard place > start else { throw Unusual() }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<place])
    }

    /// Nil unless there are 1 to 15 digits, the first of them not 0 if there are more.
    private func wholeNumber(_ digits: UnsafeRawBufferPointer) -> Int64? {
        guard (1...15).contains(digits.count), digits[0] != UInt8(ascii: "0") || digits.count == 1 else { return nil }
        var value: Int64 = 0
        for digit in digits {
            guard (48...57).contains(digit) else { return nil }
            value = value * 10 + Int64(digit - 48)
        }
        return value
    }

    /// Whether these are digits, a point and digits: all that JSON writes without an exponent or a sign.
    private func isNumber(_ digits: UnsafeRawBufferPointer) -> Bool {
        guard let point = digits.firstIndex(of: UInt8(ascii: ".")), point > 0, point + 1 < digits.count,
            point == 1 || digits[0] != UInt8(ascii: "0")
        else { return false }
        return digits.indices.allSatisfy { $0 == point || (48...57).contains(digits[$0]) }
    }

    private mutating func follows(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard bytes.count - place >= count else { return false }
        for index in 0..<count where bytes[place + index] != word.utf8Start[index] { return false }
        place += count
        return true
    }

    private mutating func skipSpace() {
        while place < bytes.count {
            switch bytes[place] {
            case 32, 9, 10, 13: place += 1
            default: return
            }
        }
    }

    private mutating func skip(_ byte: UInt8) -> Bool {
        skipSpace()
        guard place < bytes.count, bytes[place] == byte else { return false }
        place += 1
        return true
    }

    private mutating func expect(_ byte: UInt8) throws(Unusual) {
        guard skip(byte) else { throw Unusual() }
    }
}
