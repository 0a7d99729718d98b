import MinionCore
import NIOHTTP1
import Registry
import Testing

@Suite struct ResolveTests {
    private static let intel = FakeImages.image("base", "app for intel", "base")
    private static let arm = FakeImages.image("base", "app for arm")

    private func platform(_ text: String) throws -> ImagePlatform { try ImagePlatform(text) }

    /// Resolves `some/app:latest` on a server with these images.
    private func resolve(
        _ images: FakeImages, _ platform: String = "linux/amd64", limits: RegistryLimits = RegistryLimits(),
        check: (FakeServer) throws -> Void = { _ in }
    ) async throws -> ResolvedImage {
        try await FakeServer.run({ images.answer($0) }) { server in
            defer { #expect(throws: Never.self) { try check(server) } }
            return try await testClient(limits: limits).resolve(server.image(), platform: try ImagePlatform(platform))
        }
    }

    private func twoPlatforms() -> FakeImages {
        var images = FakeImages()
        images.add(Self.intel)
        images.add(Self.arm)
        let attestation = FakeImages.image("attestation")
        images.add(
            FakeImages.index([
                ("unknown/unknown", attestation), ("linux/arm64/v8", Self.arm), ("linux/amd64", Self.intel),
            ]), as: "latest")
        return images
    }

    @Test func imageOfThePlatformIsFound() async throws {
        var base = ""
        let image = try await resolve(twoPlatforms()) { server in
            base = "http://127.0.0.1:\(server.port)/v2/some/app/blobs/"
            let accept = try #require(server.requests.first?.headers.first(name: "Accept"))
            for type in ["oci.image.index.v1", "oci.image.manifest.v1", "manifest.list.v2", "distribution.manifest.v2"]
            {
                #expect(accept.contains(type))
            }
        }
        // The configuration, then the layers; the one that is there twice is named once.
        let contents = ["config of \(["base", "app for intel", "base"])", "base", "app for intel"]
        #expect(image.blobs.map(\.digest) == contents.map { FakeImages.Manifest.digest(of: $0) })
        #expect(image.blobs.map(\.url) == image.blobs.map { base + $0.digest })
        #expect(image.blobs.map(\.size) == contents.map { Int64($0.utf8.count) })
        #expect(image.blobs.last?.mediaType == FakeImages.layerType)
        #expect(image.authorization == nil && image.skipped.isEmpty)
        let other = try await resolve(twoPlatforms(), "linux/aarch64")
        #expect(other.blobs.last?.digest == FakeImages.Manifest.digest(of: "app for arm"))
    }

    @Test func platformThatIsMissingIsNamed() async throws {
        let error = try await failure { try await resolve(twoPlatforms(), "linux/s390x") }
        #expect(error.description == "no matching manifest for platform linux/s390x")
    }

    @Test func imageWithoutIndexIsTakenAsItIs() async throws {
        var images = FakeImages()
        images.add(Self.intel, as: "latest")
        #expect(try await resolve(images, "linux/s390x").blobs.count == 3)
    }

    @Test func entryWithoutPlatformIsTakenIfNoneHasOne() async throws {
        var images = FakeImages()
        images.add(Self.arm)
        images.add(FakeImages.index([("", Self.arm)]), as: "latest")
        #expect(try await resolve(images).blobs.count == 3)
    }

    @Test func imageOfADigestIsFound() async throws {
        let images = twoPlatforms()
        try await FakeServer.run({ images.answer($0) }) { server in
            let image = try await testClient().resolve(server.image(Self.arm.digest))
            #expect(image.blobs.count == 3)
        }
    }

    @Test func layersOfElsewhereAreLeftOut() async throws {
        var images = FakeImages()
        let type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
        images.add(FakeImages.image("windows", type: type), as: "latest")
        let image = try await resolve(images)
        #expect(image.blobs.count == 1)
        #expect(image.skipped.map(\.digest) == [FakeImages.Manifest.digest(of: "windows")])
        #expect(image.skipped[0].reason == "registries do not hand out layers of type \(type)")
    }

    // MARK: Indexes within indexes

    private func nested(_ depth: Int) -> FakeImages {
        var images = FakeImages()
        images.add(Self.intel)
        var index = FakeImages.index([("linux/amd64", Self.intel)])
        for _ in 1..<depth {
            images.add(index)
            index = FakeImages.index([("", index)])
        }
        images.add(index, as: "latest")
        return images
    }

    @Test func indexesWithinIndexesAreFollowedFourDeep() async throws {
        #expect(try await resolve(nested(4)).blobs.count == 3)
        let error = try await failure { try await resolve(nested(5)) }
        #expect(error.description.hasSuffix("has indexes within indexes, more than 4"))
        #expect(error.description.hasPrefix("failed to pull image manifest: 127.0.0.1:"))
    }

    /// A digest cannot lie within what it is the digest of; whoever pretends is found out.
    @Test func indexWithinItselfEnds() async throws {
        let inner = FakeImages.index([("linux/arm64", Self.arm)])
        let outer = FakeImages.index([("", inner)])
        try await FakeServer.run({ _ in
            .text(outer.text, headers: ["Content-Type": outer.type])
        }) { server in
            let error = try await failure {
                try await testClient().resolve(server.image(), platform: platform("linux/amd64"))
            }
            #expect(error.description.hasSuffix("that has another digest"))
            #expect(server.requests.count == 2)
        }
    }

    @Test func sameIndexIsReadOnce() async throws {
        var images = FakeImages()
        let inner = FakeImages.index([("linux/arm64", Self.arm)])
        images.add(inner)
        images.add(FakeImages.index([("", inner), ("", inner), ("linux/amd64", inner)]), as: "latest")
        let error = try await failure {
            try await resolve(images) { #expect($0.requests.count == 2) }
        }
        #expect(error == .noMatch(try platform("linux/amd64")))
    }

    @Test func numberOfManifestsIsLimited() async throws {
        var images = FakeImages()
        let inner = (0..<8).map { FakeImages.index([("linux/arm/v\($0)", Self.arm)]) }
        for index in inner { images.add(index) }
        images.add(FakeImages.index(inner.map { ("", $0) }), as: "latest")
        var limits = RegistryLimits()
        limits.manifests = 5
        let error = try await failure {
            try await resolve(images, limits: limits) { #expect($0.requests.count == 6) }
        }
        #expect(error.description.hasSuffix("has more than 5 manifests to look into"))
    }
}
