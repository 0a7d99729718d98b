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

    private func isAllowed(_ origin: String) -> Bool { allowed.contains("*") || allowed.contains(origin) }

    private func mark(_ headers: inout HTTPFields, _ origin: String) {
        headers[.accessControlAllowOrigin] = origin
        headers[.accessControlAllowCredentials] = "true"
        headers[.accessControlExposeHeaders] = Self.exposed
    }
}
