#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The messages of the first Minion's tracker, byte for byte as it wrote them: JSON with a space behind each comma and
/// colon, and nothing but ASCII.
package enum MinionCompat {
    /// A peer as those messages name it.
    package struct Peer: Hashable, Sendable {
        package var address: IPv4Address
        package var port: Int
        /// Empty if unknown.
        package var site: String

        package init(address: IPv4Address, port: Int, site: String = "") {
            self.address = address
            self.port = port
            self.site = site
        }
    }

    /// What a peer announces: that it serves a resource.
    package struct Announcement: Hashable, Sendable {
        package var resource: String
        package var peer: Peer

        package init(resource: String, peer: Peer) {
            self.resource = resource
            self.peer = peer
        }
    }

    /// An announcement's body, in bytes.
    package static let bodyBytes = 64 << 10

    // MARK: Answers

    package static let success = Array(#"{"ret": "success"}"#.utf8)

    package static func failure(_ reason: String) -> [UInt8] {
        var out = Array(#"{"ret": "#.utf8)
        appendString(reason, to: &out)
        out.append(UInt8(ascii: "}"))
        return out
    }

    /// `{"<resource>": [[ip, port], …], "ret": "success"}`. With `verbose`, the entry of a peer with a site is
    /// `[ip, port, {"site": "…"}]`. The resource must not be `ret`.
    package static func peers(of resource: String, _ peers: [Peer], verbose: Bool) -> [UInt8] {
        precondition(isUsable(resource: resource), "this resource has the name of the status")
        var out: [UInt8] = []
        out.reserveCapacity(64 + resource.utf8.count + peers.count * 28)
        out.append(UInt8(ascii: "{"))
        appendString(resource, to: &out)
        out.append(contentsOf: ": [".utf8)
        for (index, peer) in peers.enumerated() {
            if index > 0 { out.append(contentsOf: ", ".utf8) }
            out.append(contentsOf: "[\"\(peer.address)\", \(peer.port)".utf8)
            if verbose, !peer.site.isEmpty {
                out.append(contentsOf: #", {"site": "#.utf8)
                appendString(peer.site, to: &out)
                out.append(UInt8(ascii: "}"))
            }
            out.append(UInt8(ascii: "]"))
        }
        out.append(contentsOf: #"], "ret": "success"}"#.utf8)
        return out
    }

    package static func resources(_ resources: [String]) -> [UInt8] {
        var out = Array(#"{"resources": ["#.utf8)
        for (index, resource) in resources.enumerated() {
            if index > 0 { out.append(contentsOf: ", ".utf8) }
            appendString(resource, to: &out)
        }
        out.append(contentsOf: #"], "ret": "success"}"#.utf8)
        return out
    }

    private static func appendString(_ text: String, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        for unit in text.utf16 {
            switch unit {
            case 0x22: out.append(contentsOf: #"\""#.utf8)
            case 0x5C: out.append(contentsOf: #"\\"#.utf8)
            case 0x0A: out.append(contentsOf: #"\n"#.utf8)
            case 0x0D: out.append(contentsOf: #"\r"#.utf8)
            case 0x09: out.append(contentsOf: #"\t"#.utf8)
            case 0x20...0x7E: out.append(UInt8(unit))
            default:
                let hex = String(unit, radix: 16)
                out.append(contentsOf: ("\\u" + String(repeating: "0", count: 4 - hex.count) + hex).utf8)
            }
        }
        out.append(UInt8(ascii: "\""))
    }

    // MARK: Questions

    /// Whether answers about the resource can be told from their own status. One named `ret` cannot.
    package static func isUsable(resource: String) -> Bool { resource != "ret" }

    /// Throws what is wrong with a resource's name: empty, longer than `WireLimits.resourceBytes`, or `ret`.
    package static func check(resource: String) throws(WireError) {
        guard !resource.isEmpty else { throw WireError("res is empty") }
        guard resource.utf8.count <= WireLimits.resourceBytes else {
            throw WireError("res is longer than \(WireLimits.resourceBytes) bytes")
        }
        guard isUsable(resource: resource) else {
            throw WireError("res must not be ret, which is the name of the answer's status")
        }
    }

    package static func check(site: String) throws(WireError) {
        guard site.utf8.count <= WireLimits.siteBytes else {
            throw WireError("site is longer than \(WireLimits.siteBytes) bytes")
        }
    }

    package static func address(_ text: String) throws(WireError) -> IPv4Address {
        guard let address = IPv4Address(text) else { throw WireError("ip is not an IPv4 address") }
        return address
    }

    package static func port(_ text: some StringProtocol) throws(WireError) -> Int {
        guard text.utf8.allSatisfy({ (48...57).contains($0) }), let port = Int(text), (1...65535).contains(port) else {
            throw WireError("port is not a number from 1 to 65535")
        }
        return port
    }

    /// Reads the body of `POST /peer/`: `{"ip", "port", "res", "adt_info"?: {"site"?, "hostname"?}}`.
    package static func announcement(from body: UnsafeRawBufferPointer) throws(WireError) -> Announcement {
        let body = try WireJSON.decode(AnnouncementBody.self, from: body, limit: bodyBytes)
        try check(resource: body.res)
        let site = body.info?.site ?? ""
        try check(site: site)
        let peer = Peer(address: try address(body.ip), port: try port(body.port.text), site: site)
        return Announcement(resource: body.res, peer: peer)
    }

    /// Reads the caller's site from the body of a GET: `{"adt_info": {"site": "…"}}`. Nil if it has none.
    package static func site(fromBody body: UnsafeRawBufferPointer) throws(WireError) -> String? {
        guard !body.isEmpty else { return nil }
        guard let site = try WireJSON.decode(SiteBody.self, from: body, limit: bodyBytes).info?.site else {
            return nil
        }
        try check(site: site)
        return site
    }

    /// Splits a query into its parameters; of several with one name, the last counts. Throws if the
    /// percent-encoding is broken.
    package static func parameters(of query: String) throws(WireError) -> [String: String] {
        var parameters: [String: String] = [:]
        for part in query.utf8.split(separator: UInt8(ascii: "&")) {
            let text = Substring(part)
            let name = text.prefix { $0 != "=" }
            guard let key = PercentEncoding.decode(name, plusIsSpace: true),
                let value = PercentEncoding.decode(text.dropFirst(name.count + 1), plusIsSpace: true)
            else { throw WireError("the query's percent-encoding is broken") }
            parameters[key] = value
        }
        return parameters
    }
}

private struct AnnouncementBody: Decodable {
    var ip: String
    var port: LenientNumber
    var res: String
    var info: AdditionalInfo?

    private enum CodingKeys: String, CodingKey {
        case ip, port, res
        case info = "adt_info"
    }
}

private struct SiteBody: Decodable {
    var info: AdditionalInfo?

    private enum CodingKeys: String, CodingKey {
        case info = "adt_info"
    }
}

private struct AdditionalInfo: Decodable {
    var site: String?
}

/// A number, or a string with one in it: some clients pass on what they read from a command line.
private struct LenientNumber: Decodable {
    var text: String

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int.self) {
            text = String(number)
        } else {
            text = try container.decode(String.self)
        }
    }
}
