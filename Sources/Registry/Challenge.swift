/// One way in that a server offers (`WWW-Authenticate`, RFC 9110).
struct Challenge: Hashable, Sendable {
    /// In lower case, as in `bearer`.
    var scheme: String
    /// Names in lower case; the first of those that repeat.
    var parameters: [String: String]

    /// Bytes of a header value, and challenges, that are looked at.
    private static let maximumLength = 8192
    private static let maximumCount = 16

    /// All challenges of these header values, in order. What is not understood is left out.
    static func parse(_ values: [String]) -> [Challenge] {
        var found: [Challenge] = []
        for value in values where value.utf8.count <= maximumLength {
            var parser = Parser(Array(value.utf8))
            while found.count < maximumCount, let challenge = parser.challenge() { found.append(challenge) }
        }
        return found
    }

    private struct Parser {
        private let bytes: [UInt8]
        private var place = 0

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        mutating func challenge() -> Challenge? {
            skip { $0 == 32 || $0 == 9 || $0 == UInt8(ascii: ",") }
            guard let scheme = token() else { return nil }
            var challenge = Challenge(scheme: scheme.lowercased(), parameters: [:])
            while true {
                let start = place
                skip { $0 == 32 || $0 == 9 || $0 == UInt8(ascii: ",") }
                guard let name = token(), skipEquals() else {
                    // The next challenge, or the end.
                    place = start
                    break
                }
                let value = quoted() ?? token() ?? ""
                // A token of 68 characters ends in more of these; it tells nothing that could be used.
                skip { $0 == UInt8(ascii: "=") }
                if challenge.parameters[name.lowercased()] == nil { challenge.parameters[name.lowercased()] = value }
            }
            return challenge
        }

        private mutating func skip(_ isSkipped: (UInt8) -> Bool) {
            while place < bytes.count, isSkipped(bytes[place]) { place += 1 }
        }

        private mutating func skipEquals() -> Bool {
            skip { $0 == 32 || $0 == 9 }
            guard place < bytes.count, bytes[place] == UInt8(ascii: "=") else { return false }
            place += 1
            skip { $0 == 32 || $0 == 9 }
            return true
        }

        private mutating func token() -> String? {
            let start = place
            skip { character in
                switch character {
                case UInt8(ascii: "\""), UInt8(ascii: ","), UInt8(ascii: "="), UInt8(ascii: ";"): false
                default: (33..<127).contains(character)
                }
            }
            return place > start ? String(decoding: bytes[start..<place], as: UTF8.self) : nil
        }

        /// Nil, with nothing read, if there is no quotation mark; what there is, if it is not closed.
        private mutating func quoted() -> String? {
            guard place < bytes.count, bytes[place] == UInt8(ascii: "\"") else { return nil }
            place += 1
            var text: [UInt8] = []
            while place < bytes.count, bytes[place] != UInt8(ascii: "\"") {
                if bytes[place] == UInt8(ascii: "\\"), place + 1 < bytes.count { place += 1 }
                text.append(bytes[place])
                place += 1
            }
            place += 1
            return String(decoding: text, as: UTF8.self)
        }
    }
}
