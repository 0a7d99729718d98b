import MinionCore
import NIOHTTP1
import Registry
import Testing

@Suite struct AuthenticationTests {
    private static let credentials = RegistryCredentials(username: "ada", password: "s3cret word")
    /// Of `ada:s3cret word`.
    private static let basic = "Basic YWRhOnMzY3JldCB3b3Jk"

    private static func images() -> FakeImages {
        var images = FakeImages()
        images.add(FakeImages.image("a"), as: "latest")
        return images
    }

    /// A registry that wants a token, which `/token` gives to whom `isKnown` says.
    private static func tokens(
        answer: String = #"{"token":"t0ken","expires_in":300}"#, scope: String = "repository:some/app:pull",
        realm: String? = nil, isKnown: @escaping @Sendable (String?) -> Bool = { $0 == basic }
    ) -> FakeServer.Script {
        { request in
            if request.path == "/token" {
                guard isKnown(request.authorization) else {
                    // A registry that repeats what it was sent.
                    let said = request.authorization ?? ""
                    return .text(
                        #"{"errors":[{"code":"UNAUTHORIZED","message":"s3cret word \#(said)"}]}"#, status: 401)
                }
                return .text(answer)
            }
            guard request.authorization == "Bearer t0ken" else {
                let realm = realm ?? "http://\(request.host)/token?x=1"
                let challenge = #"Bearer realm="\#(realm)",service="the registry",scope="\#(scope)""#
                return .text("{}", status: 401, headers: ["WWW-Authenticate": challenge])
            }
            return images().answer(request)
        }
    }

    @Test func tokenIsAskedForWithNameAndPassword() async throws {
        try await FakeServer.run(Self.tokens()) { server in
            let image = try await testClient().resolve(
                server.image(), credentials: Self.credentials, headers: [("X-Mine", "1"), ("Host", "elsewhere")])
            #expect(image.authorization == "Bearer t0ken" && image.authorizationLifetime == .seconds(300))
            #expect(image.blobs.count == 2)
            let requests = server.requests
            #expect(
                requests.map(\.path) == ["/v2/some/app/manifests/latest", "/token", "/v2/some/app/manifests/latest"])
            #expect(requests[1].target == "/token?x=1&service=the%20registry&scope=repository:some/app:pull")
            #expect(requests.map(\.authorization) == [nil, Self.basic, "Bearer t0ken"])
            // The user's fields are the registry's to see, and do not say how requests are sent.
            #expect(requests.map { $0.headers.contains(name: "X-Mine") } == [true, false, true])
            #expect(requests.allSatisfy { $0.host == "127.0.0.1:\(server.port)" })
        }
    }

    @Test func anonymousTokenIsEnoughForSome() async throws {
        let script = Self.tokens(answer: #"{"access_token":"t0ken"}"#, isKnown: { $0 == nil })
        try await FakeServer.run(script) { server in
            let image = try await testClient().resolve(server.image())
            #expect(image.authorization == "Bearer t0ken" && image.authorizationLifetime == .seconds(60))
        }
    }

    @Test(arguments: ["repository:some/app:pull,push", "registry:catalog:*", "", "repository:a:pull repository:b:pull"])
    func tokenIsAskedForThatReadsOnly(_ scope: String) async throws {
        try await FakeServer.run(Self.tokens(scope: scope)) { server in
            _ = try await testClient().resolve(server.image(), credentials: Self.credentials)
            #expect(server.requests[1].target.hasSuffix("&scope=repository:some/app:pull"))
        }
    }

    @Test func wrongPasswordIsSaidAndNotShown() async throws {
        try await FakeServer.run(Self.tokens()) { server in
            let wrong = RegistryCredentials(username: "ada", password: "wr0ng")
            let error = try await failure { try await testClient().resolve(server.image(), credentials: wrong) }
            #expect(
                error.description
                    == "failed to authenticate with registry: 127.0.0.1:\(server.port) does not take this user name and "
                    + "password")
            let anonymous = try await failure { try await testClient().resolve(server.image()) }
            #expect(anonymous.description.hasSuffix("gives no token without a user name and a password"))
            #expect("\(wrong) \(String(reflecting: wrong))" == "credentials credentials")
        }
    }

    @Test(
        arguments: [
            ("", "answered something else than a token"), ("[]", "answered something else than a token"),
            ("{}", "answered without a token"), (#"{"token":""}"#, "answered without a token"),
            (#"{"token":"a\r\nX: y"}"#, "gave a token that is too long, or no text for a header"),
            (
                #"{"token":"\#(String(repeating: "a", count: 40_000))"}"#,
                "gave a token that is too long, or no text for a header"
            ),
            (String(repeating: " ", count: 300_000), "sent more than 256 KiB"),
        ] as [(String, String)])
    func whatIsNoTokenIsRefused(_ answer: String, _ reason: String) async throws {
        try await FakeServer.run(Self.tokens(answer: answer)) { server in
            let error = try await failure {
                try await testClient().resolve(server.image(), credentials: Self.credentials)
            }
            #expect(error.description.hasPrefix("failed to authenticate with registry: "))
            #expect(error.description.hasSuffix(reason), "\(error)")
        }
    }

    @Test(arguments: [
        ("http://169.254.169.254/token", "169.254.169.254 is a cloud's metadata address"),
        ("http://metadata.test/", "metadata.test is at 169.254.169.254, a cloud's metadata address"),
        ("http://10.0.0.1/token", "10.0.0.1 is a private address"),
    ])
    func tokenServiceIsHeldAgainstTheRules(_ realm: String, _ reason: String) async throws {
        try await FakeServer.run(Self.tokens(realm: realm)) { server in
            let error = try await failure {
                try await testClient(names: ["metadata.test": ["169.254.169.254"]])
                    .resolve(server.image(), credentials: Self.credentials)
            }
            #expect(error.description.hasPrefix("failed to authenticate with registry: no token from "))
            #expect(error.description.contains(reason), "\(error)")
        }
    }

    @Test(arguments: ["", "/token", "file:///etc/passwd", "http://user:pass@host/"])
    func tokenServiceHasAURL(_ realm: String) async throws {
        try await FakeServer.run(Self.tokens(realm: realm)) { server in
            let error = try await failure { try await testClient().resolve(server.image()) }
            #expect(error.description.hasSuffix("does not say where tokens are to be had (realm)"))
        }
    }

    @Test func basicAuthentication() async throws {
        let script: FakeServer.Script = { request in
            guard request.authorization == Self.basic else {
                return .text("", status: 401, headers: ["WWW-Authenticate": #"Negotiate, basic realm="a, b""#])
            }
            return Self.images().answer(request)
        }
        try await FakeServer.run(script) { server in
            let image = try await testClient().resolve(server.image(), credentials: Self.credentials)
            #expect(image.authorization == Self.basic)
            let none = try await failure { try await testClient().resolve(server.image()) }
            #expect(none.description.hasSuffix(":\(server.port) wants a user name and a password"))
            let wrong = RegistryCredentials(username: "ada", password: "wr0ng")
            let error = try await failure { try await testClient().resolve(server.image(), credentials: wrong) }
            #expect(error.description.hasPrefix("failed to authenticate with registry: "))
            #expect(error.description.hasSuffix(" does not take these credentials for some/app"))
        }
    }

    @Test func ownAuthorizationIsSentInstead() async throws {
        try await FakeServer.run(Self.tokens()) { server in
            let own = RegistryCredentials(username: "ada", password: "x", authorization: "Bearer t0ken")
            #expect(try await testClient().resolve(server.image(), credentials: own).authorization == "Bearer t0ken")
            let field = [("authorization", "Bearer t0ken")]
            #expect(try await testClient().resolve(server.image(), headers: field).authorization == "Bearer t0ken")
            #expect(server.requests.count == 2)
            let wrong = [("Authorization", "Bearer wr0ng")]
            let error = try await failure {
                try await testClient().resolve(server.image(), credentials: Self.credentials, headers: wrong)
            }
            #expect(error.description.hasSuffix(" does not take these credentials for some/app"))
            #expect(server.requests.count == 3)
        }
    }

    @Test func registryWithoutAWayInIsNamed() async throws {
        try await FakeServer.run({ _ in .text("", status: 401) }) { server in
            let error = try await failure { try await testClient().resolve(server.image()) }
            #expect(error.description.hasSuffix("offers neither tokens nor basic authentication"))
        }
    }
}
