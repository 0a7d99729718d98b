import Node
import Swarm
import Testing

@Suite struct ProxySettingsTests {
    /// A proxy that is also the server behind it: it answers `CONNECT`, then the request that comes through.
    private static let proxy: ScriptedServer.Script = { request, number in
        request.method == "CONNECT" ? [.text("HTTP/1.1 200 OK\r\n\r\n")] : honest(10)(request, number)
    }

    @Test func sourcesAreReadThroughTheProxy() async throws {
        try await ScriptedServer.run(Self.proxy) { server in
            let options = try SourceOptions(environment: ["http_proxy": "http://us:pw@127.0.0.1:\(server.port)"])
            try await withSource(options) { source in
                // The name need not resolve: the proxy looks it up.
                _ = try await source.stat("http://origin.invalid:81/file")
                let connect = try #require(server.requests.first)
                #expect(connect.method == "CONNECT" && connect.target == "origin.invalid:81")
                #expect(connect.headers["proxy-authorization"] == "Basic dXM6cHc=")
                #expect(server.requests.last?.target == "/file")
                #expect(server.requests.last?.headers["proxy-authorization"] == nil)
            }
        }
    }

    @Test func exceptionsAreReachedDirectly() async throws {
        try await ScriptedServer.run(honest(10)) { server in
            let options = try SourceOptions(environment: ["http_proxy": "127.0.0.1:1", "no_proxy": "127.0.0.0/8"])
            try await withSource(options) { source in
                _ = try await source.stat(server.url())
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test func proxyThatRefuses() async throws {
        try await ScriptedServer.run(answer("HTTP/1.1 403 Forbidden\nContent-Length: 0")) { server in
            let options = try SourceOptions(environment: ["all_proxy": "127.0.0.1:\(server.port)"])
            try await withSource(options) { source in
                let failure = try await failure { _ = try await source.stat("http://origin.invalid/file") }
                #expect(failure == SourceFailure(.connection, "the proxy would not connect to origin.invalid"))
            }
        }
    }

    @Test(arguments: [
        (["http_proxy": "p:3128"], "http://a/", "p:3128" as String?),
        (["http_proxy": "p:3128"], "https://a/", nil),
        (["HTTP_PROXY": "p:3128"], "http://a/", nil),
        (["HTTPS_PROXY": "p:3128"], "https://a/", "p:3128"),
        (["https_proxy": "http://p"], "https://a/", "p:1080"),
        (["ALL_PROXY": "socks5://[::1]:9"], "http://a/", "[::1]:9"),
        (["http_proxy": ""], "http://a/", nil),
        (["all_proxy": "p:1", "no_proxy": "*"], "http://a/", nil),
        (["all_proxy": "p:1", "no_proxy": "example.org"], "http://example.org/", nil),
        (["all_proxy": "p:1", "no_proxy": "x, .Example.org"], "http://sub.example.ORG/", nil),
        (["all_proxy": "p:1", "no_proxy": "example.org"], "http://badexample.org/", "p:1"),
        (["all_proxy": "p:1", "NO_PROXY": "10.0.0.0/8"], "http://10.20.30.40/", nil),
        (["all_proxy": "p:1", "no_proxy": "10.0.0.0/8"], "http://11.20.30.40/", "p:1"),
        (["all_proxy": "p:1", "no_proxy": "10.1.2.3"], "http://10.1.2.3:8080/", nil),
        (["all_proxy": "p:1", "no_proxy": "fd00::/9"], "http://[fd7f::1]/", nil),
        (["all_proxy": "p:1", "no_proxy": "fd00::/9"], "http://[fd80::1]/", "p:1"),
    ])
    func choice(environment: [String: String], url: String, expected: String?) throws {
        #expect(try ProxySettings(environment: environment).proxyAddress(for: url) == expected)
    }

    @Test(arguments: ["https://p:1", "ftp://p", "http://", "socks5://user@p:1", "socks4://p"])
    func proxiesThatCannotBeUsedAreErrors(value: String) {
        #expect(throws: ProxySettingsError.self) { try ProxySettings(environment: ["https_proxy": value]) }
    }
}
