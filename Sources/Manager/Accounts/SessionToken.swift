package import Crypto
import FoundationEssentials

/// The token of a signed-in user: a JWT (RFC 7519) signed with HS256.
package struct SessionToken: Hashable, Sendable {
    package var userID: Int64
    /// Names the session in the store, which can end before the token expires.
    package var session: String
    /// Unix seconds.
    package var expires: Int64
    /// When the user signed in or renewed the token, in Unix seconds.
    package var issued: Int64

    package init(userID: Int64, session: String, expires: Int64, issued: Int64) {
        self.userID = userID
        self.session = session
        self.expires = expires
        self.issued = issued
    }

    /// Why a token is not accepted.
    package enum Failure: Error, Hashable, Sendable {
        /// No token of this manager.
        case invalid
        /// Without a time at which it expires, or with one that is no number.
        case noExpiry
        /// Without a user.
        case noUser
        case expired
    }

    private static let header = Base64.encodeURL(Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8))
    /// Longer texts are no tokens of ours.
    private static let maximumLength = 2048

    /// The token as text.
    package func signed(with key: SymmetricKey) -> String {
        let claims = JSONObject([
            .init("exp", .integer(expires)), .init("id", .integer(userID)), .init("orig_iat", .integer(issued)),
            .init("sid", .string(session)),
        ])
        let message = Self.header + "." + Base64.encodeURL(Array(claims.text.utf8))
        return message + "." + Base64.encodeURL(Self.signature(of: message, key))
    }

    /// Reads a token and checks its signature, but not whether it has expired.
    package static func read(_ text: String, key: SymmetricKey) throws(Failure) -> SessionToken {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard text.utf8.count <= maximumLength, parts.count == 3,
            let header = object(parts[0]), header["alg"] == "HS256",
            let signature = Base64.decodeURL(parts[2]),
            ConstantTime.areEqual(signature, Self.signature(of: "\(parts[0]).\(parts[1])", key)),
            let claims = object(parts[1])
        else { throw .invalid }
        guard let expires = claims["exp"]?.integer else { throw .noExpiry }
        guard let user = claims["id"]?.integer, user > 0 else { throw .noUser }
        return SessionToken(
            userID: user, session: claims["sid"]?.string ?? "", expires: expires,
            issued: claims["orig_iat"]?.integer ?? 0)
    }

    /// Reads a token that has to be valid at a time, in Unix seconds.
    package static func read(_ text: String, key: SymmetricKey, at now: Int64) throws(Failure) -> SessionToken {
        let token = try read(text, key: key)
        guard token.expires > now else { throw .expired }
        return token
    }

    private static func object(_ part: Substring) -> JSONObject? {
        guard let bytes = Base64.decodeURL(part) else { return nil }
        return (try? JSONParser.parse(String(decoding: bytes, as: UTF8.self)))?.object
    }

    private static func signature(of message: String, _ key: SymmetricKey) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Data(message.utf8), using: key))
    }
}
