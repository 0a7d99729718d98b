import MinionCore
import Testing

@Suite struct ListeningTests {
    @Test(arguments: [
        ("10.0.0.5:9000", "10.0.0.5", 9000), ("[::1]:9000", "::1", 9000), (":9000", "", 9000), ("9000", "", 9000),
        ("box", "box", 8080), ("[::]", "::", 8080),
    ])
    func listenAddressIsRead(text: String, host: String, port: Int) {
        #expect(Endpoint(listening: text, defaultPort: 8080) == Endpoint(host: host, port: port))
    }

    @Test(arguments: ["", ":", ":x", "70000", "a:70000", "a b:1", "http://x:1"])
    func wrongListenAddressIsRefused(text: String) {
        #expect(Endpoint(listening: text, defaultPort: 8080) == nil)
    }
}
