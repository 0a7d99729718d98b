/// Somebody who signed in somewhere. Whoever holds a token of a session that is not there any more is signed out.
package struct Session: Hashable, Sendable {
    /// At most 128 characters; made from a random value that is in the token, but not the value itself.
    package var id: String
    package var userID: Int64
    package var createdAt: Timestamp
    package var expiresAt: Timestamp
    package var address: String
    package var agent: String

    package init(
        id: String, userID: Int64, createdAt: Timestamp = .unset, expiresAt: Timestamp, address: String = "",
        agent: String = ""
    ) {
        self.id = id
        self.userID = userID
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.address = address
        self.agent = agent
    }

    init(from row: inout RowReader) throws(StoreError) {
        id = try row.text()
        userID = try row.integer()
        createdAt = try row.time()
        expiresAt = try row.time()
        address = try row.text()
        agent = try row.text()
    }

    static let columns: SQL = "id, user_id, created_at, expires_at, address, agent"
}

/// Who is signed in.
package struct Sessions {
    let transaction: Transaction

    /// Address and agent are cut off where they are too long; `createdAt` is the time of the transaction if it is not set.
    /// - Throws: `.notFound` if there is no such user.
    package func start(_ session: Session) throws(StoreError) {
        _ = try transaction.users.find(session.userID)
        let created = session.createdAt == .unset ? transaction.now : session.createdAt
        try transaction.execute(
            """
            INSERT INTO sessions (\(sql: Session.columns)) VALUES (\(session.id), \(session.userID), \(created), \
            \(session.expiresAt), \(session.address.limited(to: 256)), \(session.agent.limited(to: 1024)))
            """)
    }

    /// The session and whose it is, whether or not it has expired. nil if it was ended.
    package func principal(_ id: String) throws(StoreError) -> (session: Session, principal: Principal)? {
        guard var reader = try transaction.row("SELECT \(sql: Session.columns) FROM sessions WHERE id = \(id)")?.reader
        else { return nil }
        let session = try Session(from: &reader)
        return (session, try transaction.principal(of: try transaction.users.find(session.userID)))
    }

    /// - Throws: `.notFound` if it was ended.
    package func renew(_ id: String, expiresAt: Timestamp) throws(StoreError) {
        let changed = try transaction.execute("UPDATE sessions SET expires_at = \(expiresAt) WHERE id = \(id)")
        guard changed > 0 else { throw .notFound(kind: "session", id: "") }
    }

    /// Not an error if there is none.
    package func end(_ id: String) throws(StoreError) {
        try transaction.execute("DELETE FROM sessions WHERE id = \(id)")
    }

    /// - Returns: how many there were.
    @discardableResult
    package func endAll(user: Int64, except id: String? = nil) throws(StoreError) -> Int {
        try transaction.execute("DELETE FROM sessions WHERE user_id = \(user) AND id <> \(id ?? "")")
    }

    /// The newest first.
    package func of(user: Int64) throws(StoreError) -> [Session] {
        var result: [Session] = []
        let rows = try transaction.rows(
            """
            SELECT \(sql: Session.columns) FROM sessions WHERE user_id = \(user) ORDER BY created_at DESC, id
            """)
        for row in rows {
            var reader = row.reader
            result.append(try Session(from: &reader))
        }
        return result
    }

    /// Forgets sessions that expired before.
    /// - Returns: how many there were.
    @discardableResult
    package func purge(before time: Timestamp) throws(StoreError) -> Int {
        try transaction.execute("DELETE FROM sessions WHERE expires_at < \(time)")
    }
}

extension Transaction {
    package var sessions: Sessions { Sessions(transaction: self) }
}
