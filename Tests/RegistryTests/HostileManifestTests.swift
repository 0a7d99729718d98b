import MinionCore
import NIOHTTP1
import NIOPosix
import Registry
import Testing

/// Manifests and registries that are not as they should be.
@Suite struct HostileManifestTests {
    /// The error when the registry answers this.
    private func error(
        _ text: String, type: String = FakeImages.imageType, headers: [String: String] = [:],
        reference: String = "latest"
    ) async throws -> String {
        var all: HTTPHeaders = ["Content-Type": type]
        for (name, value) in headers { all.add(name: name, value: value) }
        let answer = FakeServer.Answer.text(text, headers: all)
        return try await FakeServer.run({ _ in answer }) { server in
            let error = try await failure { try await testClient().resolve(server.image(reference)) }
            let description = error.description
            #expect(description.hasPrefix("failed to pull image manifest: 127.0.0.1:\(server.port) sent "), "\(error)")
            return description.split(separator: " sent ", maxSplits: 1).last.map(String.init) ?? ""
        }
    }

    private static let digest = FakeImages.Manifest.digest(of: "x")
    private static let descriptor = #"{"mediaType":"a/b","digest":"\#(digest)","size":1}"#
    private static let shown = "a manifest of some/app:latest, but "

    @Test func manifestOfAnotherDigestIsRefused() async throws {
        let image = FakeImages.image("a")
        let other = FakeImages.Manifest.digest(of: "b")
        #expect(
            try await error(image.text, reference: other) == "a manifest of some/app@\(other) that has another digest")
        #expect(
            try await error(image.text, headers: ["Docker-Content-Digest": other])
                == "a manifest of some/app:latest whose digest is not the one in its header, \(other)")
    }

    @Test func digestsOfBothKindsAreChecked() async throws {
        // SHA-512 of "{}".
        let right =
            "sha512:27c74670adb75075fad058d5ceaf7b20c4e7786c83bae8a32f626f9782af34c9a33c2046ef60fd2a7878d378e29fec851806"
            + "bbd9a67878f3a9f1cda4830763fd"
        #expect(try await error("{}", reference: right).hasSuffix("but it is neither an index nor an image"))
        let wrong = right.dropLast() + "e"
        #expect(try await error("{}", reference: String(wrong)).hasSuffix("that has another digest"))
    }

    @Test func numberOfLayersIsLimited() async throws {
        let layers = Array(repeating: "{}", count: 1_000_000).joined(separator: ",")
        let text = #"{"schemaVersion":2,"config":\#(Self.descriptor),"layers":[\#(layers)]}"#
        #expect(text.utf8.count < 4 << 20)
        #expect(try await error(text) == Self.shown + "it has more than 10000 layers")
        let index = #"{"manifests":[\#(layers)]}"#
        #expect(
            try await error(index, type: FakeImages.indexType) == Self.shown + "it has more than 10000 manifests")
    }

    @Test func lengthOfAManifestIsLimited() async throws {
        #expect(try await error(String(repeating: " ", count: (4 << 20) + 1)) == "more than 4.00 MiB")
        try await FakeServer.run({ _ in .init(body: .endless) }) { server in
            let error = try await failure { try await testClient().resolve(server.image()) }
            #expect(error.description.hasSuffix("sent more than 4.00 MiB"))
        }
    }

    @Test(
        arguments: [
            ("", "it cannot be read"), ("[]", "it cannot be read"), ("{}", "it is neither an index nor an image"),
            (String(repeating: "[", count: 100_000), "it cannot be read"),
            (#"{"manifests":[],"layers":[]}"#, "it is an index and an image at once"),
            (#"{"schemaVersion":1,"fsLayers":[]}"#, "its format is schema 1, which is not supported"),
            (#"{"config":\#(descriptor),"layers":[{"digest":"sha256:../x","size":1}]}"#, "it cannot be read at layers"),
            (#"{"config":\#(descriptor),"layers":[{"digest":"\#(digest)","size":-1}]}"#, "it cannot be read at layers"),
            (#"{"config":\#(descriptor),"layers":[{"digest":"\#(digest)","size":1e40}]}"#, "it cannot be read"),
            (#"{"config":\#(descriptor),"layers":[{"digest":"md5:00","size":1}]}"#, "it cannot be read at layers"),
            (#"{"config":\#(descriptor),"layers":[{"size":1}]}"#, "it cannot be read at layers"),
            (#"{"config":\#(descriptor)}"#, "it is neither an index nor an image"),
            (
                #"{"mediaType":"\#(FakeImages.indexType)","config":\#(descriptor),"layers":[]}"#,
                "it is neither an index nor an image"
            ),
        ] as [(String, String)])
    func whatIsNoManifestIsRefused(_ text: String, _ reason: String) async throws {
        let error = try await error(text)
        #expect(error.hasPrefix(Self.shown + reason), "\(error)")
    }

    @Test func missingImageIsNamed() async throws {
        try await FakeServer.run({ FakeImages().answer($0) }) { server in
            let error = try await failure { try await testClient().resolve(server.image("3.19")) }
            #expect(
                error.description
                    == "failed to pull image manifest: 127.0.0.1:\(server.port) has no some/app:3.19 (MANIFEST_UNKNOWN)"
            )
        }
    }

    @Test func registryThatIsDownIsNamed() async throws {
        // Its port is free again afterwards.
        let image = try await FakeServer.run({ _ in .text("") }) { try $0.image() }
        let error = try await failure { try await testClient().resolve(image) }
        #expect(error.description.hasPrefix("failed to pull image manifest: 127.0.0.1:"))
        #expect(error.description.hasSuffix(" refused the connection"))
    }

    @Test func registryThatDoesNotAnswerIsLeft() async throws {
        var limits = RegistryLimits()
        limits.timeout = .milliseconds(200)
        try await FakeServer.run({ _ in .init(body: .never) }) { server in
            let start = ContinuousClock.now
            let error = try await failure { try await testClient(limits: limits).resolve(server.image()) }
            #expect(error.description.contains("did not answer within 0.2 seconds"))
            #expect(ContinuousClock.now - start < .seconds(20))
        }
    }

    @Test func nameThatTakesLongIsLeft() async throws {
        var limits = RegistryLimits()
        limits.timeout = .milliseconds(200)
        let client = RegistryClient(
            rules: try testRules(), group: MultiThreadedEventLoopGroup.singleton, logger: quietLogger,
            limits: limits,
            resolver: HostResolver { _ in
                try await Task.sleep(for: .seconds(3600))
                return []
            })
        let image = try ImageReference("http://registry.test/v2/some/app/manifests/latest")
        let error = try await failure { try await client.resolve(image) }
        #expect(error.description.contains("registry.test and whom it names did not answer within 0.2 seconds"))
    }

    @Test func cancellingEndsIt() async throws {
        try await FakeServer.run({ _ in .init(body: .never) }) { server in
            let image = try server.image()
            let task = Task { try await failure { try await testClient().resolve(image) } }
            while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
            task.cancel()
            #expect(try await task.value.description == "failed to pull image manifest: the request was cancelled")
        }
    }
}
