/// A host and a TCP port, as `host:port` or `[v6]:port`.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// A name, an IPv4 address or an IPv6 address without brackets.
    package let host: String
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `host`, `host:port`, `1.2.3.4:80`, `[::1]:80`, `[::1]`, `::1`. Nil if the port is missing and there is no
    /// default, if it is not 0…65535, or if the host is empty or has characters that no host has.
    package init?(_ text: String, defaultPort: Int? = nil) {
        var host = Substring(text)
        var port: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":"), host.contains(":") else { return nil }
            if !rest.isEmpty { port = rest.dropFirst() }
        } else if text.count(where: { $0 == ":" }) == 1, let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        guard !host.isEmpty, host.utf8.count <= 255, host.utf8.allSatisfy(Self.isHostCharacter) else { return nil }
        if let port {
            guard !port.isEmpty, port.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(port),
                (0...65535).contains(number)
            else { return nil }
            self.port = number
        } else {
            guard let defaultPort else { return nil }
            self.port = defaultPort
        }
        self.host = String(host)
    }

    /// Reads `:port`, which leaves the host to whoever sees the address, as well as what `init(_:)` reads.
    package init?(hostOptional text: String) {
        guard text.hasPrefix(":") else {
            self.init(text)
            return
        }
        guard let withHost = Endpoint("x" + text) else { return nil }
        self.init(host: "", port: withHost.port)
    }

    /// Reads an address to listen on: `port`, `:port` (all addresses, an empty host), or what `init(_:defaultPort:)` reads.
    package init?(listening text: String, defaultPort: Int) {
        let digits = text.hasPrefix(":") ? text.dropFirst() : text[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }) else {
            self.init(text, defaultPort: defaultPort)
            return
        }
        guard let port = Int(digits), port <= 65535 else { return nil }
        self.init(host: "", port: port)
    }

    private static func isHostCharacter(_ c: UInt8) -> Bool {
        switch c {
        case 48...57, 65...90, 97...122, UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ":"),
            UInt8(ascii: "%"):
            true
        default: c >= 128
        }
    }

    package var isIPv6: Bool { host.contains(":") }
    package var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
    package var description: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension Endpoint: Codable {
    package init(from decoder: any Decoder) throws {
        self = try decodeText(decoder, "a host:port", Endpoint.init(hostOptional:))
    }

    package func encode(to encoder: any Encoder) throws { try encodeText(description, encoder) }
}
