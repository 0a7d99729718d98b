import MinionCore
import Swarm

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The absolute `http` or `https` URL of a source, taken apart.
struct SourceURL: Hashable, Sendable {
    let text: String
    let isSecure: Bool
    /// In lower case, IPv6 without brackets.
    let host: String
    let port: Int
    /// From `user:password@`, decoded.
    let user: String?
    let password: String?

    init(_ text: String) throws(SourceFailure) {
        guard let url = URL(string: text), let parsed = SourceURL(url) else {
            throw SourceFailure(.malformed, "\(Self.printable(text)) is not an http or https URL")
        }
        self = parsed
    }

    private init?(_ url: URL) {
        guard let scheme = url.scheme?.lowercased(), scheme == "http" || scheme == "https",
            let host = url.host(percentEncoded: false)?.lowercased(), !host.isEmpty
        else { return nil }
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        self.text = url.absoluteString
        self.isSecure = scheme == "https"
        self.host = isBracketed ? String(host.dropFirst().dropLast()) : host
        self.port = url.port ?? (scheme == "https" ? 443 : 80)
        guard (1...65535).contains(port) else { return nil }
        self.user = url.user(percentEncoded: false)
        self.password = url.password(percentEncoded: false)
    }

    /// How messages name the server: the host, with the port unless it is the usual one.
    var server: String {
        port == (isSecure ? 443 : 80) ? host : Endpoint(host: host, port: port).description
    }

    /// The URL that a redirect from this one leads to.
    func redirected(to location: String) throws(SourceFailure) -> SourceURL {
        guard let base = URL(string: text), let url = URL(string: location, relativeTo: base)?.absoluteURL else {
            throw SourceFailure(.malformed, "\(server) redirects to nonsense, \(Self.printable(location))")
        }
        guard let target = SourceURL(url) else {
            throw SourceFailure(
                .refused, "\(server) redirects to \(Self.printable(location)), which is not an http or https URL")
        }
        guard target.isSecure || !isSecure else {
            throw SourceFailure(
                .refused, "\(server) redirects from https to http (\(target.server)), which is not followed")
        }
        return target
    }

    /// Whether a redirect from here to `target` stays with the same server, which may then see the same credentials:
    /// the same host and port, or the same host's change from plain http to https on their usual ports.
    func isSameServer(as target: SourceURL) -> Bool {
        guard host == target.host else { return false }
        return (port == target.port && isSecure == target.isSecure)
            || (!isSecure && port == 80 && target.isSecure && target.port == 443)
    }

    /// Text from outside, cut and rid of control characters for a message of one line.
    static func printable(_ text: String, limit: Int = 200) -> String {
        let line = text.unicodeScalars.prefix(limit).map { $0.value < 32 || $0.value == 127 ? " " : Character($0) }
        return String(line)
    }
}
