import MinionCommand
import Testing

@Suite struct SourceURLTests {
    @Test(arguments: [
        ("http://host/file", "http://host/file", "file"),
        ("HTTPS://Host:8443/a/b.tar?x=1&y=a/b", "https://Host:8443/a/b.tar?x=1&y=a/b", "b.tar"),
        ("http://host", "http://host/", ""),
        ("http://host?x=1", "http://host/?x=1", ""),
        ("http://host/a/#part", "http://host/a/", ""),
        ("http://[::1]:80/a%20b", "http://[::1]:80/a%20b", "a%20b"),
        ("http://host/ü{1}", "http://host/%C3%BC%7B1%7D", "ü{1}"),
    ])
    func urlIsNormalised(url: String, text: String, lastSegment: String) throws {
        let parsed = try SourceURL(url)
        #expect(parsed.text == text)
        #expect(parsed.lastSegment == lastSegment)
        #expect(parsed.authorization == nil)
    }

    @Test func userAndPasswordBecomeAHeader() throws {
        let url = try SourceURL("http://al%40ice:s%3Acret@host:81/f")
        #expect(url.text == "http://host:81/f")
        #expect(url.authorization == "Basic YWxAaWNlOnM6Y3JldA==")
    }

    @Test(arguments: [
        ("", "empty"), ("host/file", "no scheme"), ("ftp://host/file", "'ftp'"), ("file:///etc/passwd", "'file'"),
        ("http:///file", "host or port"), ("http://host:0/", "host or port"), ("http://host:99999/", "host or port"),
        ("http://ho st/", "spaces"), ("http://host/a\r\nb", "control characters"), ("http://::1/", "host or port"),
        ("http://höst/", "xn--"), ("http://host/" + String(repeating: "a", count: 40000), "40012 bytes"),
    ])
    func wrongURLIsRefused(url: String, says: String) {
        let error = #expect(throws: CommandError.self) { try SourceURL(url) }
        #expect(error?.exitCode == 2)
        #expect(error?.text.contains(says) == true, "\(error?.text ?? "")")
    }

    @Test(arguments: [
        ("http://h/a/file.tar.gz?sig=x/y", "file.tar.gz"), ("http://h/", "index.html"), ("http://h", "index.html"),
        ("http://h/a%20b", "a b"), ("http://h/%E4%BD%A0", "你"), ("http://h/100%", "100%"), ("http://h/%ff", "%ff"),
        ("http://h/.hidden", ".hidden"), ("http://h/...", "..."),
    ])
    func fileNameComesFromTheLastSegment(url: String, name: String) throws {
        #expect(try SourceURL(url).fileName() == name)
    }

    @Test(arguments: [
        ("minion:disk.img", "disk.img"), ("minion:nightly/42/a%20b", "a%20b"), ("minion:ü", "ü"),
        ("minion:http", "http"),
    ])
    func sharedNameIsTakenAsItIs(url: String, fileName: String) throws {
        let parsed = try SourceURL(url)
        #expect(parsed.text == url && parsed.isShared && parsed.authorization == nil)
        #expect(try parsed.fileName() == fileName)
        #expect(try !SourceURL("http://h/f").isShared)
    }

    @Test(arguments: ["minion:", "minion:a b", "minion:a?b", "minion:a#b", "minion:a\nb"])
    func wrongSharedNameIsRefused(url: String) {
        let error = #expect(throws: CommandError.self) { try SourceURL(url) }
        #expect(error?.exitCode == 2)
    }

    @Test(arguments: [
        "http://h/..", "http://h/.", "http://h/%2e%2e", "http://h/..%2f..%2fetc%2fpasswd", "http://h/a%2Fb",
        "http://h/a%00b", "http://h/a%0Ab", "http://h/%1b%5b2J", "http://h/" + String(repeating: "x", count: 256),
    ])
    func nameThatLeadsElsewhereIsRefused(url: String) {
        let error = #expect(throws: CommandError.self) { try SourceURL(url).fileName() }
        #expect(error?.exitCode == 2)
        #expect(error?.hint == "give one with -o FILE")
    }
}
