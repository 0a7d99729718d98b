#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How somebody proves to a registry who they are.
package struct RegistryCredentials: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// For basic authentication and for whoever hands out tokens; empty with an empty password: anonymous.
    package var username: String
    /// In the clear; see `description`.
    package var password: String
    /// The value of an `Authorization` header that is sent instead; nobody is then asked for a token.
    package var authorization: String?

    /// Without anything, whoever asks is anonymous.
    package init(username: String = "", password: String = "", authorization: String? = nil) {
        self.username = username
        self.password = password
        self.authorization = authorization
    }

    /// Says nothing, so that no log does.
    package var description: String { "credentials" }
    package var debugDescription: String { description }

    /// The header value of basic authentication; nil without a user's name or a password.
    var basic: String? {
        guard !username.isEmpty || !password.isEmpty else { return nil }
        return "Basic " + Data("\(username):\(password)".utf8).base64EncodedString()
    }
}
