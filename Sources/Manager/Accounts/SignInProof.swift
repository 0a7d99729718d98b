import Crypto

/// What a browser keeps while it is at a provider: with it, only the one that began a sign-in can end it (`state`), and a
/// code that somebody else has got hold of is of no use (RFC 7636).
package struct SignInProof: Hashable, Sendable {
    package let provider: String
    /// Comes back with the browser.
    package let state: String
    /// Shown to the provider together with the code.
    let verifier: String

    package init(provider: String) {
        self.provider = provider
        state = Base64.encodeURL(RandomBytes.make(24))
        verifier = Base64.encodeURL(RandomBytes.make(32))
    }

    /// Reads what `text` wrote; nil if it is of another provider.
    package init?(_ text: String, provider: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == provider, !parts[1].isEmpty, !parts[2].isEmpty else { return nil }
        self.provider = provider
        state = String(parts[1])
        verifier = String(parts[2])
    }

    /// As it is kept in a cookie.
    package var text: String { "\(provider).\(state).\(verifier)" }

    var challenge: String { Base64.encodeURL(Array(SHA256.hash(data: Array(verifier.utf8)))) }
}
