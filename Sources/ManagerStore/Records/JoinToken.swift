/// A token with which schedulers and nodes join. Only its hash is kept.
package struct JoinToken: Record {
    package var id: Int64
    package var createdAt: Timestamp
    package var updatedAt: Timestamp
    /// Unique.
    package var name: String
    package var bio: String
    /// SHA-256 of the token. Unique.
    package var tokenHash: [UInt8]
    /// How the token begins, so that people can tell which one it is.
    package var prefix: String
    /// 0: it is good for all clusters.
    package var schedulerClusterID: Int64
    package var state: TokenState
    /// Nil: never.
    package var expiredAt: Timestamp?
    /// To about a minute.
    package var lastUsedAt: Timestamp?
    package var userID: Int64

    package enum Column: String, CaseIterable, Sendable {
        case name
        case bio
        case tokenHash = "token_hash"
        case prefix
        case schedulerClusterID = "scheduler_cluster_id"
        case state
        case expiredAt = "expired_at"
        case lastUsedAt = "last_used_at"
        case userID = "user_id"
    }

    package static let table = "join_tokens"
    package static let kind = "join token"
    package static let references: [Column: Reference] = [
        .schedulerClusterID: .schedulerClusterIfAny, .userID: .user,
    ]

    package init(
        name: String, bio: String = "", tokenHash: [UInt8], prefix: String = "", schedulerClusterID: Int64 = 0,
        state: TokenState = .active, expiredAt: Timestamp? = nil, lastUsedAt: Timestamp? = nil, userID: Int64,
        id: Int64 = 0, createdAt: Timestamp = .unset, updatedAt: Timestamp = .unset
    ) {
        self.id = id
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.name = name
        self.bio = bio
        self.tokenHash = tokenHash
        self.prefix = prefix
        self.schedulerClusterID = schedulerClusterID
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
        prefix = try row.text()
        schedulerClusterID = try row.reference()
        state = try row.name()
        expiredAt = try row.timeIfAny()
        lastUsedAt = try row.timeIfAny()
        userID = try row.integer()
    }

    package func value(of column: Column) -> SQLValue {
        switch column {
        case .name: name.sqlValue
        case .bio: bio.sqlValue
        case .tokenHash: tokenHash.sqlValue
        case .prefix: prefix.sqlValue
        case .schedulerClusterID: .reference(schedulerClusterID)
        case .state: state.sqlValue
        case .expiredAt: expiredAt.sqlValue
        case .lastUsedAt: lastUsedAt.sqlValue
        case .userID: userID.sqlValue
        }
    }
}

extension Table<JoinToken> {
    /// The token with this hash; nil if there is none.
    package func with(hash: [UInt8]) throws(StoreError) -> JoinToken? { try first(where: [.tokenHash: .bytes(hash)]) }

    /// Those that hosts of a cluster may show: its own and those of all clusters, active and not expired.
    package func good(forCluster cluster: Int64) throws(StoreError) -> [JoinToken] {
        try elements(
            """
            SELECT \(sql: JoinToken.columns()) FROM join_tokens WHERE state = 'active' \
            AND (scheduler_cluster_id IS NULL OR scheduler_cluster_id = \(cluster)) \
            AND (expired_at IS NULL OR expired_at > \(transaction.now)) ORDER BY id
            """)
    }

    /// Notes that the token was used, at most once a minute.
    package func markUsed(_ id: Int64) throws(StoreError) {
        let minuteAgo = transaction.now.advanced(by: .seconds(-60))
        try transaction.execute(
            """
            UPDATE join_tokens SET last_used_at = \(transaction.now) \
            WHERE id = \(id) AND (last_used_at IS NULL OR last_used_at <= \(minuteAgo))
            """)
    }
}

extension Transaction {
    package var joinTokens: Table<JoinToken> { Table(transaction: self) }
}
