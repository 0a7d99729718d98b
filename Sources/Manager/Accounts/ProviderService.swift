import AsyncHTTPClient
import Logging
import ManagerStore
import NIOCore
import NIOHTTP1

/// Signing in with an account elsewhere: OAuth 2.0 with an authorization code (RFC 6749), in the ways of GitHub and of
/// Google.
package struct ProviderService: Sendable {
    /// Where a provider does what.
    package struct Endpoints: Hashable, Sendable {
        package var authorize: String
        package var token: String
        package var profile: String
        package var scope: String

        static let standard: [String: Endpoints] = [
            "github": Endpoints(
                authorize: "https://github.com/login/oauth/authorize",
                token: "https://github.com/login/oauth/access_token", profile: "https://api.github.com/user",
                scope: "read:user user:email"),
            "google": Endpoints(
                authorize: "https://accounts.google.com/o/oauth2/v2/auth", token: "https://oauth2.googleapis.com/token",
                profile: "https://openidconnect.googleapis.com/v1/userinfo", scope: "openid email profile"),
        ]

        /// Those of a provider, or what its row says instead.
        init(_ provider: OAuthProvider) {
            let standard = Self.standard[provider.name]
            authorize = provider.authorizeURL.isEmpty ? standard?.authorize ?? "" : provider.authorizeURL
            token = provider.tokenURL.isEmpty ? standard?.token ?? "" : provider.tokenURL
            profile = provider.profileURL.isEmpty ? standard?.profile ?? "" : provider.profileURL
            scope = standard?.scope ?? ""
        }

        fileprivate init(authorize: String, token: String, profile: String, scope: String) {
            self.authorize = authorize
            self.token = token
            self.profile = profile
            self.scope = scope
        }
    }

    package static let names = ["github", "google"]
    private static let timeout = TimeAmount.seconds(10)
    private static let maximumAnswer = 1 << 20

    let store: Store
    let accounts: AccountService
    let http: HTTPClient
    let logger: Logger

    /// Asks providers: no redirects, and no second try where nobody listens.
    static func makeClient() -> HTTPClient {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(connect: .seconds(5), read: .seconds(10)))
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Where to send a browser that wants to sign in.
    ///
    /// - Parameters:
    ///   - proof: What only the browser that began has.
    ///   - ownURL: where the provider sends the browser back to, unless the provider's row says something else.
    package func start(_ name: String, _ proof: SignInProof, ownURL: String) async throws -> String {
        let provider = try await find(name)
        let endpoints = Endpoints(provider)
        let query = QueryString.text(of: [
            ("client_id", provider.clientID), ("redirect_uri", Self.redirect(provider, ownURL)),
            ("response_type", "code"), ("scope", endpoints.scope), ("state", proof.state),
            ("code_challenge", proof.challenge), ("code_challenge_method", "S256"),
        ])
        return endpoints.authorize + (endpoints.authorize.contains("?") ? "&" : "?") + query
    }

    /// Signs in who comes back with a code. Throws `Refusal`, the same for whatever the provider does not like.
    package func finish(
        _ name: String, code: String, _ proof: SignInProof, ownURL: String, from origin: AccountService.Origin
    ) async throws -> AccountService.SignedIn {
        let provider = try await find(name)
        let identity: ForeignIdentity
        do {
            identity = try await exchange(code, proof, with: provider, ownURL: ownURL)
        } catch {
            logger.warning("sign-in with a provider failed", metadata: ["provider": "\(name)", "error": "\(error)"])
            throw Refusal.unauthorized()
        }
        let user = try await accounts.user(of: identity)
        guard let signedIn = try await accounts.begin(user, from: origin) else { throw Refusal.unauthorized() }
        return signedIn
    }

    private func find(_ name: String) async throws -> OAuthProvider {
        guard let provider = try await store.read({ try $0.oauthProviders.first(where: [.name: .text(name)]) }) else {
            throw Refusal.recordNotFound
        }
        return provider
    }

    private static func redirect(_ provider: OAuthProvider, _ ownURL: String) -> String {
        provider.redirectURL.isEmpty ? ownURL : provider.redirectURL
    }

    private func exchange(
        _ code: String, _ proof: SignInProof, with provider: OAuthProvider, ownURL: String
    ) async throws -> ForeignIdentity {
        let endpoints = Endpoints(provider)
        var request = HTTPClientRequest(url: endpoints.token)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        let form = QueryString.text(of: [
            ("client_id", provider.clientID), ("client_secret", provider.clientSecret), ("code", code),
            ("grant_type", "authorization_code"), ("redirect_uri", Self.redirect(provider, ownURL)),
            ("code_verifier", proof.verifier),
        ])
        request.body = .bytes(ByteBuffer(string: form))
        let answer = try await object(request)
        guard let token = answer["access_token"]?.string, !token.isEmpty, token.utf8.count <= 8192,
            token.utf8.allSatisfy({ (33..<127).contains($0) })
        else { throw ProviderError(what: "no access token, but \(answer["error"]?.string ?? "nothing of use")") }
        var question = HTTPClientRequest(url: endpoints.profile)
        question.headers.add(name: "Authorization", value: "Bearer \(token)")
        guard let identity = ForeignIdentity(provider: provider.name, profile: try await object(question)) else {
            throw ProviderError(what: "the profile does not say who it is of")
        }
        return identity
    }

    private func object(_ request: HTTPClientRequest) async throws -> JSONObject {
        var request = request
        request.headers.add(name: "Accept", value: "application/json")
        request.headers.add(name: "User-Agent", value: "minion")
        let response = try await http.execute(request, timeout: Self.timeout)
        let body = try await response.body.collect(upTo: Self.maximumAnswer)
        guard response.status == .ok else {
            throw ProviderError(what: "\(request.url) answered \(response.status.code)")
        }
        guard let object = try body.withUnsafeReadableBytes({ try JSONParser.parse($0) }).object else {
            throw ProviderError(what: "\(request.url) answered something else than an object")
        }
        return object
    }
}

/// What a provider did wrong, for the log.
private struct ProviderError: Error, CustomStringConvertible {
    var what: String

    var description: String { what }
}
