/// To which addresses one party may make another connect.
///
/// Whoever fetches what a user names could otherwise be made to ask services of its own network that trust it: a value of
/// this judges every address that a name resolves to, before the connection.
package struct AddressRules: Hashable, Sendable {
    /// Something that is allowed though its kind is not.
    package enum Allowance: Hashable, Sendable {
        case block(CIDR)
        /// A host's name in lower case, or `*.` and a domain whose hosts are meant.
        case host(String)
    }

    /// What the settings are called that would allow more, for messages.
    package struct OptionNames: Hashable, Sendable {
        /// What allows all private addresses.
        package var privateAddresses: String
        /// What takes a list, as `allowances(_:)` reads it.
        package var list: String

        /// The names as the user writes them, with dashes if they have some.
        package init(privateAddresses: String = "--allow-private-addresses", list: String = "--allow-addresses") {
            self.privateAddresses = privateAddresses
            self.list = list
        }
    }

    /// Whether all private addresses are allowed.
    package var allowsPrivate: Bool
    /// What is allowed besides; the order says nothing.
    package var allowed: [Allowance]
    /// How messages name the settings.
    package var optionNames: OptionNames

    /// Without arguments: public addresses only.
    package init(
        allowsPrivate: Bool = false, allowed: [Allowance] = [], optionNames: OptionNames = OptionNames()
    ) {
        self.allowsPrivate = allowsPrivate
        self.allowed = allowed
        self.optionNames = optionNames
    }

    /// Why nobody may be made to connect to `address`, one of those that `host` resolves to; nil if it is allowed. One line
    /// that names the address and the setting that would allow it.
    ///
    /// Public addresses are allowed; private ones with `allowsPrivate` or in the list; loopback and reserved ones in the
    /// list, by address or by name; link-local ones only by a block within their own range, and a cloud's metadata only by
    /// its very address, since nobody means these by allowing a name or a wide block. Unspecified and multicast addresses
    /// never. The same holds for each IPv4 address inside an IPv6 one.
    package func refusal(of address: IPAddress, host: String) -> String? {
        for member in [address] + address.embedded where !allows(member, host: host) {
            let isLiteral = host == address.description
            let place =
                if member == address {
                    isLiteral ? "\(address) is" : "\(host) is at \(address),"
                } else {
                    (isLiteral ? "\(address)" : "\(host) is at \(address), which") + " leads to \(member),"
                }
            return "\(place) \(member.kind.description)\(remedy(for: member))"
        }
        return nil
    }

    /// Why a URL of this scheme is not fetched; nil if it is. Only `http` and `https` are, in either case.
    package static func refusal(ofURLScheme scheme: String) -> String? {
        guard !["http", "https"].contains(scheme.lowercased()) else { return nil }
        let shown = scheme.unicodeScalars.prefix(20).filter { $0.isASCII && $0.value > 32 && $0.value < 127 }
        return "a URL of scheme \"\(String(String.UnicodeScalarView(shown)))\" is not fetched; only http and https are"
    }

    private func allows(_ address: IPAddress, host: String) -> Bool {
        switch address.kind {
        case .global: true
        case .privateUse: allowsPrivate || isListed(address, host)
        case .loopback, .reserved: isListed(address, host)
        case .linkLocal:
            blocks(with: address).contains { block in
                AddressKind.linkLocalBlocks.contains { $0.contains(block.address) && $0.bits <= block.bits }
            }
        case .metadata: blocks(with: address).contains(where: \.isSingle)
        case .unspecified, .multicast: false
        }
    }

    private func blocks(with address: IPAddress) -> [CIDR] {
        allowed.compactMap { if case .block(let block) = $0, block.contains(address) { block } else { nil } }
    }

    private func isListed(_ address: IPAddress, _ host: String) -> Bool {
        if !blocks(with: address).isEmpty { return true }
        var host = host.lowercased()
        if host.hasSuffix(".") { host.removeLast() }
        return allowed.contains {
            guard case .host(let pattern) = $0 else { return false }
            return pattern.hasPrefix("*.") ? host.hasSuffix(pattern.dropFirst()) : host == pattern
        }
    }

    private func remedy(for address: IPAddress) -> String {
        let listed = "\(optionNames.list) \(CIDR(address))"
        return switch address.kind {
        case .privateUse: "; \(optionNames.privateAddresses) or \(listed) would allow it"
        case .global, .unspecified, .multicast: ", which nothing allows"
        case .loopback, .linkLocal, .metadata, .reserved: "; \(listed) would allow it"
        }
    }
}

extension AddressRules {
    /// Reads what a setting lists, between commas: addresses, blocks, host names, and `*.domain` for all hosts of a domain,
    /// as in `10.0.0.0/8, registry.local, 127.0.0.1`. Empty text is an empty list. Throws an `AddressListError`.
    package static func allowances(_ list: String) throws(AddressListError) -> [Allowance] {
        var found: [Allowance] = []
        for part in list.split(separator: ",") {
            let text = part.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" }
            let rest = part[text.endIndex...]
            guard rest.allSatisfy({ $0 == " " || $0 == "\t" }) else { throw AddressListError(entry: String(part)) }
            guard !text.isEmpty else { continue }
            guard let allowance = Allowance(String(text)) else { throw AddressListError(entry: String(text)) }
            found.append(allowance)
        }
        return found
    }
}

extension AddressRules.Allowance {
    /// Reads one entry of a list. Nil if it is none.
    package init?(_ text: String) {
        if let block = CIDR(text) {
            self = .block(block)
        } else if let address = IPAddress(text) {
            self = .block(CIDR(address))
        } else {
            var name = text.lowercased()
            if name.hasSuffix(".") { name.removeLast() }
            guard Self.isName(name.hasPrefix("*.") ? name.dropFirst(2) : name[...]) else { return nil }
            self = .host(name)
        }
    }

    private static func isName(_ name: Substring) -> Bool {
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        // `10.0.0` and `300.1.1.1` are addresses gone wrong.
        guard name.utf8.count <= 253, let last = labels.last, !last.utf8.allSatisfy({ (48...57).contains($0) }) else {
            return false
        }
        return labels.allSatisfy { label in
            !label.isEmpty && !label.hasPrefix("-")
                && label.utf8.allSatisfy { (48...57).contains($0) || (97...122).contains($0) || $0 == 45 || $0 == 95 }
        }
    }
}

/// An entry of a list of addresses that is none.
package struct AddressListError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What stands between the commas.
    package var entry: String

    package var description: String {
        "\"\(entry.prefix(80))\" is neither an address nor a block nor a host's name; write 10.0.0.0/8, 192.0.2.7, "
            + "registry.local or *.example.org, without ports"
    }
}
