import MinionCore

/// What of a job's arguments is nobody's business.
enum JobSecrets {
    static let mask: JSONValue = "***"

    private static let keys: Set<String> = [
        "username", "password", "access_key_id", "access_key_secret", "session_token", "security_token",
        "delegation_token",
    ]
    private static let suspiciousWords = [
        "authorization", "token", "secret", "password", "cookie", "credential", "signature", "api-key", "apikey",
    ]

    /// The arguments as they may be stored and shown.
    static func masked(_ arguments: JSONObject) -> JSONObject {
        JSONObject(
            arguments.members.map { member in
                switch (member.key, member.value) {
                case ("headers", .object(let headers)):
                    return .init(
                        member.key,
                        .object(
                            JSONObject(
                                headers.members.map { .init($0.key, isSecret(header: $0.key) ? mask : $0.value) })))
                case ("url", .string(let url)): return .init(member.key, .string(masked(url: url)))
                case ("urls", .array(let urls)):
                    return .init(member.key, .array(urls.map { $0.string.map { .string(masked(url: $0)) } ?? $0 }))
                case (let key, let value) where keys.contains(key): return .init(key, value == "" ? value : mask)
                case (let key, .object(let inner)): return .init(key, .object(masked(inner)))
                default: return member
                }
            })
    }

    /// Whether the value of a header field lets somebody in somewhere.
    static func isSecret(header name: String) -> Bool {
        let name = name.lowercased()
        return TaskIdentity.credentialHeaders.contains(name) || suspiciousWords.contains { name.contains($0) }
    }

    /// The URL without user and password.
    static func masked(url: String) -> String {
        guard let separator = url.firstRange(of: "://") else { return url }
        let authority = url[separator.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard let at = authority.lastIndex(of: "@") else { return url }
        return url[..<separator.upperBound] + "***" + url[at...]
    }
}
