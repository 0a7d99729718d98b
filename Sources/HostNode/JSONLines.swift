import FoundationEssentials

/// JSON values, one a line.
package enum JSONLines {
    /// The longest line that is accepted.
    package static let maximumLength = 4 << 20

    package static func encode(_ value: some Encodable) throws -> [UInt8] {
        var line = Array(try JSONEncoder().encode(value))
        line.append(UInt8(ascii: "\n"))
        return line
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from line: some Sequence<UInt8>) throws -> Value {
        try JSONDecoder().decode(type, from: Data(line))
    }
}

/// Cuts a stream of bytes into lines.
package struct LineSplitter: Sendable {
    private var pending: [UInt8] = []

    package init() {}

    /// The lines that are complete with these bytes, without their ends. Nil if a line is longer than allowed.
    package mutating func add(_ bytes: some Collection<UInt8>) -> [[UInt8]]? {
        pending.append(contentsOf: bytes)
        var lines: [[UInt8]] = []
        var start = 0
        while let end = pending[start...].firstIndex(of: UInt8(ascii: "\n")) {
            lines.append(Array(pending[start..<end]))
            start = end + 1
        }
        pending.removeFirst(start)
        return pending.count <= JSONLines.maximumLength ? lines : nil
    }
}
