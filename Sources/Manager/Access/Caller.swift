package import ManagerStore

/// Who makes a request.
package enum Caller: Sendable {
    case nobody
    /// Somebody who has signed in, with the id of the session.
    case user(Principal, session: String)
    /// A program with a token, and whose token it is.
    case token(PersonalAccessToken, owner: Principal)

    /// How the audit names it.
    package var actor: (type: ActorType, name: String) {
        switch self {
        case .nobody: (.unknown, "unknown")
        case .user(let principal, _): (.user, principal.user.name)
        case .token(let token, _): (.token, token.name)
        }
    }

    /// The user behind it; 0 if there is none.
    package var userID: Int64 {
        switch self {
        case .nobody: 0
        case .user(let principal, _): principal.user.id
        case .token(let token, _): token.userID
        }
    }

    /// Whether its user may do something with a kind of object.
    package func may(_ action: String, _ object: APIObject) -> Bool {
        switch self {
        case .nobody: false
        case .user(let principal, _), .token(_, let principal): principal.may(action, object.rawValue)
        }
    }
}

/// What permissions are about: the first part of a path behind `/api/v1/`.
package enum APIObject: String, CaseIterable, Sendable {
    case users
    case roles
    case permissions
    case oauth
    case clusters
    case schedulerClusters = "scheduler-clusters"
    case schedulers
    case schedulerFeatures = "scheduler-features"
    case seedPeerClusters = "seed-peer-clusters"
    case seedPeers = "seed-peers"
    case peers
    case configs
    case jobs
    case applications
    case personalAccessTokens = "personal-access-tokens"
    case joinTokens = "join-tokens"
    case persistentCacheTasks = "persistent-cache-tasks"
    case audits

    package static var names: [String] { allCases.map(\.rawValue) }
}

/// What a token is for.
package enum TokenScope: String, CaseIterable, Sendable {
    case job
    case cluster

    package static var names: [String] { allCases.map(\.rawValue) }
}

/// Who may use a route.
package enum AccessRule: Hashable, Sendable {
    /// Anybody.
    case open
    /// Who has signed in and holds a role with this permission.
    case user(APIObject, action: String)
    /// Who shows a token for this.
    case token(TokenScope)

    /// The caller's token. Throws `Refusal` if there is none, or it is not good any more.
    @discardableResult
    package static func checkToken(of caller: Caller, at now: Timestamp) throws(Refusal) -> PersonalAccessToken {
        guard case .token(let token, let owner) = caller, owner.user.state == .enable else {
            throw Refusal(.unauthorized, "Unauthorized")
        }
        guard token.state == .active else { throw Refusal(.forbidden, "Token is inactive") }
        guard token.expiredAt > now else { throw Refusal(.forbidden, "Token has expired") }
        return token
    }

    /// Throws `Refusal` if a caller may not.
    package func check(_ caller: Caller, at now: Timestamp) throws(Refusal) {
        switch self {
        case .open: return
        case .user(let object, let action):
            guard case .user(let principal, _) = caller else { throw .unauthorized() }
            guard principal.user.state == .enable else { throw .unauthorized() }
            guard principal.may(action, object.rawValue) else { throw .denied }
        case .token(let scope):
            let token = try Self.checkToken(of: caller, at: now)
            guard token.scopes.isEmpty || token.scopes.contains(scope.rawValue) else {
                throw Refusal(
                    .forbidden,
                    "Token doesn't have permission to access this resource. Required permission: \(scope.rawValue)")
            }
        }
    }
}
