package import ManagerStore

/// Personal access tokens.
package struct TokenService: Sendable {
    /// A token as the interface shows it: with its user, and with its value where that is known, right after it was made.
    package struct Shown: Sendable {
        package var token: PersonalAccessToken
        package var user: User
        package var value = ""
    }

    let store: Store

    /// Who shows a value. Throws `Refusal` if nobody has such a token.
    package func caller(value: String) async throws -> Caller {
        guard (1...TokenValue.maximumLength).contains(value.utf8.count) else {
            throw Refusal(.unauthorized, "Unauthorized")
        }
        let hash = TokenValue.hash(value)
        guard let found = try await store.read({ try $0.tokens.principal(hash: hash) }) else {
            throw Refusal(.unauthorized, "Unauthorized")
        }
        return .token(found.token, owner: found.principal)
    }

    /// Notes that a token has been used, if that was not noted in the last minute.
    package func markUsed(_ token: PersonalAccessToken) async throws {
        let now = Timestamp.now()
        if let last = token.lastUsedAt, now.duration(since: last) < .seconds(60) { return }
        try await store.write { try $0.tokens.markUsed(token.id) }
    }

    /// Makes a token; its value is in the answer and nowhere else.
    package func create(_ token: PersonalAccessToken) async throws -> Shown {
        let value = TokenValue.make()
        var token = token
        token.tokenHash = TokenValue.hash(value)
        if token.scopes.isEmpty { token.scopes = TokenScope.names }
        return try await store.write { [token] store in
            let stored = try store.tokens.insert(token)
            return Shown(token: stored, user: try store.users.find(stored.userID), value: value)
        }
    }

    /// Those that `caller` may see: all, or only their own.
    package func list(
        _ filter: [PersonalAccessToken.Column: SQLValue], _ page: Page, for caller: Caller
    ) async throws -> Listing<Shown> {
        var filter = filter
        if !caller.may("*", .personalAccessTokens) {
            if let user = filter[.userID], user != .of(caller.userID) { return Listing(elements: [], total: 0) }
            filter[.userID] = .of(caller.userID)
        }
        return try await store.read { [filter] store in
            let tokens = try store.tokens.list(where: filter, page: page)
            let users = try store.users.find(Set(tokens.elements.map(\.userID)))
            return tokens.map { Shown(token: $0, user: users[$0.userID] ?? .nobody) }
        }
    }

    /// Throws `Refusal` if there is none, or none that `caller` may see.
    package func find(_ id: Int64, for caller: Caller) async throws -> Shown {
        let shown = try await store.read { store in
            let token = try store.tokens.find(id)
            return Shown(token: token, user: try store.users.find(token.userID))
        }
        guard caller.may("*", .personalAccessTokens) || shown.token.userID == caller.userID else {
            throw Refusal.recordNotFound
        }
        return shown
    }

    package func update(_ id: Int64, _ changes: [PersonalAccessToken.Column: SQLValue]) async throws -> Shown {
        try await store.write { store in
            let token = try store.tokens.update(id, set: changes)
            return Shown(token: token, user: try store.users.find(token.userID))
        }
    }

    package func delete(_ id: Int64) async throws { try await store.write { try $0.tokens.delete(id) } }
}

extension User {
    /// What stands where there is no user.
    static let nobody = User(name: "")
}

extension Listing {
    /// The same page of something else.
    func map<Other>(_ transform: (Element) throws -> Other) rethrows -> Listing<Other> {
        Listing<Other>(elements: try elements.map(transform), total: total)
    }
}
