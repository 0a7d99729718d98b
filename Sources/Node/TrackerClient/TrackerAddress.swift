import MinionCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What `--tracker` says that is no tracker's address.
package struct TrackerAddressError: Error, Hashable, CustomStringConvertible {
    package let message: String
    package var description: String { message }
}

/// Addresses of trackers as people write them.
package enum TrackerAddress {
    /// The port of `minion serve`, taken where only a host is given.
    package static let defaultPort = 8080

    /// The base URL that requests are appended to, without a slash at its end. Reads `host`, `host:port`, IPv6 with or
    /// without brackets, and `http` or `https` URLs, which may have a path and whose port is 80 or 443 if not given.
    package static func baseURL(_ text: String) throws(TrackerAddressError) -> String {
        guard text.contains("://") else {
            guard let endpoint = Endpoint(text, defaultPort: defaultPort), endpoint.port > 0 else {
                throw nonsense(text)
            }
            return "http://\(endpoint)"
        }
        guard let url = URL(string: text), let scheme = url.scheme?.lowercased(), scheme == "http" || scheme == "https",
            let host = url.host(percentEncoded: false), url.query == nil, url.fragment == nil, url.user == nil,
            let endpoint = Endpoint(
                host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host,
                defaultPort: url.port ?? (scheme == "https" ? 443 : 80)),
            (1...65535).contains(endpoint.port)
        else { throw nonsense(text) }
        var path = url.path(percentEncoded: true)
        while path.hasSuffix("/") { path.removeLast() }
        return "\(scheme)://\(endpoint)\(path)"
    }

    private static func nonsense(_ text: String) -> TrackerAddressError {
        TrackerAddressError(
            message: "\(SourceURL.printable(text)) is no tracker's address; use host, host:port or http://host:port")
    }
}
