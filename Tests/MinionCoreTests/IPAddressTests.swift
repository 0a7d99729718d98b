import MinionCore
import Testing

@Suite struct IPAddressTests {
    @Test(
        arguments: [
            ("192.0.2.1", [192, 0, 2, 1]), ("0.0.0.0", [0, 0, 0, 0]), ("::ffff:10.1.2.3", [10, 1, 2, 3]),
            ("::1", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            ("2001:db8::7", [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]),
            ("1:2:3:4:5:6:7:8", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]),
            ("64:ff9b::192.0.2.1", [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1]),
        ] as [(String, [UInt8])])
    func addressesAreRead(_ text: String, _ bytes: [UInt8]) {
        #expect(IPAddress(text)?.bytes == bytes)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.-4", " 1.2.3.4", "1.2.3.4 ", ":", ":::", "1:2",
        "1::2::3", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8:9", "12345::", "g::", "[::1]", "::1%eth0", "1.2.3.4:80",
        "1:2:3:4:5:6:7", "::1.2.3", "1.2.3.4::",
    ])
    func otherTextIsNoAddress(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("128.168.1.0/24", "128.168.1.0", true),
        ("192.0.2.128/25", "192.0.2.127", false), ("192.0.2.128/25", "192.0.2.200", true),
        ("192.0.2.77/25", "192.0.2.1", true), ("0.0.0.0/0", "8.8.8.8", true), ("0.0.0.0/0", "::1", false),
        ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
        ("::/0", "2001:db8::1", true), ("10.0.0.0/8", "::ffff:10.1.1.1", true),
        ("::ffff:10.0.0.0/104", "10.9.9.9", true),
        ("1.2.3.4/32", "1.2.3.4", true), ("1.2.3.4/32", "1.2.3.5", false),
    ])
    func blocksContainTheirAddresses(_ block: String, _ address: String, _ isIn: Bool) throws {
        #expect(try #require(CIDR(block)).contains(try #require(IPAddress(address))) == isIn)
    }

    @Test(arguments: [
        "", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "/8", "10.0.0.0/8/8", "10/8", "::/129", "a/8",
    ])
    func otherTextIsNoBlock(_ text: String) {
        #expect(CIDR(text) == nil)
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("::ffff:10.1.2.3", "10.1.2.3"), ("0:0:0:0:0:0:0:0", "::"), ("0::1", "::1"),
        ("1:0:0:0:0:0:0:0", "1::"), ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
        ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("0:0:1:2:3:4:0:0", "::1:2:3:4:0:0"),
        ("64:ff9b::192.0.2.1", "64:ff9b::c000:201"),
    ])
    func addressesAreWrittenInOneWay(_ text: String, _ expected: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == expected)
        #expect(IPAddress(address.description) == address)
    }

    @Test func addressesAreTakenFromTheNetwork() throws {
        #expect(IPAddress(bytes: [192, 0, 2, 1]) == IPAddress("192.0.2.1"))
        #expect(IPAddress(bytes: Array(repeating: 0, count: 10) + [255, 255, 10, 1, 2, 3]) == IPAddress("10.1.2.3"))
        #expect(IPAddress(bytes: Array(repeating: 0, count: 15) + [1]) == IPAddress("::1"))
        #expect(IPAddress(bytes: []) == nil && IPAddress(bytes: [1, 2, 3]) == nil)
    }

    @Test func blocksOfOneAddress() throws {
        let block = CIDR(try #require(IPAddress("192.0.2.1")))
        #expect(block == CIDR("192.0.2.1/32") && block.isSingle && block.description == "192.0.2.1/32")
        #expect(CIDR("::1/128")?.isSingle == true && CIDR("10.0.0.0/8")?.isSingle == false)
    }
}
