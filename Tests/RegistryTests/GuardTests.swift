import MinionCore
import NIOHTTP1
import NIOPosix
import Registry
import Synchronization
import Testing

/// To whom the client connects, and what it tells them.
@Suite struct GuardTests {
    private static func images() -> FakeImages {
        var images = FakeImages()
        images.add(FakeImages.image("a"), as: "latest")
        return images
    }

    private func image(_ host: String) throws -> ImageReference {
        try ImageReference("http://\(host)/v2/some/app/manifests/latest")
    }

    @Test(arguments: [
        (["169.254.1.1"], "169.254.1.1, a link-local address"),
        (["8.8.8.8", "169.254.169.254"], "169.254.169.254, a cloud's metadata address"),
        (["::ffff:10.0.0.1"], "10.0.0.1, a private address"), (["0.0.0.0"], "0.0.0.0, an unspecified address"),
        (["64:ff9b::a9fe:a9fe"], "64:ff9b::a9fe:a9fe, which leads to 169.254.169.254, a cloud's metadata address"),
    ])
    func nameWithAnyAddressThatIsRefusedIsRefused(_ addresses: [String], _ reason: String) async throws {
        let error = try await failure {
            try await testClient(names: ["registry.test": addresses]).resolve(image("registry.test"))
        }
        #expect(
            error.description.hasPrefix("failed to pull image manifest: registry.test is at \(reason)"), "\(error)")
    }

    @Test(arguments: [
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254 is a cloud's metadata address"),
        ("//[fd00:ec2::254]/latest", "fd00:ec2::254 is a cloud's metadata address"),
        ("http://[::ffff:a9fe:a9fe]/", "169.254.169.254 is a cloud's metadata address"),
        ("http://inside.test/", "inside.test is at 10.0.0.7, a private address"),
        ("http://2130706433/", "redirects to what is no http or https URL"),
        ("file:///etc/passwd", "a URL of scheme \"file\" is not fetched; only http and https are"),
        ("gopher:x", "redirects to what is no http or https URL"),
        ("http://a@b/", "redirects to what is no http or https URL"),
        ("", "has no"),
    ])
    func redirectsAreHeldAgainstTheRules(_ location: String, _ reason: String) async throws {
        try await FakeServer.run({ request in
            request.path.hasSuffix("latest") ? .redirect(location) : .text("", status: 404)
        }) { server in
            let error = try await failure {
                try await testClient(names: ["inside.test": ["10.0.0.7"]]).resolve(server.image())
            }
            #expect(error.description.hasPrefix("failed to pull image manifest: "))
            #expect(error.description.contains(reason), "\(error)")
        }
    }

    /// The system cannot resolve the name: that it is reached shows that nobody looked it up again.
    @Test func connectionGoesToTheAddressThatWasChecked() async throws {
        try await FakeServer.run({ Self.images().answer($0) }) { server in
            let asked = Mutex(0)
            let client = RegistryClient(
                rules: try testRules(), group: MultiThreadedEventLoopGroup.singleton, logger: quietLogger,
                resolver: HostResolver { _ in
                    // A name that leads inside from the second look-up on.
                    let isFirst = asked.withLock { count in
                        count += 1
                        return count == 1
                    }
                    return [IPAddress(isFirst ? "127.0.0.1" : "169.254.169.254")].compactMap { $0 }
                })
            let image = try image("Registry.Test:\(server.port)")
            #expect(try await client.resolve(image).blobs.count == 2)
            #expect(asked.withLock { $0 } == 1)
            #expect(server.requests.first?.host == "registry.test:\(server.port)")
            let error = try await failure { try await client.resolve(image) }
            #expect(error.description.contains("169.254.169.254, a cloud's metadata address"))
        }
    }

    @Test func nextAddressIsTried() async throws {
        try await FakeServer.run({ Self.images().answer($0) }) { server in
            let client = try testClient(names: ["registry.test": ["127.0.0.77", "127.0.0.1"]])
            #expect(try await client.resolve(image("registry.test:\(server.port)")).blobs.count == 2)
        }
    }

    @Test func nameThatDoesNotResolveIsNamed() async throws {
        let error = try await failure { try await testClient().resolve(image("registry.test")) }
        #expect(error.description == "failed to pull image manifest: the name registry.test does not resolve")
    }

    @Test func systemResolves() async throws {
        let client = RegistryClient(
            rules: try testRules("::1"), group: MultiThreadedEventLoopGroup.singleton, logger: quietLogger)
        try await FakeServer.run({ Self.images().answer($0) }) { server in
            let image = try await client.resolve(server.image(host: "localhost"))
            #expect(image.blobs.count == 2)
        }
        let strict = RegistryClient(
            rules: AddressRules(), group: MultiThreadedEventLoopGroup.singleton, logger: quietLogger)
        let error = try await failure { try await strict.resolve(image("localhost")) }
        #expect(error.description.contains("localhost is at "))
        #expect(error.description.contains(", a loopback address; --allow-addresses "))
        let unknown = try await failure { try await strict.resolve(image("no-such-host.invalid")) }
        #expect(unknown.description.hasSuffix("the name no-such-host.invalid does not resolve"))
    }

    @Test func credentialsStayWithTheirServer() async throws {
        try await FakeServer.run({ Self.images().answer($0) }) { other in
            let there = "http://127.0.0.1:\(other.port)/v2/some/app/manifests/latest"
            let script: FakeServer.Script = { request in
                request.path == "/here" ? .redirect(there) : .redirect("/here")
            }
            try await FakeServer.run(script) { server in
                let credentials = RegistryCredentials(authorization: "Bearer t0ken")
                let image = try await testClient().resolve(
                    server.image(), credentials: credentials, headers: [("Cookie", "c"), ("X-Key", "k")])
                #expect(image.blobs.count == 2)
                #expect(server.requests.map(\.path) == ["/v2/some/app/manifests/latest", "/here"])
                for request in server.requests {
                    #expect(request.authorization == "Bearer t0ken" && request.headers["X-Key"] == ["k"])
                }
                let request = try #require(other.requests.first)
                #expect(request.authorization == nil)
                #expect(!request.headers.contains(name: "Cookie") && !request.headers.contains(name: "X-Key"))
                #expect(request.headers.first(name: "Accept")?.contains(FakeImages.imageType) == true)
            }
        }
    }

    /// Nor is anybody else's challenge answered with them.
    @Test func otherServersChallengeIsNotAnswered() async throws {
        try await FakeServer.run({ request in
            .text("", status: 401, headers: ["WWW-Authenticate": #"Bearer realm="http://\#(request.host)/""#])
        }) { other in
            let there = "http://127.0.0.1:\(other.port)/manifest"
            try await FakeServer.run({ _ in .redirect(there) }) { server in
                let credentials = RegistryCredentials(username: "a", password: "b")
                let error = try await failure {
                    try await testClient().resolve(server.image(), credentials: credentials)
                }
                #expect(
                    error.description
                        == "failed to authenticate with registry: 127.0.0.1:\(other.port), to which "
                        + "127.0.0.1:\(server.port) redirects, does not let us in")
                #expect(other.requests.map(\.authorization) == [nil])
            }
        }
    }

    @Test func redirectsEnd() async throws {
        try await FakeServer.run({ .redirect($0.target) }) { server in
            let error = try await failure { try await testClient().resolve(server.image()) }
            #expect(error.description.hasSuffix("redirects without end (more than 5 times)"))
            #expect(server.requests.count == 6)
        }
    }
}
