import MinionCommand
import MinionCore
import Testing

@Suite struct ServeTests {
    @Test(arguments: [
        ("10.0.0.5:9000", "10.0.0.5", 9000), ("[::1]:9000", "::1", 9000), (":9000", "", 9000), ("9000", "", 9000),
        ("box", "box", 8080), ("[::]", "::", 8080),
    ])
    func listenAddressIsRead(text: String, host: String, port: Int) {
        #expect(ArgumentValues.listenAddress(text, defaultPort: 8080) == Endpoint(host: host, port: port))
    }

    @Test(arguments: ["", ":", ":x", "70000", "a:70000", "a b:1", "http://x:1"])
    func wrongListenAddressIsRefused(text: String) {
        #expect(ArgumentValues.listenAddress(text, defaultPort: 8080) == nil)
    }

    @Test func dataLiesWhereTheUserKeepsIt() {
        let standard = { DataDirectory.standard(environment: $0, isRoot: $1) }
        #expect(standard(["HOME": "/home/a", "XDG_DATA_HOME": "/data"], false) == "/data/minion")
        #expect(standard(["HOME": "/home/a", "XDG_DATA_HOME": "relative"], false) == "/home/a/.local/share/minion")
        #expect(standard(["HOME": "/root"], true) == "/var/lib/minion")
        #expect(standard([:], false) == nil)
    }
}
