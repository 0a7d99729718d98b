package import ManagerStore

/// Why a request is not served: what the client is told.
package struct Refusal: Error, Sendable {
    /// What kind of refusal it is; the raw value is the status that HTTP has for it.
    package enum Kind: Int, Sendable {
        case badRequest = 400
        case unauthorized = 401
        case forbidden = 403
        case notFound = 404
        case methodNotAllowed = 405
        case conflict = 409
        case tooLarge = 413
        case invalid = 422
        case tooMany = 429
        case failed = 500
        case unavailable = 503
    }

    package enum Body: Hashable, Sendable {
        /// `{"message": "…"}`
        case message(String)
        /// `{"errors": "…", "message": "…"}`
        case errors(String)
        case text(String)
        case none
    }

    package var kind: Kind
    package var body: Body
    /// After how many seconds it is worth trying again.
    package var retrySeconds: Int64?
    /// Whether the client is told how to sign in.
    package var challenges = false

    package init(_ kind: Kind, _ body: Body, retrySeconds: Int64? = nil) {
        self.kind = kind
        self.body = body
        self.retrySeconds = retrySeconds
    }

    package init(_ kind: Kind, _ message: String) { self.init(kind, .message(message)) }

    // MARK: Those that the interface promises

    package static func invalid(_ text: String) -> Refusal { Refusal(.invalid, .errors(text)) }

    /// Nobody is signed in, or not with this.
    package static func unauthorized(_ message: String = "Unauthorized") -> Refusal {
        var refusal = Refusal(.unauthorized, message)
        refusal.challenges = true
        return refusal
    }

    package static var denied: Refusal { Refusal(.unauthorized, "permission deny") }

    package static var recordNotFound: Refusal { Refusal(.notFound, "record not found") }

    package static func tooManyTries(waitSeconds: Int64) -> Refusal {
        Refusal(.tooMany, .message("Too Many Requests"), retrySeconds: max(1, waitSeconds))
    }

    package static var unavailable: Refusal {
        Refusal(.unavailable, .message("Service Unavailable"), retrySeconds: 1)
    }

    /// The rest of the body is not wanted, so the connection ends with the answer.
    package static func tooLarge(_ limit: Int) -> Refusal {
        Refusal(.tooLarge, "the body is longer than \(limit) bytes")
    }

    /// What any error means for the client. Errors that are none of the client's are told without details.
    package init(_ error: any Error) {
        switch error {
        case let refusal as Refusal: self = refusal
        case let error as BrokenRules: self = .invalid(error.text)
        case let error as JSONError: self = .invalid(error.message)
        case let error as StoreError: self.init(error)
        case is PasswordHasher.Busy: self = .unavailable
        default: self.init(.failed, "Internal Server Error")
        }
    }

    package init(_ error: StoreError) {
        switch error {
        case .conflict: self.init(.conflict, "Conflict")
        case .notFound: self.init(.notFound, error.description)
        case .inUse(let text): self.init(.conflict, text)
        case .lastRoot: self.init(.conflict, error.description)
        case .invalid(let text): self = .invalid(text)
        case .unavailable, .full: self = .unavailable
        case .refused, .failed: self.init(.failed, "Internal Server Error")
        }
    }

    /// Whether the operator has to know.
    package static func isFault(_ error: any Error) -> Bool {
        switch error {
        case let error as StoreError:
            switch error {
            case .unavailable, .full, .refused, .failed: true
            case .conflict, .notFound, .inUse, .lastRoot, .invalid: false
            }
        case is Refusal, is BrokenRules, is JSONError, is PasswordHasher.Busy, is CancellationError: false
        default: true
        }
    }
}
