import NIOHTTP1
import NIOSSL
import Registry
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Connections go to addresses, certificates are of names.
@Suite struct TLSTests {
    /// Runs `body` with a client that trusts the test's certificate, which is for `localhost` alone.
    private func withTrust<Result>(_ body: (RegistryClient) async throws -> Result) async throws -> Result {
        let file = FileManager.default.temporaryDirectory.appending(path: "minion-test-\(UUID()).pem")
        try TestCertificate.certificate.write(to: file, atomically: false, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        let names = ["localhost": ["127.0.0.1"], "registry.test": ["127.0.0.1"]]
        return try await body(testClient(names: names, certificateFile: file.path))
    }

    private let script: FakeServer.Script = { request in
        var images = FakeImages()
        images.add(FakeImages.image("a"), as: "latest")
        return images.answer(request)
    }

    @Test func certificateIsHeldAgainstTheName() async throws {
        try await FakeServer.run(tls: TestCertificate.serverContext(), script) { server in
            try await withTrust { client in
                let image = try await client.resolve(server.image(scheme: "https", host: "localhost"))
                #expect(image.blobs[0].url.hasPrefix("https://localhost:\(server.port)/v2/some/app/blobs/sha256:"))
                for host in ["registry.test", "127.0.0.1"] {
                    let error = try await failure {
                        try await client.resolve(server.image(scheme: "https", host: host))
                    }
                    #expect(error.description.hasSuffix("its certificate is for another name"), "\(error)")
                }
            }
            #expect(server.requests.count == 1)
        }
    }

    @Test func certificateThatNobodyTrustsIsRefused() async throws {
        try await FakeServer.run(tls: TestCertificate.serverContext(), script) { server in
            let client = try testClient(names: ["localhost": ["127.0.0.1"]])
            let error = try await failure {
                try await client.resolve(server.image(scheme: "https", host: "localhost"))
            }
            #expect(error.description.contains("its certificate is not trusted"), "\(error)")
            #expect(server.requests.isEmpty)
        }
    }

    @Test func nothingGoesBackToPlainText() async throws {
        try await FakeServer.run(script) { plain in
            let port = plain.port
            let script: FakeServer.Script = { request in
                if request.path.hasSuffix("/down") { return .redirect("http://127.0.0.1:\(port)/") }
                let challenge = #"Bearer realm="http://127.0.0.1:\#(port)/token""#
                return .text("", status: 401, headers: ["WWW-Authenticate": challenge])
            }
            try await FakeServer.run(tls: TestCertificate.serverContext(), script) { server in
                try await withTrust { client in
                    let down = try await failure {
                        try await client.resolve(server.image("down", scheme: "https", host: "localhost"))
                    }
                    #expect(down.description.contains("redirects from https to http"))
                    let token = try await failure {
                        try await client.resolve(server.image(scheme: "https", host: "localhost"))
                    }
                    #expect(token.description.contains("wants a token that is sent in the clear"))
                }
            }
            #expect(plain.requests.isEmpty)
        }
    }
}
