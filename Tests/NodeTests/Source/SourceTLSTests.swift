import Node
import Swarm
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct SourceTLSTests {
    /// Runs `body` with a client that trusts the test's certificate.
    private func withTrust<Result>(_ body: (SourceClient) async throws -> Result) async throws -> Result {
        let file = FileManager.default.temporaryDirectory.appending(path: "minion-test-\(UUID()).pem")
        try TestCertificate.certificate.write(to: file, atomically: false, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        return try await withSource(try SourceOptions(environment: ["SSL_CERT_FILE": file.path])) { try await body($0) }
    }

    @Test func trustedCertificateOfTheRightName() async throws {
        try await ScriptedServer.run(isSecure: true, honest(500_000)) { server in
            try await withTrust { source in
                let url = server.url(scheme: "https", host: "localhost")
                _ = try await source.stat(url)
                let collector = Collector()
                try await source.fetch(url, range: 1000..<400_000, of: version(500_000)) { collector.take($0) }
                #expect(collector.bytes == pattern(1000..<400_000))
                #expect(server.connectionCount == 1)
            }
        }
    }

    @Test func untrustedCertificate() async throws {
        try await ScriptedServer.run(isSecure: true, honest(10)) { server in
            try await withSource { source in
                let failure = try await failure {
                    _ = try await source.stat(server.url(scheme: "https", host: "localhost"))
                }
                #expect(failure.kind == .connection)
                #expect(
                    failure.message.hasPrefix(
                        "no TLS connection to localhost:\(server.port): its certificate is not trusted"))
                #expect(server.requests.isEmpty)
            }
        }
    }

    @Test func certificateOfAnotherName() async throws {
        try await ScriptedServer.run(isSecure: true, honest(10)) { server in
            try await withTrust { source in
                let failure = try await failure { _ = try await source.stat(server.url(scheme: "https")) }
                #expect(failure.kind == .connection)
                #expect(failure.message.hasSuffix("its certificate is for another name"))
                #expect(server.requests.isEmpty)
            }
        }
    }

    @Test func serverThatDoesNotSpeakTLS() async throws {
        try await ScriptedServer.run(greeting: "HTTP/1.1 400 Bad Request\r\n\r\n", { _, _ in [] }) { server in
            try await withSource { source in
                let failure = try await failure { _ = try await source.stat(server.url(scheme: "https")) }
                #expect(failure.kind == .connection)
                #expect(failure.message.hasSuffix("it does not speak TLS on this port"), "\(failure.message)")
            }
        }
    }

    @Test func redirectToTLSIsFollowedAndBackIsNot() async throws {
        try await ScriptedServer.run(honest(10)) { plain in
            let back = plain.url("/back")
            let script: ScriptedServer.Script = { request, number in
                request.target == "/down"
                    ? [.text("HTTP/1.1 302 Found\r\nLocation: \(back)\r\nContent-Length: 0\r\n\r\n")]
                    : honest(10)(request, number)
            }
            try await ScriptedServer.run(isSecure: true, script) { secure in
                let up = secure.url("/file", scheme: "https", host: "localhost")
                try await ScriptedServer.run(answer("HTTP/1.1 301 Moved\nLocation: \(up)\nContent-Length: 0")) {
                    server in
                    try await withTrust { source in
                        _ = try await source.stat(server.url())
                        #expect(secure.requests.map(\.target) == ["/file"])
                        let failure = try await failure {
                            _ = try await source.stat(secure.url("/down", scheme: "https", host: "localhost"))
                        }
                        #expect(failure.kind == .refused)
                        #expect(failure.message.contains("from https to http"))
                        #expect(plain.requests.isEmpty)
                    }
                }
            }
        }
    }
}
