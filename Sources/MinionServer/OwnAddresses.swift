import NIOCore

/// The addresses of this machine.
enum OwnAddresses {
    /// An IPv4 address that others may reach.
    static var outward: String? {
        all.first { $0.protocol == .inet && $0.ipAddress?.hasPrefix("127.") == false }?.ipAddress
    }

    /// An IPv4 and an IPv6 address, as answers name them.
    static var pair: String {
        let ipv6 = all.first { address in
            guard address.protocol == .inet6, let text = address.ipAddress else { return false }
            return text != "::1" && !text.hasPrefix("fe80")
        }?.ipAddress
        return "\(outward ?? "127.0.0.1"), \(ipv6 ?? "::1")"
    }

    private static var all: [SocketAddress] { ((try? System.enumerateDevices()) ?? []).compactMap(\.address) }
}
