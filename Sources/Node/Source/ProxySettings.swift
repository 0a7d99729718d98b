import AsyncHTTPClient
import MinionCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Which sources are read through a proxy, as curl takes it from the environment.
package struct ProxySettings: Sendable {
    /// For `http` URLs. These go through the proxy's `CONNECT`, too.
    var plain: HTTPClient.Configuration.Proxy?
    /// For `https` URLs.
    var secure: HTTPClient.Configuration.Proxy?
    var exceptions: [Exception] = []

    /// Hosts that are reached directly.
    enum Exception: Hashable, Sendable {
        case everything
        /// The name itself and every name below it.
        case domain(String)
        case network(bytes: [UInt8], prefix: Int)
    }

    /// No proxy.
    package init() {}

    /// Reads `http_proxy` (in lower case only: the other one can be set by a web server's clients), `https_proxy`,
    /// `all_proxy` and `no_proxy`. Throws a `ProxySettingsError` if a value is set and of no use.
    package init(environment: [String: String]) throws {
        func value(_ names: String...) -> (name: String, value: String)? {
            for name in names {
                if let value = environment[name], !value.isEmpty { return (name, value) }
            }
            return nil
        }
        plain = try value("http_proxy", "all_proxy", "ALL_PROXY").map { try Self.proxy($0.value, variable: $0.name) }
        secure = try value("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY").map {
            try Self.proxy($0.value, variable: $0.name)
        }
        exceptions = value("no_proxy", "NO_PROXY").map { Self.exceptions($0.value) } ?? []
    }

    var all: Set<HTTPClient.Configuration.Proxy> { Set([plain, secure].compactMap { $0 }) }

    /// The proxy to read this source through, if any.
    func proxy(for url: SourceURL) -> HTTPClient.Configuration.Proxy? {
        guard let proxy = url.isSecure ? secure : plain, !exceptions.contains(where: { $0.covers(url.host) }) else {
            return nil
        }
        return proxy
    }

    /// The same for people, as `host:port`.
    package func proxyAddress(for url: String) -> String? {
        guard let url = try? SourceURL(url), let proxy = proxy(for: url) else { return nil }
        return Endpoint(host: proxy.host, port: proxy.port).description
    }

    private static func proxy(_ text: String, variable: String) throws -> HTTPClient.Configuration.Proxy {
        let absolute = text.contains("://") ? text : "http://" + text
        guard let url = URL(string: absolute), let scheme = url.scheme?.lowercased(),
            var host = url.host(percentEncoded: false), !host.isEmpty
        else {
            throw ProxySettingsError("\(variable) is no proxy's address; use http://host:port or socks5://host:port")
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        let port = url.port ?? 1080
        switch scheme {
        case "http":
            let authorization = url.user(percentEncoded: false).map { user in
                HTTPClient.Authorization.basic(username: user, password: url.password(percentEncoded: false) ?? "")
            }
            return .server(host: host, port: port, authorization: authorization)
        case "socks5", "socks5h":
            guard url.user == nil else {
                throw ProxySettingsError(
                    "\(variable) names a user, which SOCKS proxies are not told; leave the user out")
            }
            return .socksServer(host: host, port: port)
        default:
            throw ProxySettingsError("\(variable) names a proxy of an unknown kind, \(scheme); use http or socks5")
        }
    }

    private static func exceptions(_ text: String) -> [Exception] {
        text.split { $0 == "," || $0 == " " }.map { part in
            if part == "*" { return .everything }
            let pieces = part.split(separator: "/", omittingEmptySubsequences: false)
            if let bytes = addressBytes(String(pieces[0])) {
                let prefix = pieces.count == 2 ? Int(pieces[1]) ?? bytes.count * 8 : bytes.count * 8
                return .network(bytes: bytes, prefix: max(0, min(prefix, bytes.count * 8)))
            }
            return .domain(part.drop { $0 == "." }.lowercased())
        }
    }

    /// Nil if `text` is no IP address.
    fileprivate static func addressBytes(_ text: String) -> [UInt8]? {
        let text = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
        var v4 = in_addr()
        if inet_pton(AF_INET, text, &v4) == 1 { return withUnsafeBytes(of: v4) { Array($0) } }
        var v6 = in6_addr()
        if inet_pton(AF_INET6, text, &v6) == 1 { return withUnsafeBytes(of: v6) { Array($0) } }
        return nil
    }
}

extension ProxySettings.Exception {
    func covers(_ host: String) -> Bool {
        switch self {
        case .everything: return true
        case .domain(let name): return host == name || host.hasSuffix("." + name)
        case .network(let bytes, let prefix):
            guard let address = ProxySettings.addressBytes(host), address.count == bytes.count else { return false }
            return (0..<prefix).allSatisfy { bit in (address[bit / 8] ^ bytes[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0
            }
        }
    }
}

/// A proxy variable that cannot be followed. To go without the proxy instead might reach what must not be reached.
package struct ProxySettingsError: Error, Hashable, CustomStringConvertible {
    package let message: String
    init(_ message: String) { self.message = message }
    package var description: String { message }
}
