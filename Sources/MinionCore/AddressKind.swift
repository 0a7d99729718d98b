/// What a network address is for, as far as it matters to somebody who is asked to connect to it.
package enum AddressKind: Hashable, Sendable, CustomStringConvertible {
    /// Anybody on the internet may have it.
    case global
    /// A network of somebody's own (RFC 1918, 4193, 6598).
    case privateUse
    /// This machine.
    case loopback
    /// This link; among others what clouds tell their machines about themselves lives there.
    case linkLocal
    /// Where a cloud hands its machines their credentials.
    case metadata
    /// Set aside for documents, benchmarks or the future.
    case reserved
    /// No address; some systems take it for this machine.
    case unspecified
    /// Many machines.
    case multicast

    /// With an article, for a message: `a loopback address`.
    package var description: String {
        switch self {
        case .global: "a public address"
        case .privateUse: "a private address"
        case .loopback: "a loopback address"
        case .linkLocal: "a link-local address"
        case .metadata: "a cloud's metadata address"
        case .reserved: "a reserved address"
        case .unspecified: "an unspecified address"
        case .multicast: "a multicast or broadcast address"
        }
    }

    /// Texts that are no blocks would be dropped here; the tests have an address of every one.
    private static func blocks(_ texts: String...) -> [CIDR] { texts.compactMap { CIDR($0) } }

    /// The first that contains an address tells its kind.
    fileprivate static let table: [(kind: AddressKind, blocks: [CIDR])] = [
        (
            .metadata,
            blocks(
                // Most clouds; then containers and pods of Amazon, Alibaba, Azure, Oracle.
                "169.254.169.254/32", "169.254.170.2/32", "169.254.170.23/32", "100.100.100.200/32", "168.63.129.16/32",
                "192.0.0.192/32",
                // Amazon and its pods, Google, Oracle, Scaleway.
                "fd00:ec2::254/128", "fd00:ec2::23/128", "fd20:ce::254/128", "fd00:c1::a9fe:a9fe/128", "fd00:42::42/128"
            )
        ),
        (.unspecified, blocks("0.0.0.0/8", "::/128")),
        (.loopback, blocks("127.0.0.0/8", "::1/128")),
        (.linkLocal, linkLocalBlocks),
        (.multicast, blocks("224.0.0.0/4", "255.255.255.255/32", "ff00::/8")),
        (
            .privateUse,
            blocks(
                "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10",
                "64:ff9b:1::/48")
        ),
        (
            .reserved,
            blocks(
                "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
                "240.0.0.0/4", "2001:2::/48", "2001:10::/28", "2001:20::/28", "2001:db8::/32", "3fff::/20")
        ),
        // What holds an IPv4 address is judged by that.
        (.global, blocks("0.0.0.0/0", "2000::/3") + embeddingBlocks),
    ]

    static let linkLocalBlocks = blocks("169.254.0.0/16", "fe80::/10")
    /// IPv6 whose last four bytes are an IPv4 address: compatible, translated (SIIT), NAT64.
    fileprivate static let embeddingBlocks = blocks("::/96", "::ffff:0:0:0/96", "64:ff9b::/96")
    fileprivate static let localNAT64 = blocks("64:ff9b:1::/48")
    fileprivate static let sixToFour = blocks("2002::/16")
    fileprivate static let teredo = blocks("2001::/32")
}

extension IPAddress {
    /// What the address itself is for; see `embedded` for what may lie behind it. IPv6 that nobody has been given yet is
    /// reserved.
    package var kind: AddressKind {
        AddressKind.table.first { _, blocks in blocks.contains { $0.contains(self) } }?.kind ?? .reserved
    }

    /// The IPv4 addresses that a packet to this IPv6 address may end up at: those inside the compatible, translated, NAT64,
    /// 6to4, Teredo and ISATAP forms. A mapped address is IPv4 already.
    package var embedded: [IPAddress] {
        guard isIPv6, kind != .loopback, kind != .unspecified else { return [] }
        let isIn = { (blocks: [CIDR]) in blocks.contains { $0.contains(self) } }
        let last = Array(bytes[12...])
        var found: [[UInt8]] = []
        if isIn(AddressKind.embeddingBlocks) || isIn(AddressKind.localNAT64) { found.append(last) }
        if isIn(AddressKind.sixToFour) { found.append(Array(bytes[2..<6])) }
        if isIn(AddressKind.teredo) { found += [Array(bytes[4..<8]), last.map { ~$0 }] }
        if bytes[8] & ~2 == 0, bytes[9..<12] == [0, 0x5e, 0xfe] { found.append(last) }
        return found.compactMap { IPAddress(bytes: $0) }
    }
}
