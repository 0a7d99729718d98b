import MinionCore
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Who hands out the tokens of a registry.
struct TokenService: Sendable {
    /// What opens the registry.
    struct Token: Sendable {
        /// As in `Bearer …`.
        var authorization: String
        var lifetime: Duration
    }

    let http: GuardedHTTP
    let limits: RegistryLimits

    /// Asks whom the registry's challenge names for a token that lets us read the image. Throws `authentication`.
    func token(
        _ challenge: Challenge, for image: ImageReference, _ credentials: RegistryCredentials
    ) async throws(RegistryError) -> Token {
        let url = try url(challenge, for: image)
        let own: HTTPHeaders = credentials.basic.map { ["Authorization": $0] } ?? [:]
        let answer: GuardedHTTP.Answer
        do {
            answer = try await http.get(
                url, headers: ["Accept": "application/json", "User-Agent": RegistryClient.userAgent], own: own,
                limit: limits.tokenAnswerSize)
        } catch {
            throw .authentication("no token from \(url.server): \(error)")
        }
        switch answer.status {
        case 200: break
        case 401, 403:
            throw .authentication(
                own.isEmpty
                    ? "\(url.server) gives no token without a user name and a password"
                    : "\(url.server) does not take this user name and password")
        default: throw .authentication("\(url.server) answered \(answer.status) when asked for a token")
        }
        return try read(answer)
    }

    private func url(_ challenge: Challenge, for image: ImageReference) throws(RegistryError) -> WebURL {
        guard let text = challenge.parameters["realm"], let realm = WebURL(text) else {
            throw .authentication("\(image.server) does not say where tokens are to be had (realm)")
        }
        guard realm.isSecure || !image.isSecure else {
            throw .authentication("\(image.server) wants a token that is sent in the clear, from \(realm.server)")
        }
        var query = realm.query.isEmpty ? "" : realm.query + "&"
        if let service = challenge.parameters["service"] { query += "service=\(Self.encoded(service))&" }
        query += "scope=\(Self.encoded(scope(challenge, image)))"
        let target = "\(realm.path)?\(query)"
        guard target.utf8.count <= WebURL.maximumLength else {
            throw .authentication("\(image.server) names a token service with a URL that is too long")
        }
        return realm.with(target: target)
    }

    /// What the registry asks for, as long as that is to read. A token goes along with the blobs' requests to other machines
    /// and should not do more than it must.
    private func scope(_ challenge: Challenge, _ image: ImageReference) -> String {
        if let scope = challenge.parameters["scope"], scope.hasPrefix("repository:"), scope.hasSuffix(":pull"),
            !scope.contains(" ")
        {
            return scope
        }
        return "repository:\(image.repository):pull"
    }

    private struct Body: Decodable {
        var token: String?
        var accessToken: String?
        var lifetime: Double?

        private enum CodingKeys: String, CodingKey {
            case token
            case accessToken = "access_token"
            case lifetime = "expires_in"
        }
    }

    private func read(_ answer: GuardedHTTP.Answer) throws(RegistryError) -> Token {
        let server = answer.url.server
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(answer.body)) else {
            throw .authentication("\(server) answered something else than a token")
        }
        guard let token = [body.token, body.accessToken].compactMap({ $0 }).first(where: { !$0.isEmpty }) else {
            throw .authentication("\(server) answered without a token")
        }
        guard token.utf8.count <= limits.tokenSize, token.utf8.allSatisfy({ (33..<127).contains($0) }) else {
            throw .authentication("\(server) gave a token that is too long, or no text for a header")
        }
        // A minute is what the protocol says where the service does not.
        let seconds = body.lifetime.map { $0.isFinite ? min(max($0, 0), 31_536_000) : 60 } ?? 60
        return Token(authorization: "Bearer \(token)", lifetime: .seconds(seconds))
    }

    private static func encoded(_ text: String) -> String {
        var out = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: ","):
                out.unicodeScalars.append(Unicode.Scalar(byte))
            default: out += "%" + Hex.text([byte]).uppercased()
            }
        }
        return out
    }
}
