import MinionCore

/// The file of a long-running node's settings: a part of TOML that any TOML reader understands, too.
///
/// A line is empty, a comment (`#`), or `key = value`. A value is a string in quotes, a number, `true` or `false`, or an
/// array of strings, which may go over several lines. Keys have letters, digits, `-` and `_`. There are no tables.
package struct SettingsFile: Sendable {
    /// The largest file that is read, in bytes.
    package static let maximumSize = 1 << 20

    package enum Value: Hashable, Sendable {
        /// A string, a number or a truth value, as text.
        case scalar(String)
        case list([String])
    }

    package struct Entry: Hashable, Sendable {
        package var value: Value
        /// Counted from 1.
        package var line: Int
    }

    /// What is wrong with a file, and in which line.
    package struct Fault: Error, Hashable, Sendable {
        package var line: Int
        package var message: String
    }

    package private(set) var entries: [String: Entry] = [:]

    /// `known` are the keys that may be there; another one is refused, and the nearest known one named.
    package init(_ text: String, known: [String]) throws(Fault) {
        var reader = SettingsReader(text)
        while try reader.skipToNextEntry() {
            let line = reader.line
            let key = try reader.key()
            guard known.contains(key) else {
                let nearest = Spelling.nearest(to: key, among: known).map { "; did you mean \($0)?" } ?? ""
                throw Fault(line: line, message: "there is no setting \(key.quoted)\(nearest)")
            }
            if let other = entries[key] {
                throw Fault(line: line, message: "\(key) was set in line \(other.line) already")
            }
            entries[key] = Entry(value: try reader.value(), line: line)
            try reader.endOfEntry()
        }
    }
}

/// Reads a settings file from front to back.
private struct SettingsReader {
    private var rest: Substring.UnicodeScalarView
    private(set) var line = 1

    init(_ text: String) {
        // Some editors begin a file with a byte order mark.
        rest = text[...].unicodeScalars
        if rest.first == "\u{FEFF}" { rest.removeFirst() }
    }

    private func fault(_ message: String) -> SettingsFile.Fault { SettingsFile.Fault(line: line, message: message) }

    private mutating func next() -> Unicode.Scalar? {
        guard let scalar = rest.popFirst() else { return nil }
        if scalar == "\n" { line += 1 }
        return scalar
    }

    private mutating func skipSpaces() {
        while rest.first == " " || rest.first == "\t" { rest.removeFirst() }
    }

    private mutating func skipComment() {
        if rest.first == "#" { rest = rest.drop { $0 != "\n" } }
    }

    /// Skips spaces, comments and line ends.
    private mutating func skipBlank() throws(SettingsFile.Fault) {
        while true {
            skipSpaces()
            skipComment()
            if rest.starts(with: "\r\n".unicodeScalars) { rest.removeFirst() }
            guard rest.first == "\n" else { return }
            _ = next()
        }
    }

    /// False at the end of the file.
    mutating func skipToNextEntry() throws(SettingsFile.Fault) -> Bool {
        try skipBlank()
        return !rest.isEmpty
    }

    mutating func key() throws(SettingsFile.Fault) -> String {
        guard rest.first != "[" else { throw fault("a settings file has no tables such as [name]") }
        let name = rest.prefix { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
                || scalar == "-" || scalar == "_"
        }
        guard !name.isEmpty else { throw fault("a line is 'key = value' or a comment") }
        rest = rest[name.endIndex...]
        skipSpaces()
        guard rest.first == "=" else { throw fault("after the key \(String(name)) comes '='") }
        rest.removeFirst()
        skipSpaces()
        return String(name)
    }

    mutating func value() throws(SettingsFile.Fault) -> SettingsFile.Value {
        guard rest.first == "[" else { return .scalar(try scalar()) }
        rest.removeFirst()
        var list: [String] = []
        while true {
            try skipBlank()
            guard let first = rest.first else { throw fault("the array has no end; ']' is missing") }
            if first == "]" { break }
            list.append(try scalar())
            try skipBlank()
            if rest.first == "," {
                rest.removeFirst()
            } else if !rest.isEmpty, rest.first != "]" {
                throw fault("between the values of an array there are commas")
            }
        }
        rest.removeFirst()
        return .list(list)
    }

    mutating func endOfEntry() throws(SettingsFile.Fault) {
        skipSpaces()
        skipComment()
        if rest.starts(with: "\r\n".unicodeScalars) { rest.removeFirst() }
        guard let end = next() else { return }
        guard end == "\n" else { throw fault("after the value the line ends") }
    }

    private mutating func scalar() throws(SettingsFile.Fault) -> String {
        switch rest.first {
        case "\"": return try basicString()
        case "'": return try literalString()
        default: break
        }
        let word = rest.prefix { !" \t\r\n,]#".unicodeScalars.contains($0) }
        guard !word.isEmpty else { throw fault("the value is missing") }
        let text = String(word)
        let digits = text.replacing("_", with: "")
        guard text == "true" || text == "false" || Double(digits) != nil && text.first?.isLetter == false else {
            throw fault("the value \(text.quoted) is neither a number, true nor false; put text into quotes")
        }
        rest = rest[word.endIndex...]
        return text == digits ? text : digits
    }

    private mutating func literalString() throws(SettingsFile.Fault) -> String {
        rest.removeFirst()
        let text = rest.prefix { $0 != "'" && $0 != "\n" }
        rest = rest[text.endIndex...]
        guard rest.first == "'" else { throw fault("the text has no end; ' is missing") }
        rest.removeFirst()
        return String(text)
    }

    private mutating func basicString() throws(SettingsFile.Fault) -> String {
        rest.removeFirst()
        var text = String.UnicodeScalarView()
        while let scalar = rest.first, scalar != "\n" {
            rest.removeFirst()
            switch scalar {
            case "\"": return String(text)
            case "\\": text.append(try escape())
            default: text.append(scalar)
            }
        }
        throw fault("the text has no end; \" is missing")
    }

    private mutating func escape() throws(SettingsFile.Fault) -> Unicode.Scalar {
        let names: [Unicode.Scalar: Unicode.Scalar] = [
            "b": "\u{8}", "t": "\t", "n": "\n", "f": "\u{C}", "r": "\r", "\"": "\"", "\\": "\\",
        ]
        guard let scalar = rest.popFirst() else { throw fault("the text has no end; \" is missing") }
        if let named = names[scalar] { return named }
        guard scalar == "u" || scalar == "U" else {
            throw fault("there is no escape \\\(scalar); a backslash is written \\\\")
        }
        let digits = rest.prefix(scalar == "u" ? 4 : 8)
        guard digits.count == (scalar == "u" ? 4 : 8), digits.allSatisfy(\.properties.isASCIIHexDigit),
            let value = UInt32(String(digits), radix: 16), let result = Unicode.Scalar(value)
        else { throw fault("after \\\(scalar) comes a character's number") }
        rest = rest[digits.endIndex...]
        return result
    }
}
