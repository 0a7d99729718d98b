import HTTPTypes
import Hummingbird

/// Which pages from elsewhere may use the interface: those of origins on a list.
struct CrossOrigin: Sendable {
    private static let methods = "GET,HEAD,PUT,POST,DELETE,PATCH"
    private static let exposed = "Link,Location,Authorization"
    /// How long a browser remembers the answer to its question, in seconds.
    private static let maximumAge = "600000"

    private let allowed: Set<String>

    /// - Parameter allowed: origins such as `https://console.example`; `*` stands for all.
    init(allowed: Set<String>) { self.allowed = allowed }

    /// The answer to a browser that asks whether a page may; nil for all other requests.
    func preflight(_ request: Request) -> Reply? {
        guard request.method == .options, let origin = request.headers[.origin] else { return nil }
        var reply = Reply(status: .noContent)
        reply.headers[.vary] = "Origin"
        guard isAllowed(origin) else { return reply }
        mark(&reply.headers, origin)
        reply.headers[.accessControlAllowMethods] = Self.methods
        reply.headers[.accessControlMaxAge] = Self.maximumAge
        if let wanted = request.headers[.accessControlRequestHeaders] {
            reply.headers[.accessControlAllowHeaders] = wanted
        }
        return reply
    }

    /// Says on an answer that the page may read it.
    func mark(_ reply: inout Reply, for request: Request) {
        guard !allowed.isEmpty else { return }
        reply.headers[.vary] = "Origin"
        if let origin = request.headers[.origin], isAllowed(origin) { mark(&reply.headers, origin) }
    }

    /// Whether a page from elsewhere, which is not on the list, had the browser send this. What is no browser's says
    /// nothing of where it comes from, and holds no cookies that others could use.
    func isForged(_ request: Request) -> Bool {
        guard ![.get, .head, .options].contains(request.method) else { return false }
        let origin = request.headers[.origin]
        if let origin, isAllowed(origin) { return false }
        if let site = request.headers[.fetchSite] { return site != "same-origin" && site != "none" }
        guard let origin else { return false }
        // A proxy in front may speak HTTPS for us, so the scheme tells nothing.
        guard let separator = origin.firstRange(of: "://") else { return true }
        return origin[separator.upperBound...].lowercased() != request.head.authority?.lowercased()
    }

    private func isAllowed(_ origin: String) -> Bool { allowed.contains("*") || allowed.contains(origin) }

    private func mark(_ headers: inout HTTPFields, _ origin: String) {
        headers[.accessControlAllowOrigin] = origin
        headers[.accessControlAllowCredentials] = "true"
        headers[.accessControlExposeHeaders] = Self.exposed
    }
}

extension HTTPField.Name {
    // The name is a valid one.
    // swift-format-ignore: NeverForceUnwrap
    static let fetchSite = HTTPField.Name("Sec-Fetch-Site")!
}
