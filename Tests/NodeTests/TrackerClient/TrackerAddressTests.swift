import Node
import Testing

@Suite struct TrackerAddressTests {
    @Test(arguments: [
        ("tracker", "http://tracker:8080"),
        ("tracker.example.org:80", "http://tracker.example.org:80"),
        ("10.0.0.1", "http://10.0.0.1:8080"),
        ("::1", "http://[::1]:8080"),
        ("[::1]", "http://[::1]:8080"),
        ("[fd00::2]:9000", "http://[fd00::2]:9000"),
        ("http://tracker", "http://tracker:80"),
        ("HTTPS://tracker/", "https://tracker:443"),
        ("https://tracker:8443/team/a/", "https://tracker:8443/team/a"),
        ("http://[fd00::2]:9000/x", "http://[fd00::2]:9000/x"),
        ("http://[fd00::2]", "http://[fd00::2]:80"),
    ])
    func addressesAsPeopleWriteThem(text: String, expected: String) throws {
        #expect(try TrackerAddress.baseURL(text) == expected)
    }

    @Test(arguments: [
        "", " ", "host:", "host:0", "host:65536", "host:-1", "host:http", ":8080", "[::1", "[::1]x", "ho st",
        "host/path",
        "ftp://host", "http://", "http://:80", "http://host:0", "http://host?x=1", "http://host/#a",
        "http://user:pw@host",
        "http://host:99999", "file:///x",
    ])
    func nonsenseIsRefused(text: String) {
        let error = #expect(throws: TrackerAddressError.self) { try TrackerAddress.baseURL(text) }
        #expect(error?.message == "\(text) is no tracker's address; use host, host:port or http://host:port")
    }
}
