import FoundationEssentials
package import Node

/// What `minion get` tells the node that it starts: one JSON line on the node's stdin. The pipe stays open as long as the
/// user is there.
package struct NodeOrder: Codable, Sendable {
    package var request: DownloadRequest
    /// How long to serve on after the file is complete.
    package var uploadSeconds: Double
    /// Whether the file is removed when serving ends.
    package var deletesFile: Bool
    /// A folder of its own for the file, if the bytes go to stdout: removed with all that is in it, but not before the
    /// one who reads from it is gone.
    package var scratchFolder: String?
    /// 0…2, see `--verbose`.
    package var verbosity: Int
    /// Whether stderr is a log file; otherwise log lines travel with the updates.
    package var logsToStandardError: Bool

    package init(
        request: DownloadRequest, uploadSeconds: Double, deletesFile: Bool, scratchFolder: String? = nil,
        verbosity: Int = 0, logsToStandardError: Bool = false
    ) {
        self.request = request
        self.uploadSeconds = uploadSeconds
        self.deletesFile = deletesFile
        self.scratchFolder = scratchFolder
        self.verbosity = verbosity
        self.logsToStandardError = logsToStandardError
    }
}

/// One JSON line from the node to `minion get`.
package enum NodeMessage: Codable, Sendable {
    case update(DownloadUpdate)
    /// A line of the log.
    case log(String)
}

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
