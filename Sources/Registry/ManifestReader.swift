import Logging
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads the manifests of one image's repository, and gets itself let in.
struct ManifestReader: Sendable {
    let http: GuardedHTTP
    let image: ImageReference
    let credentials: RegistryCredentials
    let limits: RegistryLimits
    /// What the user wants sent along, without what is ours to say.
    let headers: HTTPHeaders
    let logger: Logger

    /// What the registry took last as an `Authorization` header, or what the user wants sent.
    private(set) var authorization: String?
    private(set) var lifetime: Duration?

    init(
        http: GuardedHTTP, image: ImageReference, credentials: RegistryCredentials, headers: [(String, String)],
        limits: RegistryLimits, logger: Logger
    ) {
        self.http = http
        self.image = image
        self.credentials = credentials
        self.limits = limits
        self.logger = logger
        authorization = credentials.authorization ?? headers.first { $0.0.lowercased() == "authorization" }?.1
        self.headers = HTTPHeaders(headers.filter { !Self.ownFields.contains($0.0.lowercased()) })
    }

    /// Fields that are not the user's to set: they say how the request is sent, or what comes back.
    private static let ownFields: Set<String> = [
        "accept", "accept-encoding", "authorization", "connection", "content-length", "expect", "host", "if-match",
        "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "keep-alive", "proxy-authorization",
        "proxy-connection", "range", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    /// The manifest of a tag or digest. If it is a digest, the manifest is what has it. Throws `authentication` and
    /// `manifest`.
    mutating func manifest(_ reference: String) async throws(RegistryError) -> Manifest {
        let isAnonymous = authorization == nil
        var answer = try await get(reference)
        if answer.status == 401, isAnonymous, image.isSameServer(as: answer.url) {
            try await authenticate(answer)
            answer = try await get(reference)
        }
        try check(answer, reference)
        let problem = digestProblem(answer, reference)
        if let problem { throw .manifest("\(image.server) sent a manifest of \(shown(reference)) \(problem)") }
        do {
            return try Manifest(
                answer.body, contentType: answer.headers.first(name: "Content-Type"), limit: limits.layers)
        } catch {
            throw .manifest("\(image.server) sent a manifest of \(shown(reference)), but \(error)")
        }
    }

    private func get(_ reference: String) async throws(RegistryError) -> GuardedHTTP.Answer {
        var own = headers
        if !own.contains(name: "User-Agent") { own.add(name: "User-Agent", value: RegistryClient.userAgent) }
        if let authorization { own.add(name: "Authorization", value: authorization) }
        let accept: HTTPHeaders = [
            "Accept": (Manifest.indexTypes + Manifest.imageTypes).joined(separator: ", "),
            "Accept-Encoding": "identity",
        ]
        do {
            return try await http.get(
                image.manifestURL(reference), headers: accept, own: own, limit: limits.manifestSize)
        } catch {
            throw .manifest("\(error)")
        }
    }

    private mutating func authenticate(_ answer: GuardedHTTP.Answer) async throws(RegistryError) {
        let challenges = Challenge.parse(answer.headers["WWW-Authenticate"])
        if let bearer = challenges.first(where: { $0.scheme == "bearer" }) {
            let service = TokenService(http: http, limits: limits)
            let token = try await service.token(bearer, for: image, credentials)
            logger.debug("has a token", metadata: ["registry": "\(image.server)"])
            authorization = token.authorization
            lifetime = token.lifetime
        } else if challenges.contains(where: { $0.scheme == "basic" }) {
            guard let basic = credentials.basic else {
                throw .authentication("\(image.server) wants a user name and a password")
            }
            authorization = basic
        } else {
            throw .authentication(
                "\(image.server) does not let us in, and offers neither tokens nor basic authentication")
        }
    }

    private func check(_ answer: GuardedHTTP.Answer, _ reference: String) throws(RegistryError) {
        let code = Self.errorCode(answer.body).map { " (\($0))" } ?? ""
        switch answer.status {
        case 200: return
        case 401, 403:
            let server = answer.url.server
            guard image.isSameServer(as: answer.url) else {
                throw .authentication("\(server), to which \(image.server) redirects, does not let us in\(code)")
            }
            throw .authentication(
                authorization == nil
                    ? "\(server) does not let anybody read \(image.repository)\(code); give a user name and a password"
                    : "\(server) does not take these credentials for \(image.repository)\(code)")
        case 404: throw .manifest("\(image.server) has no \(shown(reference))\(code)")
        case 429: throw .manifest("\(image.server) wants fewer requests\(code); try again later")
        default: throw .manifest("\(answer.url.server) answered \(answer.status)\(code)")
        }
    }

    /// How messages name a manifest.
    private func shown(_ reference: String) -> String {
        "\(image.repository)\(ImageDigest(reference) == nil ? ":" : "@")\(reference)"
    }

    private func digestProblem(_ answer: GuardedHTTP.Answer, _ reference: String) -> String? {
        if let digest = ImageDigest(reference), !digest.matches(answer.body) { return "that has another digest" }
        // Of algorithms that are not known here, nothing can be said.
        if let text = answer.headers.first(name: "Docker-Content-Digest"), let digest = ImageDigest(text),
            !digest.matches(answer.body)
        {
            return "whose digest is not the one in its header, \(digest)"
        }
        return nil
    }

    /// The registry's word for what is wrong, if it is one of those that all registries use: anything else could repeat what
    /// was sent, credentials among it.
    private static func errorCode(_ body: [UInt8]) -> String? {
        struct Body: Decodable {
            struct Item: Decodable { var code: String? }
            var errors: [Item]
        }
        let known: Set<String> = [
            "BLOB_UNKNOWN", "DENIED", "MANIFEST_BLOB_UNKNOWN", "MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_INVALID",
            "NAME_UNKNOWN", "TOOMANYREQUESTS", "UNAUTHORIZED", "UNAVAILABLE", "UNKNOWN", "UNSUPPORTED",
        ]
        guard !body.isEmpty, let items = try? JSONDecoder().decode(Body.self, from: Data(body)).errors else {
            return nil
        }
        return items.lazy.compactMap(\.code).first { known.contains($0) }
    }
}
