import MinionCore

/// An absolute `http` or `https` URL, read strictly: a text that two readers could take for different hosts is none.
package struct WebURL: Hashable, Sendable, CustomStringConvertible {
    /// Bytes of a URL at most.
    package static let maximumLength = 8192

    package let isSecure: Bool
    /// A name in lower case, or an IP address without brackets, in its usual spelling.
    package let host: String
    /// 1…65535
    package let port: Int
    /// Path and query; begins with `/`.
    package let target: String

    /// Nil if the text is no such URL, or has a user's name in it. A fragment is dropped.
    package init?(_ text: String) {
        guard text.utf8.count <= Self.maximumLength, text.utf8.allSatisfy(Self.isURLCharacter),
            let colon = text.firstRange(of: "://")
        else { return nil }
        switch text[..<colon.lowerBound].lowercased() {
        case "http": isSecure = false
        case "https": isSecure = true
        default: return nil
        }
        let rest = text[colon.upperBound...].prefix { $0 != "#" }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let target = rest[authority.endIndex...]
        guard let place = Self.place(String(authority), defaultPort: isSecure ? 443 : 80) else { return nil }
        host = place.host
        port = place.port
        self.target = target.hasPrefix("/") ? String(target) : "/" + target
    }

    private init(like other: WebURL, target: String) {
        isSecure = other.isSecure
        host = other.host
        port = other.port
        self.target = target
    }

    /// The same server's URL of another path and query, which begins with `/` and has characters of URLs only.
    func with(target: String) -> WebURL { WebURL(like: self, target: target) }

    package var description: String {
        "\(isSecure ? "https" : "http")://\(server)\(target)"
    }

    /// How messages name the server: the host, with the port unless it is the usual one.
    package var server: String {
        if port == (isSecure ? 443 : 80) { return host.contains(":") ? "[\(host)]" : host }
        return Endpoint(host: host, port: port).description
    }

    /// The path without the query.
    var path: Substring { target.prefix { $0 != "?" } }

    /// The query without its question mark; empty if there is none.
    var query: Substring { target.drop { $0 != "?" }.dropFirst() }

    /// Where a redirect from here leads; nil if that is no URL of this kind.
    func redirected(to location: String) -> WebURL? {
        let scheme = isSecure ? "https" : "http"
        if location.hasPrefix("//") { return WebURL("\(scheme):\(location)") }
        if location.hasPrefix("/") { return WebURL("\(scheme)://\(server)\(location)") }
        if location.hasPrefix("?") { return WebURL("\(scheme)://\(server)\(path)\(location)") }
        if location.prefix(while: { $0 != "/" && $0 != "?" }).contains(":") { return WebURL(location) }
        let folder = path[...(path.lastIndex(of: "/") ?? path.startIndex)]
        return WebURL("\(scheme)://\(server)\(folder)\(location)")
    }

    /// Whether both are of one server, which may see the same credentials: the same host and port, or the same host's
    /// change from plain http to https on their usual ports.
    func isSameServer(as target: WebURL) -> Bool {
        guard host == target.host else { return false }
        return (port == target.port && isSecure == target.isSecure)
            || (!isSecure && port == 80 && target.isSecure && target.port == 443)
    }

    private static func place(_ authority: String, defaultPort: Int) -> (host: String, port: Int)? {
        guard authority.utf8.last != UInt8(ascii: ":"), let endpoint = Endpoint(authority, defaultPort: defaultPort),
            (1...65535).contains(endpoint.port)
        else { return nil }
        if endpoint.host.contains(":") {
            guard authority.hasPrefix("["), let address = IPAddress(endpoint.host) else { return nil }
            return (address.description, endpoint.port)
        }
        guard !authority.hasPrefix("["), case .host(let name) = AddressRules.Allowance(endpoint.host),
            !name.hasPrefix("*")
        else { return IPAddress(endpoint.host).map { ($0.description, endpoint.port) } }
        return (name, endpoint.port)
    }

    private static func isURLCharacter(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\\"), UInt8(ascii: "^"),
            UInt8(ascii: "`"), UInt8(ascii: "{"), UInt8(ascii: "|"), UInt8(ascii: "}"):
            false
        default: (33..<127).contains(character)
        }
    }
}
