package import MinionCore

/// How a manager runs.
package struct ManagerConfiguration: Sendable {
    package enum SignUp: String, CaseIterable, Sendable {
        /// Anybody can make an account, as a guest.
        case open
        /// Only root makes accounts.
        case closed
    }

    package enum TokenCookie: String, CaseIterable, Sendable {
        /// Scripts of pages can read it, as Dragonfly's console needs.
        case readable
        case httpOnly = "http-only"
    }

    package var signUp = SignUp.open
    package var tokenCookie = TokenCookie.httpOnly
    /// Origins of pages elsewhere that may use the interface with their users' cookies; `*` allows every origin.
    package var corsOrigins: Set<String> = []
    /// The password of `root` in an empty store, 8 to 20 characters. Nil: `dragonfly`.
    package var initialRootPassword: String?
    /// The value of a token that an empty store begins with.
    package var initialToken: String?
    /// How long a token of a signed-in user is good.
    package var tokenLifetime = Duration.seconds(14 * 86_400)
    /// How long after it was made it can still be exchanged for a new one.
    package var renewalTime = Duration.seconds(7 * 86_400)
    package var passwords = PasswordHash.Parameters.standard
    package var signInLimits = SignInGuard.Limits()
    /// Bytes of a request body at most.
    package var maximumBody = 1 << 20
    /// Records of calls that wait to be written, at most; what is more is lost, and the log says how many.
    package var auditQueue = 20_000
    /// How long they wait at most.
    package var auditDelay = Duration.seconds(1)
    /// What preheats may make registries, schedulers and nodes connect to.
    package var preheatSources = AddressRules(
        allowsPrivate: true, optionNames: .init(privateAddresses: "--preheat-sources", list: "--preheat-sources"))
    /// The addresses that answers name in `X-Server-IP`.
    package var serverIP = ""

    package static let defaultRootPassword = "dragonfly"
    /// Characters of a password.
    package static let passwordLength = 8...20

    package init() {}
}

/// Why a manager cannot start.
package struct ManagerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One line: what happened, to what, and what to do.
    package var message: String

    package init(_ message: String) { self.message = message }

    package var description: String { message }
}
