package enum TokenState: String, SQLConvertible, CaseIterable, Sendable {
    case active
    case inactive
}

/// A token for programs. Only its hash is kept.
package struct PersonalAccessToken: Record {
    package var id: Int64
    package var createdAt: Timestamp
    package var updatedAt: Timestamp
    /// Unique.
    package var name: String
    package var bio: String
    /// SHA-256 of the token. Unique.
    package var tokenHash: [UInt8]
    package var scopes: [String]
    package var state: TokenState
    package var expiredAt: Timestamp
    /// To about a minute.
    package var lastUsedAt: Timestamp?
    package var userID: Int64

    package enum Column: String, CaseIterable, Sendable {
        case name
        case bio
        case tokenHash = "token_hash"
        case scopes
        case state
        case expiredAt = "expired_at"
        case lastUsedAt = "last_used_at"
        case userID = "user_id"
    }

    package static let table = "personal_access_tokens"
    package static let kind = "personal access token"
    package static let references: [Column: Reference] = [.userID: .user]

    package init(
        name: String, bio: String = "", tokenHash: [UInt8], scopes: [String], state: TokenState = .active,
        expiredAt: Timestamp, lastUsedAt: Timestamp? = nil, userID: Int64, id: Int64 = 0,
        createdAt: Timestamp = .unset, updatedAt: Timestamp = .unset
    ) {
        self.id = id
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.name = name
        self.bio = bio
        self.tokenHash = tokenHash
        self.scopes = scopes
        self.state = state
        self.expiredAt = expiredAt
        self.lastUsedAt = lastUsedAt
        self.userID = userID
    }

    package init(from row: inout RowReader) throws(StoreError) {
        id = try row.integer()
        createdAt = try row.time()
        updatedAt = try row.time()
        name = try row.text()
        bio = try row.text()
        tokenHash = try row.bytes()
        scopes = try row.names()
        state = try row.name()
        expiredAt = try row.time()
        lastUsedAt = try row.timeIfAny()
        userID = try row.integer()
    }

    package func value(of column: Column) -> SQLValue {
        switch column {
        case .name: name.sqlValue
        case .bio: bio.sqlValue
        case .tokenHash: tokenHash.sqlValue
        case .scopes: scopes.sqlValue
        case .state: state.sqlValue
        case .expiredAt: expiredAt.sqlValue
        case .lastUsedAt: lastUsedAt.sqlValue
        case .userID: userID.sqlValue
        }
    }
}
