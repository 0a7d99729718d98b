/// Who somebody is elsewhere, as a provider of OAuth sign-in says.
package struct ForeignIdentity: Hashable, Sendable {
    /// `github` or `google`.
    package var provider: String
    /// What the provider calls the account for ever.
    package var subject: String
    /// A name for the account here.
    package var name: String
    /// Empty unless the provider vouches for it.
    package var email: String
    package var avatar: String

    private static let maximumName = 64

    /// Reads what a provider tells of an account. Nil if it does not say who that is.
    package init?(provider: String, profile: JSONObject) {
        guard let subject = ["sub", "id"].lazy.compactMap({ Self.text(profile[$0]) }).first else { return nil }
        let email = Self.text(profile["email"]) ?? ""
        let isVerified = profile["email_verified"] ?? profile["verified_email"] ?? true
        let isUsable = email.utf8.count <= 256 && TextRule.Format.email.accepts(email)
        let fromEmail = email.split(separator: "@").first.map(String.init)
        let wanted = Self.text(profile["login"]) ?? fromEmail ?? Self.text(profile["name"]) ?? ""
        let name = String(decoding: wanted.utf8.filter(TextRule.Format.isInAccountName), as: UTF8.self).truncated(
            to: Self.maximumName)
        let avatar = Self.text(profile["avatar_url"]) ?? Self.text(profile["picture"]) ?? ""
        self.provider = provider
        self.subject = subject.truncated(to: 256)
        self.name = name.isEmpty ? provider + "-user" : name
        self.email = isVerified == false || isVerified == "false" || !isUsable ? "" : email
        self.avatar = avatar.utf8.count <= 256 ? avatar : ""
    }

    private static func text(_ value: JSONValue?) -> String? {
        switch value {
        case .string(let text): text.isEmpty ? nil : text
        case .integer(let number): String(number)
        default: nil
        }
    }
}
