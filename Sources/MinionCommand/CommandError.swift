package import Node

/// An error that ends the program: one line, sometimes a line of advice, and the exit code.
package struct CommandError: Error, Hashable, Sendable {
    /// Lower case, no full stop; names the thing.
    package let message: String
    /// What to do about it, if there is something to say.
    package let hint: String?
    package let exitCode: Int32

    package init(_ message: String, hint: String? = nil, exitCode: Int32 = ExitStatus.failure) {
        self.message = message
        self.hint = hint
        self.exitCode = exitCode
    }

    /// An argument that cannot be used (exit code 2).
    package static func usage(_ message: String, hint: String? = nil) -> CommandError {
        CommandError(message, hint: hint, exitCode: ExitStatus.badArguments)
    }

    /// What a node reported, with the advice that a person at a shell can use.
    package init(_ error: DownloadError) {
        let hint: String? =
            switch error.kind {
            case .other, .badArguments: nil
            case .checksumMismatch: "the source has other bytes than the digest says"
            case .trackerUnreachable: "is 'minion serve' running there?"
            case .nameResolution: "check the host's name in the URL, and this machine's DNS"
            case .sourceUnreachable: "check the port in the URL, and whether this machine may connect there"
            }
        self.init(error.message, hint: hint, exitCode: ExitStatus.code(for: error.kind))
    }

    /// As it goes to stderr, with line ends.
    package var text: String {
        "minion: \(message.printable)\n" + (hint.map { "  hint: \($0)\n" } ?? "")
    }
}

extension String {
    /// The text in quotes, fit for one line on a terminal; what is past 200 characters is cut.
    package var quoted: String {
        "'" + String(prefix(200)).printable + (count > 200 ? "…'" : "'")
    }

    /// The text with control and format characters escaped: it ends no line and steers no terminal.
    package var printable: String {
        guard unicodeScalars.contains(where: Self.isControl) else { return self }
        var out = ""
        for scalar in unicodeScalars {
            if Self.isControl(scalar) {
                out += "\\u{" + String(scalar.value, radix: 16) + "}"
            } else {
                out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    package var hasControlCharacters: Bool { unicodeScalars.contains(where: Self.isControl) }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value >= 0x7f else { return scalar.value < 0x20 }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: return true
        default: return false
        }
    }
}
