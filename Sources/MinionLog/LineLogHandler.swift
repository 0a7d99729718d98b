package import Logging

/// Writes each event as one line, with one `write(2)`, so that lines of several threads and processes do not mix.
package struct LineLogHandler: LogHandler {
    package enum Format: String, Sendable, CaseIterable {
        /// `time=… level=info label=… msg="…" key=value …`
        case logfmt
        /// One JSON object a line, with the same fields; metadata come as strings.
        case json
    }

    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let format: Format
    private let write: @Sendable ([UInt8]) -> Void

    /// Longer values, in bytes, are cut: some come from a network.
    package static let maximumValueLength = 2048

    /// - Parameter write: takes one line with its line feed; by default it goes to the standard error stream.
    package init(
        label: String, level: Logger.Level = .info, format: Format = .logfmt,
        write: @escaping @Sendable ([UInt8]) -> Void = { StandardError.write($0) }
    ) {
        self.label = label
        self.format = format
        self.write = write
        logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let own = event.metadata { all.merge(own) { _, new in new } }
        var fields: [(String, String)] = [
            ("time", Timestamp.now().description), ("level", event.level.rawValue), ("label", label),
            ("msg", event.message.description),
        ]
        if let error = event.error { fields.append(("error", "\(error)")) }
        fields += all.sorted { $0.key < $1.key }.map { ($0.key, $0.value.description) }
        write(Self.line(of: fields, as: format))
    }

    static func line(of fields: [(String, String)], as format: Format) -> [UInt8] {
        var line: [UInt8] = []
        if format == .json { line.append(UInt8(ascii: "{")) }
        for (index, (key, value)) in fields.enumerated() {
            let value = String(decoding: value.utf8.prefix(maximumValueLength), as: UTF8.self)
            switch format {
            case .json:
                if index > 0 { line.append(UInt8(ascii: ",")) }
                appendQuoted(key, to: &line)
                line.append(UInt8(ascii: ":"))
                appendQuoted(value, to: &line)
            case .logfmt:
                if index > 0 { line.append(UInt8(ascii: " ")) }
                line.append(contentsOf: key.utf8.map { isPlain($0) ? $0 : UInt8(ascii: "_") })
                line.append(UInt8(ascii: "="))
                if !value.isEmpty, value.utf8.allSatisfy(isPlain) {
                    line.append(contentsOf: value.utf8)
                } else {
                    appendQuoted(value, to: &line)
                }
            }
        }
        if format == .json { line.append(UInt8(ascii: "}")) }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    /// Whether a character can stand in a value without quotes.
    private static func isPlain(_ c: UInt8) -> Bool {
        c > 32 && c != 127 && c != UInt8(ascii: "=") && c != UInt8(ascii: "\"") && c != UInt8(ascii: "\\")
    }

    /// A JSON string. No control character gets through, so no value can begin a line of its own.
    private static func appendQuoted(_ text: String, to line: inout [UInt8]) {
        line.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                line.append(UInt8(ascii: "\\"))
                line.append(byte)
            case UInt8(ascii: "\n"): line.append(contentsOf: #"\n"#.utf8)
            case UInt8(ascii: "\t"): line.append(contentsOf: #"\t"#.utf8)
            case 0..<32, 127:
                let hex = String(byte, radix: 16)
                line.append(contentsOf: ("\\u00" + (hex.utf8.count == 1 ? "0" : "") + hex).utf8)
            default: line.append(byte)
            }
        }
        line.append(UInt8(ascii: "\""))
    }
}
