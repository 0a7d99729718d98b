import MinionCore
import Testing

@Suite struct EndpointTests {
    @Test(arguments: [
        ("host:80", "host", 80), ("10.0.0.1:8080", "10.0.0.1", 8080), ("[::1]:80", "::1", 80), ("::1", "::1", 9),
        ("[fe80::1%eth0]", "fe80::1%eth0", 9), ("box", "box", 9),
    ])
    func hostAndPortAreToldApart(text: String, host: String, port: Int) throws {
        let endpoint = try #require(Endpoint(text, defaultPort: 9))
        #expect(endpoint.host == host)
        #expect(endpoint.port == port)
        #expect(Endpoint(endpoint.description) == endpoint)
    }

    @Test(arguments: ["", ":80", "host:", "host:x", "host:70000", "[::1", "[]:1", "a b:1", "h/x:1", "host:-1", "h@x:1"])
    func whatIsNoAddressIsRefused(text: String) {
        #expect(Endpoint(text, defaultPort: 9) == nil)
    }

    @Test func thePortMayNotBeGuessed() {
        #expect(Endpoint("host") == nil)
    }
}

@Suite struct ByteRangeTests {
    @Test(arguments: [
        ("bytes=0-0", Int64(10), Range<Int64>?.some(0..<1)), ("bytes=5-", 10, 5..<10), ("bytes=-3", 10, 7..<10),
        ("bytes=-30", 10, 0..<10), ("bytes=0-99", 10, 0..<10), ("bytes=10-", 10, nil), ("bytes=-0", 10, nil),
        ("bytes=0-", 0, nil), ("bytes=0-9223372036854775808", 10, 0..<10), ("bytes=99999999999999999999-", 10, nil),
    ])
    func aRangeMeansTheseBytes(header: String, size: Int64, expected: Range<Int64>?) throws {
        let specs = try #require(ByteRangeSpec.parse(header))
        #expect(specs.count == 1)
        #expect(specs[0].resolved(in: size) == expected)
    }

    @Test(arguments: [
        "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bits=0-1", "bytes=1", "bytes=0-1,", "bytes=0--1",
        "bytes=" + String(repeating: "0-1,", count: 300) + "0-1",
    ])
    func whatIsNotWellFormedIsIgnored(header: String) {
        #expect(ByteRangeSpec.parse(header) == nil)
    }

    @Test func contentRangesAreRead() {
        #expect(ContentRange("bytes 0-9/100")?.range == 0..<10)
        #expect(ContentRange("bytes 0-9/*")?.size == nil)
        #expect(ContentRange("bytes */0")?.size == 0)
        #expect(ContentRange("bytes=0-1048575/7340032")?.size == 7_340_032)
        for text in [
            "bytes 9-0/100", "bytes 0-100/100", "bytes -1-5/10", "0-1/2/3", "bytes 0-9223372036854775807/1", "",
        ] {
            #expect(ContentRange(text) == nil, "\(text)")
        }
    }
}

@Suite struct TaskIdentityTests {
    @Test func signedURLsOfOneObjectAreOneTask() {
        let one = TaskIdentity(url: "https://s3.example/b/k?X-Amz-Signature=1&X-Amz-Date=2&v=7")
        let two = TaskIdentity(url: "https://S3.example:443/b/k?v=7&X-Amz-Signature=9#part")
        #expect(one == two)
        #expect(one.resource == "https://s3.example/b/k?v=7")
    }

    @Test func whatIsNotIgnoredKeepsItsSpelling() {
        #expect(TaskIdentity(url: "http://h/a%20b?x=%2f&y=1&x=2").resource == "http://h/a%20b?x=%2f&y=1&x=2")
        #expect(TaskIdentity(url: "http://h").resource == "http://h/")
        #expect(TaskIdentity(url: "http://h/?a=1", ignoring: ["a"]).resource == "http://h/")
        #expect(TaskIdentity(url: "http://h/?a%62=1&c=2", ignoring: ["ab"]).resource == "http://h/?c=2")
    }

    @Test func partsDoNotRunIntoEachOther() {
        let one = TaskIdentity(url: "http://h/", tag: "ab", application: "c")
        let two = TaskIdentity(url: "http://h/", tag: "a", application: "bc")
        #expect(one.canonicalBytes != two.canonicalBytes)
    }

    @Test func aPasswordInTheURLIsToldToNobody() {
        let one = TaskIdentity(url: "http://me:secret@h/f")
        #expect(one.resource == "http://h/f")
        #expect(one.canonicalBytes != TaskIdentity(url: "http://h/f").canonicalBytes)
        #expect(TaskIdentity(url: "http://h/f@2").resource == "http://h/f@2")
    }

    @Test func credentialsSeparateTasks() {
        let anonymous = TaskIdentity(url: "http://h/f", headers: [("X-Trace", "1")])
        let known = TaskIdentity(url: "http://h/f", headers: [("authorization", "Bearer x")])
        let other = TaskIdentity(url: "http://h/f", headers: [("Authorization", "Bearer y")])
        #expect(anonymous.canonicalBytes == TaskIdentity(url: "http://h/f").canonicalBytes)
        #expect(Set([anonymous.canonicalBytes, known.canonicalBytes, other.canonicalBytes]).count == 3)
    }
}

@Suite struct IdentifierTests {
    @Test(arguments: [
        "", "a", "ab", String(repeating: "g", count: 64), String(repeating: "A", count: 64),
        String(repeating: "a", count: 63), String(repeating: "a", count: 65),
    ])
    func onlySixtyFourLowerHexDigitsNameATask(text: String) {
        #expect(TaskID(hex: text) == nil)
    }

    @Test func hashesSurviveTheirText() throws {
        let hash = try #require(PieceHash(bytes: (0..<32).map { UInt8($0 * 7) }))
        #expect(PieceHash(hex: hash.hex) == hash)
        #expect(Array(hash.bytes) == (0..<32).map { UInt8($0 * 7) })
        #expect(PieceHash(bytes: [1, 2, 3]) == nil)
    }

    @Test func peerIDsKeepLeadingZeros() {
        #expect(PeerID(7).hex == "0000000000000007")
        #expect(PeerID(hex: "0000000000000007") == PeerID(7))
        #expect(PeerID(hex: "7") == nil)
    }
}
