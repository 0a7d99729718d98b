import MinionCore
import Testing

@Suite struct AddressRulesTests {
    @Test(
        arguments: [
            (
                .global,
                "8.8.8.8 1.1.1.1 172.32.0.1 100.128.0.1 169.255.0.1 2606:4700::1111 2a00:1450::5 64:ff9b::8.8.8.8"
            ),
            (.privateUse, "10.1.2.3 172.16.0.1 172.31.255.255 192.168.0.1 100.64.0.1 100.127.255.255 fc00::1 fd12::1"),
            (.privateUse, "fec0::1 64:ff9b:1::a00:1"), (.loopback, "127.0.0.1 127.255.0.1 ::1 ::ffff:127.0.0.1"),
            (.linkLocal, "169.254.0.1 169.254.255.255 fe80::1 febf::1"),
            (
                .metadata,
                "169.254.169.254 169.254.170.2 169.254.170.23 100.100.100.200 168.63.129.16 192.0.0.192 fd00:ec2::254"
            ),
            (.metadata, "fd00:ec2::23 fd20:ce::254 fd00:c1::a9fe:a9fe fd00:42::42 ::ffff:169.254.169.254"),
            (.unspecified, "0.0.0.0 0.1.2.3 ::"), (.multicast, "224.0.0.1 239.1.1.1 255.255.255.255 ff02::1"),
            (
                .reserved,
                "192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 198.19.1.1 198.51.100.1 203.0.113.1 240.0.0.1 2001:2::1"
            ),
            (.reserved, "2001:10::1 2001:20::1 2001:db8::1 3fff::1 100::1 4000::1 5f00::1 f000::1"),
        ] as [(AddressKind, String)])
    func addressesHaveTheirKind(_ kind: AddressKind, _ texts: String) throws {
        for text in texts.split(separator: " ") {
            #expect(try address(String(text)).kind == kind, "\(text)")
        }
    }

    @Test(
        arguments: [
            ("::ffff:0:127.0.0.1", ["127.0.0.1"]), ("::10.0.0.1", ["10.0.0.1"]), ("64:ff9b::10.0.0.1", ["10.0.0.1"]),
            ("64:ff9b:1::10.0.0.1", ["10.0.0.1"]), ("2002:a9fe:a9fe::1", ["169.254.169.254"]),
            ("2001:0:7f00:1::f5ff:fffe", ["127.0.0.1", "10.0.0.1"]), ("2606:4700::5efe:7f00:1", ["127.0.0.1"]),
            ("2606:4700::200:5efe:a00:1", ["10.0.0.1"]), ("::1", []), ("::", []), ("2606:4700::7f00:1", []),
            ("127.0.0.1", []),
        ] as [(String, [String])])
    func formsAreSeenThrough(_ text: String, _ inner: [String]) throws {
        #expect(try address(text).embedded.map(\.description) == inner)
    }

    @Test(arguments: [
        "8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8", "2002:808:808::1",
    ])
    func publicAddressesAreAllowed(_ text: String) throws {
        #expect(AddressRules().refusal(of: try address(text), host: "h") == nil)
    }

    @Test(arguments: [
        "10.0.0.1", "fd12::1", "127.0.0.1", "::1", "169.254.1.1", "fe80::1", "169.254.169.254", "fd00:ec2::254",
        "0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::127.0.0.1", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::", "2606:4700::5efe:10.0.0.1", "::ffff:10.0.0.1",
    ])
    func otherAddressesAreNot(_ text: String) throws {
        #expect(AddressRules().refusal(of: try address(text), host: "h") != nil)
    }

    @Test(
        arguments: [
            ("10.0.0.1", true), ("fd12::1", true), ("64:ff9b::10.0.0.1", true), ("64:ff9b:1::10.0.0.1", true),
            ("127.0.0.1", false), ("169.254.1.1", false), ("100.100.100.200", false), ("fd00:ec2::254", false),
            ("198.18.0.1", false), ("0.0.0.0", false), ("64:ff9b::127.0.0.1", false),
        ] as [(String, Bool)])
    func privateOnesCanBeAllowedAltogether(_ text: String, _ isAllowed: Bool) throws {
        #expect((AddressRules(allowsPrivate: true).refusal(of: try address(text), host: "h") == nil) == isAllowed)
    }

    @Test(
        arguments: [
            ("127.0.0.1/32", "127.0.0.1", "h", true), ("127.0.0.1", "127.0.0.2", "h", false),
            ("10.0.0.0/8", "10.9.9.9", "h", true), ("10.0.0.0/8", "192.168.0.1", "h", false),
            ("0.0.0.0/0", "127.0.0.1", "h", true), ("0.0.0.0/0", "198.18.0.1", "h", true),
            // Neither a wide block nor a name means the link or a cloud's metadata.
            ("0.0.0.0/0", "169.254.1.1", "h", false), ("169.254.0.0/16", "169.254.1.1", "h", true),
            ("169.254.1.0/24", "169.254.1.1", "h", true), ("169.254.0.0/16", "169.254.169.254", "h", false),
            ("169.254.169.254", "169.254.169.254", "h", true), ("::/0", "fe80::1", "h", false),
            ("fe80::/10", "fe80::1", "h", true), ("h", "169.254.1.1", "h", false), ("h", "169.254.169.254", "h", false),
            ("h", "127.0.0.1", "h", true), ("h", "10.0.0.1", "H.", true), ("h", "10.0.0.1", "g", false),
            ("*.example.org", "10.0.0.1", "a.b.Example.org", true), ("*.example.org", "10.0.0.1", "example.org", false),
            ("*.example.org", "10.0.0.1", "badexample.org", false),
            // Nothing allows these.
            ("0.0.0.0/0, ::/0, h", "0.0.0.0", "h", false), ("0.0.0.0/0, 224.0.0.1, h", "224.0.0.1", "h", false),
            // What lies behind an address has to be allowed for itself.
            ("64:ff9b::/96", "64:ff9b::10.0.0.1", "h", false), ("10.0.0.0/8", "64:ff9b::10.0.0.1", "h", true),
        ] as [(String, String, String, Bool)])
    func listsAllow(_ list: String, _ text: String, _ host: String, _ isAllowed: Bool) throws {
        let rules = AddressRules(allowed: try AddressRules.allowances(list))
        #expect((rules.refusal(of: try address(text), host: host) == nil) == isAllowed)
    }

    @Test func listsAreRead() throws {
        let list = try AddressRules.allowances(" 10.0.0.0/8,registry.local ,*.Example.org., ::1,127.0.0.1/32,,")
        #expect(
            list == [
                .block(try #require(CIDR("10.0.0.0/8"))), .host("registry.local"), .host("*.example.org"),
                .block(try #require(CIDR("::1/128"))), .block(try #require(CIDR("127.0.0.1/32"))),
            ])
        #expect(try AddressRules.allowances("").isEmpty)
    }

    @Test(arguments: [
        "10.0.0.0/33", "10.0.0", "300.1.1.1", "a b", "registry.local:5000", "http://a", "*", "*.", "a..b", "-a",
        "[::1]",
        "ä", "a/8", "a,b c",
    ])
    func otherEntriesAreNamed(_ list: String) throws {
        let error = #expect(throws: AddressListError.self) { try AddressRules.allowances(list) }
        #expect(error?.description.contains("is neither an address nor a block nor a host's name") == true)
    }

    @Test(
        arguments: [
            (
                "10.0.0.1", "registry.local",
                "registry.local is at 10.0.0.1, a private address; --private or --list 10.0.0.1/32 would allow it"
            ),
            ("127.0.0.1", "127.0.0.1", "127.0.0.1 is a loopback address; --list 127.0.0.1/32 would allow it"),
            (
                "169.254.169.254", "m",
                "m is at 169.254.169.254, a cloud's metadata address; --list 169.254.169.254/32 would allow it"
            ),
            (
                "64:ff9b::7f00:1", "m",
                "m is at 64:ff9b::7f00:1, which leads to 127.0.0.1, a loopback address; --list 127.0.0.1/32 would allow it"
            ),
            (
                "::ffff:0:7f00:1", "::ffff:0:7f00:1",
                "::ffff:0:7f00:1 leads to 127.0.0.1, a loopback address; --list 127.0.0.1/32 would allow it"
            ),
            ("0.0.0.0", "m", "m is at 0.0.0.0, an unspecified address, which nothing allows"),
        ] as [(String, String, String)])
    func refusalsSayWhatWouldAllowIt(_ text: String, _ host: String, _ expected: String) throws {
        let rules = AddressRules(optionNames: .init(privateAddresses: "--private", list: "--list"))
        #expect(rules.refusal(of: try address(text), host: host) == expected)
    }

    @Test func onlyTheWebIsFetched() {
        #expect(AddressRules.refusal(ofURLScheme: "http") == nil && AddressRules.refusal(ofURLScheme: "HTTPS") == nil)
        for scheme in ["file", "ftp", "unix", "http+unix", ""] {
            #expect(AddressRules.refusal(ofURLScheme: scheme) != nil)
        }
        #expect(
            AddressRules.refusal(ofURLScheme: "fi\nle")
                == "a URL of scheme \"file\" is not fetched; only http and https are")
    }

    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }
}
