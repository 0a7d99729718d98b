/// Who may do what: users have roles, roles have permissions.
package struct Roles {
    let transaction: Transaction

    /// The role that has to have somebody.
    package static let root = "root"
    package static let guest = "guest"

    /// In the order in which they were made.
    package func names() throws(StoreError) -> [String] { try names("SELECT name FROM roles ORDER BY id") }

    package func exists(_ role: String) throws(StoreError) -> Bool { try id(of: role) != nil }

    /// In the order in which they were granted.
    /// - Throws: `.notFound`.
    package func permissions(_ role: String) throws(StoreError) -> [Permission] {
        let id = try existing(role)
        var result: [Permission] = []
        for row in try transaction.rows("SELECT object, action FROM role_permissions WHERE role_id = \(id) ORDER BY id")
        {
            var reader = row.reader
            result.append(Permission(object: try reader.text(), action: try reader.text()))
        }
        return result
    }

    /// Makes a role. What is listed twice counts once.
    /// - Throws: `.conflict` if it is there.
    package func create(_ role: String, _ permissions: [Permission]) throws(StoreError) {
        let now = transaction.now
        try transaction.execute("INSERT INTO roles (created_at, updated_at, name) VALUES (\(now), \(now), \(role))")
        let id = try existing(role)
        var seen: Set<Permission> = []
        for permission in permissions where seen.insert(permission).inserted { try add(permission, to: id) }
    }

    /// Users lose the role with it.
    /// - Throws: `.notFound`; `.lastRoot` for the role `root`, `.inUse` for `guest`.
    package func delete(_ role: String) throws(StoreError) {
        let id = try existing(role)
        if role == Self.root { throw .lastRoot }
        if role == "guest" { throw .inUse("new accounts are guests; the role stays") }
        try transaction.execute("DELETE FROM roles WHERE id = \(id)")
    }

    /// - Throws: `.notFound` if there is no such role, `.conflict` if it has the permission.
    package func grant(_ permission: Permission, to role: String) throws(StoreError) {
        try add(permission, to: try existing(role))
    }

    /// - Throws: `.notFound` if there is no such role, or it lacks the permission.
    package func revoke(_ permission: Permission, from role: String) throws(StoreError) {
        let changed = try transaction.execute(
            """
            DELETE FROM role_permissions WHERE role_id = \(try existing(role)) \
            AND object = \(permission.object) AND action = \(permission.action)
            """)
        guard changed > 0 else {
            throw .notFound(kind: "permission", id: "\(permission.object) \(permission.action)")
        }
    }

    /// - Throws: `.notFound` if there is no such user.
    package func of(user id: Int64) throws(StoreError) -> [String] {
        _ = try transaction.users.find(id)
        return try names(
            "SELECT r.name FROM user_roles u JOIN roles r ON r.id = u.role_id WHERE u.user_id = \(id) ORDER BY r.id")
    }

    /// - Throws: `.notFound` if there is no such role or user, `.conflict` if the user has the role.
    package func assign(_ role: String, to user: Int64) throws(StoreError) {
        _ = try transaction.users.find(user)
        let (id, now) = (try existing(role), transaction.now)
        try transaction.execute(
            """
            INSERT INTO user_roles (created_at, updated_at, user_id, role_id) \
            VALUES (\(now), \(now), \(user), \(id))
            """)
    }

    /// - Throws: `.notFound` if there is no such role or user, or the user lacks the role; `.lastRoot`.
    package func withdraw(_ role: String, from user: Int64) throws(StoreError) {
        _ = try transaction.users.find(user)
        let id = try existing(role)
        if role == Self.root { try checkThatRootRemains(without: user) }
        let changed = try transaction.execute("DELETE FROM user_roles WHERE user_id = \(user) AND role_id = \(id)")
        guard changed > 0 else { throw .notFound(kind: "role", id: role) }
    }

    /// - Throws: `.lastRoot` if `user` is the only one with the role `root` who may sign in.
    func checkThatRootRemains(without user: Int64) throws(StoreError) {
        let rows = try transaction.rows(
            """
            SELECT u.id FROM users u JOIN user_roles m ON m.user_id = u.id JOIN roles r ON r.id = m.role_id \
            WHERE r.name = \(Self.root) AND u.state = \(UserState.enable)
            """)
        var ids: [Int64] = []
        for row in rows {
            var reader = row.reader
            ids.append(try reader.integer())
        }
        if ids == [user] { throw .lastRoot }
    }

    private func add(_ permission: Permission, to role: Int64) throws(StoreError) {
        let now = transaction.now
        try transaction.execute(
            """
            INSERT INTO role_permissions (created_at, updated_at, role_id, object, action) \
            VALUES (\(now), \(now), \(role), \(permission.object), \(permission.action))
            """)
    }

    private func existing(_ role: String) throws(StoreError) -> Int64 {
        guard let id = try id(of: role) else { throw .notFound(kind: "role", id: role) }
        return id
    }

    private func id(of role: String) throws(StoreError) -> Int64? {
        guard var reader = try transaction.row("SELECT id FROM roles WHERE name = \(role)")?.reader else { return nil }
        return try reader.integer()
    }

    private func names(_ sql: SQL) throws(StoreError) -> [String] {
        var result: [String] = []
        for row in try transaction.rows(sql) {
            var reader = row.reader
            result.append(try reader.text())
        }
        return result
    }
}

extension Transaction {
    package var roles: Roles { Roles(transaction: self) }
}
