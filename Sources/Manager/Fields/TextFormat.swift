import MinionCore

extension TextRule.Format {
    /// Whether a text that is not empty is of this format.
    package func accepts(_ text: String) -> Bool {
        switch self {
        case .email: Self.isEmail(text)
        case .url: Self.isURL(text)
        case .ip: IPAddress(text) != nil
        case .cidr: CIDR(text) != nil
        case .regex: Pattern.isValid(text)
        case .accountName: text.utf8.allSatisfy(Self.isInAccountName)
        }
    }

    static func isInAccountName(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || "@$!%*?&._-".utf8.contains(byte) }

    /// `name@host`: one `@`, no spaces or control characters, a host that has letters or digits between its dots.
    private static func isEmail(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, (1...64).contains(parts[0].utf8.count), parts[1].utf8.count <= 253 else { return false }
        let name = parts[0]
        guard !name.hasPrefix("."), !name.hasSuffix("."), !name.contains("..") else { return false }
        let inName: (UInt8) -> Bool = { isAlphanumeric($0) || ".!#$%&'*+/=?^_`{|}~-".utf8.contains($0) || $0 >= 128 }
        guard name.utf8.allSatisfy(inName) else { return false }
        let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        return labels.allSatisfy { label in
            !label.isEmpty && label.utf8.count <= 63 && !label.hasPrefix("-") && !label.hasSuffix("-")
                && label.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 >= 128 }
        }
    }

    private static func isURL(_ text: String) -> Bool {
        guard let scheme = ["http://", "https://"].first(where: { text.lowercased().hasPrefix($0) }) else {
            return false
        }
        let rest = text.dropFirst(scheme.count)
        let host = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        return !host.isEmpty && !host.hasPrefix(":")
            && text.unicodeScalars.allSatisfy {
                $0.value > 32 && $0.value != 127 && $0 != "\"" && $0 != "<" && $0 != ">"
            }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122: true
        default: false
        }
    }
}
