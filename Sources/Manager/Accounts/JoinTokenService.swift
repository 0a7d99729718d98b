package import ManagerStore

/// Who a scheduler or a node is to the manager.
package enum JoinIdentity: Sendable {
    /// The scheduler that shares the manager's process.
    case own
    /// Who shows this token.
    case token(JoinToken)

    /// The only cluster that it may be a part of; nil if there are others.
    var cluster: Int64? {
        guard case .token(let token) = self, token.schedulerClusterID != 0 else { return nil }
        return token.schedulerClusterID
    }
}

/// Join tokens.
package struct JoinTokenService: Sendable {
    /// A token as the interface shows it; its value is known right after it was made only.
    package struct Shown: Sendable {
        package var token: JoinToken
        package var value = ""
    }

    /// Characters by which people can tell tokens apart.
    private static let prefixLength = 8

    let store: Store

    /// Who shows a value. Throws `Refusal`: 401 if nobody has such a token, 403 if it is not good any more.
    package func identity(of value: String) async throws -> JoinIdentity {
        guard (1...TokenValue.maximumLength).contains(value.utf8.count) else { throw Self.unknown }
        let hash = TokenValue.hash(value)
        guard let token = try await store.read({ try $0.joinTokens.with(hash: hash) }) else { throw Self.unknown }
        guard token.state == .active else { throw Refusal(.forbidden, "the join token is inactive") }
        let now = Timestamp.now()
        if let end = token.expiredAt, end <= now { throw Refusal(.forbidden, "the join token has expired") }
        if token.lastUsedAt.map({ now.duration(since: $0) > .seconds(60) }) ?? true {
            try await store.write { try $0.joinTokens.markUsed(token.id) }
        }
        return .token(token)
    }

    private static var unknown: Refusal {
        Refusal(.unauthorized, "there is no such join token; make one at the manager and give it with --join-token")
    }

    /// Makes a token; its value is in the answer and nowhere else.
    package func create(_ token: JoinToken) async throws -> Shown {
        let value = TokenValue.make(prefix: TokenValue.joinPrefix)
        var token = token
        token.tokenHash = TokenValue.hash(value)
        token.prefix = String(value.prefix(Self.prefixLength))
        return try await store.write { [token] store in
            Shown(token: try store.joinTokens.insert(token), value: value)
        }
    }

    package func list(_ filter: [JoinToken.Column: SQLValue], _ page: Page) async throws -> Listing<Shown> {
        try await store.read { try $0.joinTokens.list(where: filter, page: page).map { Shown(token: $0) } }
    }

    package func find(_ id: Int64) async throws -> Shown {
        try await store.read { Shown(token: try $0.joinTokens.find(id)) }
    }

    package func update(_ id: Int64, _ changes: [JoinToken.Column: SQLValue]) async throws -> Shown {
        try await store.write { Shown(token: try $0.joinTokens.update(id, set: changes)) }
    }

    package func delete(_ id: Int64) async throws { try await store.write { try $0.joinTokens.delete(id) } }
}
