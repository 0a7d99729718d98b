package import Hummingbird
import Logging
import NIOCore

/// What a handler knows of the connection that a request came on.
package struct FrontContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    private let channel: any Channel
    /// Whether the request came by HTTPS.
    package internal(set) var isSecure = false

    package init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// Names the connection for as long as it is open.
    package var connection: ConnectionID { ConnectionID(channel) }

    /// The caller's address: IPv4 also where it came in as IPv4 mapped into IPv6. Nil if there is none (a Unix socket).
    package var remoteHost: String? { channel.remoteAddress?.ipAddress.map(Self.unmapped) }

    package static func unmapped(_ address: String) -> String {
        address.hasPrefix("::ffff:") && address.contains(".") ? String(address.dropFirst(7)) : address
    }
}

/// Names an open connection.
package struct ConnectionID: Hashable, Sendable {
    private let identifier: ObjectIdentifier

    init(_ channel: any Channel) { identifier = ObjectIdentifier(channel) }
}
