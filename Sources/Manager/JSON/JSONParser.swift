import MinionCore

/// Why a text is not JSON that the manager takes.
package struct JSONError: Error, Hashable, Sendable {
    /// One line, in lower case.
    package var message: String

    package init(message: String) { self.message = message }
}

/// Reads JSON (RFC 8259) strictly: UTF-8 only, no NUL in strings, no lone surrogates, numbers within 64 bits or finite
/// doubles, nesting up to a depth.
package struct JSONParser {
    /// Arrays and objects inside each other, at most.
    package static let depth = 32

    private let bytes: UnsafeRawBufferPointer
    private var place = 0

    private init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Reads one value that fills `bytes`, but for white space around it.
    package static func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> JSONValue {
        var parser = JSONParser(bytes)
        parser.skipSpace()
        guard parser.place < bytes.count else { throw JSONError(message: "EOF") }
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.place == bytes.count else { throw parser.unexpected("after the value") }
        return value
    }

    /// Reads what a text holds.
    package static func parse(_ text: String) throws(JSONError) -> JSONValue {
        let result = Array(text.utf8).withUnsafeBytes { bytes in
            Result { () throws(JSONError) in try parse(bytes) }
        }
        return try result.get()
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard depth <= Self.depth else { throw JSONError(message: "json: nested deeper than \(Self.depth) levels") }
        guard place < bytes.count else { throw JSONError(message: "unexpected EOF") }
        switch bytes[place] {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default:
            if follows("true") { return .bool(true) }
            if follows("false") { return .bool(false) }
            if follows("null") { return .null }
            throw unexpected("looking for beginning of value")
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
        place += 1
        skipSpace()
        if skip(UInt8(ascii: "}")) { return JSONObject() }
        var members: [JSONObject.Member] = []
        while true {
            skipSpace()
            guard place < bytes.count else { throw JSONError(message: "unexpected EOF") }
            guard bytes[place] == UInt8(ascii: "\"") else { throw unexpected("looking for a member's name") }
            let key = try string()
            skipSpace()
            guard skip(UInt8(ascii: ":")) else { throw unexpected("after a member's name") }
            skipSpace()
            members.append(JSONObject.Member(key, try value(depth: depth + 1)))
            skipSpace()
            if skip(UInt8(ascii: ",")) { continue }
            guard skip(UInt8(ascii: "}")) else { throw unexpected("after a member") }
            return JSONObject(members)
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
        place += 1
        skipSpace()
        if skip(UInt8(ascii: "]")) { return [] }
        var elements: [JSONValue] = []
        while true {
            skipSpace()
            elements.append(try value(depth: depth + 1))
            skipSpace()
            if skip(UInt8(ascii: ",")) { continue }
            guard skip(UInt8(ascii: "]")) else { throw unexpected("after an element") }
            return elements
        }
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = place
        var isWhole = true
        _ = skip(UInt8(ascii: "-"))
        guard let first = digit else { throw unexpected("in a number") }
        if first == 0 { place += 1 } else { skipDigits() }
        if skip(UInt8(ascii: ".")) {
            isWhole = false
            guard digit != nil else { throw unexpected("in a number") }
            skipDigits()
        }
        if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
            isWhole = false
            if !skip(UInt8(ascii: "+")) { _ = skip(UInt8(ascii: "-")) }
            guard digit != nil else { throw unexpected("in a number") }
            skipDigits()
        }
        let text = String(decoding: bytes[start..<place], as: UTF8.self)
        if isWhole, let integer = Int64(text) { return .integer(integer) }
        guard let double = Double(text), double.isFinite else {
            throw JSONError(message: "json: number \(text.prefix(40)) is out of range")
        }
        return .number(double)
    }

    private mutating func string() throws(JSONError) -> String {
        place += 1
        let start = place
        while place < bytes.count, bytes[place] != UInt8(ascii: "\""), bytes[place] != UInt8(ascii: "\\"),
            bytes[place] >= 32
        { place += 1 }
        if place < bytes.count, bytes[place] == UInt8(ascii: "\"") {
            // The usual case: no escapes.
            guard let text = String(validating: bytes[start..<place], as: UTF8.self) else { throw Self.notUTF8 }
            place += 1
            return text
        }
        return try stringWithEscapes(from: start)
    }

    private mutating func stringWithEscapes(from start: Int) throws(JSONError) -> String {
        var out = Array(bytes[start..<place])
        while place < bytes.count {
            let byte = bytes[place]
            place += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: out, as: UTF8.self) else { throw Self.notUTF8 }
                return text
            case UInt8(ascii: "\\"): try escape(into: &out)
            case 0..<32: throw JSONError(message: "json: control character in a string")
            default: out.append(byte)
            }
        }
        throw JSONError(message: "unexpected EOF")
    }

    private mutating func escape(into out: inout [UInt8]) throws(JSONError) {
        guard place < bytes.count else { throw JSONError(message: "unexpected EOF") }
        let byte = bytes[place]
        place += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
        case UInt8(ascii: "b"): out.append(8)
        case UInt8(ascii: "f"): out.append(12)
        case UInt8(ascii: "n"): out.append(10)
        case UInt8(ascii: "r"): out.append(13)
        case UInt8(ascii: "t"): out.append(9)
        case UInt8(ascii: "u"): out.append(contentsOf: try scalar().utf8)
        default: throw JSONError(message: "json: unknown escape in a string")
        }
    }

    /// What follows `\u`, with the second half of a surrogate pair.
    private mutating func scalar() throws(JSONError) -> Character {
        var code = UInt32(try unit())
        if (0xd800..<0xdc00).contains(code) {
            guard skip(UInt8(ascii: "\\")), skip(UInt8(ascii: "u")) else {
                throw JSONError(message: "json: half of a surrogate pair in a string")
            }
            let low = UInt32(try unit())
            guard (0xdc00..<0xe000).contains(low) else {
                throw JSONError(message: "json: half of a surrogate pair in a string")
            }
            code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
        }
        guard code != 0 else { throw JSONError(message: "json: NUL in a string") }
        guard let scalar = Unicode.Scalar(code) else {
            throw JSONError(message: "json: half of a surrogate pair in a string")
        }
        return Character(scalar)
    }

    private mutating func unit() throws(JSONError) -> UInt16 {
        guard place + 4 <= bytes.count else { throw JSONError(message: "unexpected EOF") }
        var code: UInt16 = 0
        for _ in 0..<4 {
            guard let value = Hex.value(bytes[place]) else { throw unexpected("in \\u escape") }
            code = code << 4 | UInt16(value)
            place += 1
        }
        return code
    }

    private static var notUTF8: JSONError { JSONError(message: "json: a string is not UTF-8") }

    // MARK: Bytes

    private var digit: UInt8? {
        guard place < bytes.count, (48...57).contains(bytes[place]) else { return nil }
        return bytes[place] - 48
    }

    private mutating func skipDigits() { while digit != nil { place += 1 } }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard place < bytes.count, bytes[place] == byte else { return false }
        place += 1
        return true
    }

    private mutating func skipSpace() {
        while place < bytes.count, Self.isSpace(bytes[place]) { place += 1 }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte == 10 || byte == 13 || byte == 9 }

    private mutating func follows(_ word: StaticString) -> Bool {
        let length = word.utf8CodeUnitCount
        guard place + length <= bytes.count else { return false }
        for index in 0..<length where bytes[place + index] != word.utf8Start[index] { return false }
        place += length
        return true
    }

    private func unexpected(_ place: String) -> JSONError {
        guard self.place < bytes.count else { return JSONError(message: "unexpected EOF") }
        let byte = bytes[self.place]
        let name = (33..<127).contains(byte) ? "'\(Character(Unicode.Scalar(byte)))'" : "byte \(byte)"
        return JSONError(message: "invalid character \(name) \(place)")
    }
}
