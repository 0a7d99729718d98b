/// What a role allows: an action on an object.
package struct Permission: Hashable, Sendable {
    /// The first part of a path, such as `users`.
    package var object: String
    /// `read` or `*`, which includes it.
    package var action: String

    package init(object: String, action: String) {
        self.object = object
        self.action = action
    }
}

/// Who asks, and what he may do.
package struct Principal: Sendable {
    package var user: User
    package var roles: [String]
    package var permissions: Set<Permission>

    package init(user: User, roles: [String], permissions: Set<Permission>) {
        self.user = user
        self.roles = roles
        self.permissions = permissions
    }

    /// Whether a role of the user allows `action`: `read` or `*`. Whether the user may do anything at all is another
    /// question (`user.state`).
    package func may(_ action: String, _ object: String) -> Bool {
        permissions.contains(Permission(object: object, action: "*"))
            || permissions.contains(Permission(object: object, action: action))
    }
}

extension Transaction {
    /// nil if there is no such user.
    package func principal(user id: Int64) throws(StoreError) -> Principal? {
        guard let user = try users.findIfAny(id) else { return nil }
        return try principal(of: user)
    }

    func principal(of user: User) throws(StoreError) -> Principal {
        var principal = Principal(user: user, roles: [], permissions: [])
        let rows = try rows(
            """
            SELECT r.name, p.object, p.action FROM user_roles u JOIN roles r ON r.id = u.role_id \
            LEFT JOIN role_permissions p ON p.role_id = r.id WHERE u.user_id = \(user.id) ORDER BY r.id
            """)
        for row in rows {
            var reader = row.reader
            let role = try reader.text()
            if principal.roles.last != role { principal.roles.append(role) }
            if let object = try reader.textIfAny() {
                principal.permissions.insert(Permission(object: object, action: try reader.text()))
            }
        }
        return principal
    }
}

extension Table<User> {
    package func named(_ name: String) throws(StoreError) -> User? { try first(where: [.name: .text(name)]) }

    /// Changes the password and ends all sessions of the user but one.
    /// - Throws: `.notFound`.
    package func setPassword(
        _ id: Int64, hash: String, mustChange: Bool = false, keeping session: String? = nil
    ) throws(StoreError) {
        _ = try update(id, set: [.passwordHash: .text(hash), .mustChangePassword: .of(mustChange)])
        try transaction.sessions.endAll(user: id, except: session)
    }

    /// Replaces the hash by another one of the same password, unless the password was changed meanwhile.
    package func rehash(_ id: Int64, from old: String, to new: String) throws(StoreError) {
        try transaction.execute(
            "UPDATE users SET password_hash = \(new) WHERE id = \(id) AND password_hash = \(old)")
    }

    /// Whoever is disabled is signed out everywhere.
    /// - Throws: `.notFound`; `.lastRoot` if nobody with the role `root` would be left.
    package func setState(_ id: Int64, _ state: UserState) throws(StoreError) -> User {
        if state == .disable { try transaction.roles.checkThatRootRemains(without: id) }
        let user = try update(id, set: [.state: .of(state)])
        if state == .disable { try transaction.sessions.endAll(user: id) }
        return user
    }
}

extension Table<PersonalAccessToken> {
    /// The token with this hash, and its owner. nil if there is none.
    package func principal(
        hash: [UInt8]
    ) throws(StoreError) -> (token: PersonalAccessToken, principal: Principal)? {
        guard let token = try first(where: [.tokenHash: .bytes(hash)]) else { return nil }
        return (token, try transaction.principal(of: try transaction.users.find(token.userID)))
    }

    /// Notes that the token was used, at most once a minute.
    package func markUsed(_ id: Int64) throws(StoreError) {
        let minuteAgo = transaction.now.advanced(by: .seconds(-60))
        try transaction.execute(
            """
            UPDATE personal_access_tokens SET last_used_at = \(transaction.now) \
            WHERE id = \(id) AND (last_used_at IS NULL OR last_used_at <= \(minuteAgo))
            """)
    }
}

/// Which account elsewhere belongs to which user.
package struct OAuthIdentities {
    let transaction: Transaction

    package func user(provider: String, subject: String) throws(StoreError) -> User? {
        try transaction.users.elements(
            """
            SELECT \(sql: User.columns(of: "u")) FROM oauth_identities i JOIN users u ON u.id = i.user_id \
            WHERE i.provider = \(provider) AND i.subject = \(subject)
            """
        ).first
    }

    /// - Throws: `.conflict` if the account belongs to somebody already; `.notFound` if there is no such user.
    package func link(provider: String, subject: String, user: Int64) throws(StoreError) {
        _ = try transaction.users.find(user)
        let now = transaction.now
        try transaction.execute(
            """
            INSERT INTO oauth_identities (created_at, updated_at, provider, subject, user_id) \
            VALUES (\(now), \(now), \(provider), \(subject), \(user))
            """)
    }
}

extension Transaction {
    package var identities: OAuthIdentities { OAuthIdentities(transaction: self) }
}
