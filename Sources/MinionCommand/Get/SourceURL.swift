import FoundationEssentials
import MinionCore

/// The URL that a user gives, checked and split: `http` or `https`, or `minion:NAME` for what another machine shares.
package struct SourceURL: Hashable, Sendable {
    /// The longest URL that is accepted, in bytes.
    package static let maximumLength = 32 << 10

    /// The URL as it is requested: without user and password and without fragment; bytes that no URL may have are
    /// percent-encoded.
    package let text: String
    /// The value of an `Authorization` header, from `user:password@` in the URL.
    package let authorization: String?
    /// The last segment of the path as it stands in the URL; empty if the path ends in a slash.
    package let lastSegment: String
    /// Whether it has no source, but somebody who shares it.
    package let isShared: Bool

    /// What a shared name begins with.
    package static let sharedScheme = "minion:"
    /// The longest shared name, in bytes.
    package static let maximumNameLength = 1000

    package init(_ url: String) throws(CommandError) {
        guard !url.isEmpty else { throw .usage("the URL is empty") }
        guard url.utf8.count <= Self.maximumLength else {
            throw .usage("the URL has \(url.utf8.count) bytes; \(Self.maximumLength) are the limit")
        }
        guard !url.unicodeScalars.contains(where: { $0.properties.isWhitespace || $0.value < 0x20 || $0.value == 0x7f })
        else {
            throw .usage("the URL \(url.quoted) has spaces or control characters", hint: "write a space as %20")
        }
        if url.hasPrefix(Self.sharedScheme), !url.hasPrefix(Self.sharedScheme + "//") {
            try self.init(sharedName: String(url.dropFirst(Self.sharedScheme.count)))
            return
        }
        guard let separator = url.firstRange(of: "://") else {
            throw .usage("the URL \(url.quoted) has no scheme", hint: "it starts with http://, https:// or minion:")
        }
        let scheme = url[..<separator.lowerBound].lowercased()
        guard scheme == "http" || scheme == "https" else {
            throw .usage("the scheme \(scheme.quoted) of \(url.quoted) is not supported", hint: "http and https are")
        }
        let rest = url[separator.upperBound...].prefix { $0 != "#" }
        let pathStart = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        var authority = rest[..<pathStart]
        let authorization: String?
        if let at = authority.lastIndex(of: "@") {
            let user = Percent.decoded(authority[..<at])
            authorization = "Basic " + Data(user).base64EncodedString()
            authority = authority[authority.index(after: at)...]
        } else {
            authorization = nil
        }
        try Self.check(authority: String(authority), of: url)

        let path = rest[pathStart...]
        let hierarchical = path.prefix { $0 != "?" }
        self.init(
            text: scheme + "://" + authority + (path.first == "/" ? "" : "/") + Percent.encodingUnsafe(path),
            authorization: authorization,
            lastSegment: hierarchical.lastIndex(of: "/").map { String(hierarchical[hierarchical.index(after: $0)...]) }
                ?? "",
            isShared: false)
    }

    /// The name under which a file without a source is shared: no spaces, `?` or `#`, at most 1,000 bytes.
    package init(sharedName name: String) throws(CommandError) {
        guard !name.isEmpty, name.utf8.count <= Self.maximumNameLength, !name.hasControlCharacters,
            !name.contains(where: { $0.isWhitespace || $0 == "?" || $0 == "#" })
        else {
            throw .usage(
                "the name \(name.quoted) cannot be shared",
                hint: "give 1 to \(Self.maximumNameLength) bytes without spaces, ? and #")
        }
        self.init(
            text: Self.sharedScheme + name, authorization: nil,
            lastSegment: name.lastIndex(of: "/").map { String(name[name.index(after: $0)...]) } ?? name, isShared: true)
    }

    private init(text: String, authorization: String?, lastSegment: String, isShared: Bool) {
        self.text = text
        self.authorization = authorization
        self.lastSegment = lastSegment
        self.isShared = isShared
    }

    private static func check(authority: String, of url: String) throws(CommandError) {
        guard authority.utf8.allSatisfy({ $0 < 128 }) else {
            throw .usage(
                "the host in \(url.quoted) has characters outside ASCII", hint: "write it in its xn-- form")
        }
        let isBareIPv6 = !authority.hasPrefix("[") && authority.count(where: { $0 == ":" }) > 1
        guard !isBareIPv6, let endpoint = Endpoint(authority, defaultPort: 80), endpoint.port > 0 else {
            throw .usage(
                "the host or port in \(url.quoted) cannot be read", hint: "it is host, host:port or [IPv6]:port")
        }
    }

    /// The name that a file downloaded from this URL gets when only a folder is given: the decoded last segment,
    /// `index.html` if there is none. A segment that would lead elsewhere or could not be shown is refused.
    package func fileName() throws(CommandError) -> String {
        guard !lastSegment.isEmpty else { return "index.html" }
        let decoded = isShared ? nil : String(validating: Percent.decoded(lastSegment[...]), as: UTF8.self)
        let name = decoded ?? lastSegment
        guard name != ".", name != "..", !name.contains("/"), !name.hasControlCharacters, name.utf8.count <= 255 else {
            throw .usage(
                "the last part of the URL, \(lastSegment.quoted), is no usable file name", hint: "give one with -o FILE"
            )
        }
        return name
    }
}

/// Percent-encoding of URLs (RFC 3986, 2.1).
enum Percent {
    /// The bytes that `text` stands for; a `%` without two digits stands for itself.
    static func decoded(_ text: Substring) -> [UInt8] {
        var out: [UInt8] = []
        var bytes = Array(text.utf8)[...]
        while let byte = bytes.popFirst() {
            if byte == UInt8(ascii: "%"), let high = bytes.first.flatMap(Hex.value),
                let low = bytes.dropFirst().first.flatMap(Hex.value)
            {
                out.append(high << 4 | low)
                bytes.removeFirst(2)
            } else {
                out.append(byte)
            }
        }
        return out
    }

    /// Encodes the bytes that a URL may not have, and no others: what is already encoded stays as it is.
    static func encodingUnsafe(_ text: Substring) -> String {
        guard text.utf8.contains(where: isUnsafe) else { return String(text) }
        var out = ""
        for byte in text.utf8 {
            if isUnsafe(byte) {
                out += "%" + Hex.text(CollectionOfOne(byte)).uppercased()
            } else {
                out.unicodeScalars.append(Unicode.Scalar(byte))
            }
        }
        return out
    }

    private static func isUnsafe(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\\"), UInt8(ascii: "^"),
            UInt8(ascii: "`"), UInt8(ascii: "{"), UInt8(ascii: "|"), UInt8(ascii: "}"):
            true
        default: byte <= 0x20 || byte >= 0x7f
        }
    }
}
