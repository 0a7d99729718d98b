package enum UserState: String, SQLConvertible, CaseIterable, Sendable {
    case enable
    case disable
}

/// Somebody who may sign in.
package struct User: Record {
    package var id: Int64
    package var createdAt: Timestamp
    package var updatedAt: Timestamp
    /// Unique.
    package var name: String
    /// Unique unless it is empty.
    package var email: String
    /// Empty: nobody can sign in with a password.
    package var passwordHash: String
    package var avatar: String
    package var phone: String
    package var state: UserState
    package var location: String
    package var bio: String
    /// The password is one that everybody knows.
    package var mustChangePassword: Bool

    package enum Column: String, CaseIterable, Sendable {
        case name
        case email
        case passwordHash = "password_hash"
        case avatar
        case phone
        case state
        case location
        case bio
        case mustChangePassword = "must_change_password"
    }

    package static let table = "users"
    package static let kind = "user"

    package init(
        name: String, email: String = "", passwordHash: String = "", avatar: String = "", phone: String = "",
        state: UserState = .enable, location: String = "", bio: String = "", mustChangePassword: Bool = false,
        id: Int64 = 0, createdAt: Timestamp = .unset, updatedAt: Timestamp = .unset
    ) {
        self.id = id
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.name = name
        self.email = email
        self.passwordHash = passwordHash
        self.avatar = avatar
        self.phone = phone
        self.state = state
        self.location = location
        self.bio = bio
        self.mustChangePassword = mustChangePassword
    }

    package init(from row: inout RowReader) throws(StoreError) {
        id = try row.integer()
        createdAt = try row.time()
        updatedAt = try row.time()
        name = try row.text()
        email = try row.text()
        passwordHash = try row.text()
        avatar = try row.text()
        phone = try row.text()
        state = try row.name()
        location = try row.text()
        bio = try row.text()
        mustChangePassword = try row.flag()
    }

    package func value(of column: Column) -> SQLValue {
        switch column {
        case .name: name.sqlValue
        case .email: email.sqlValue
        case .passwordHash: passwordHash.sqlValue
        case .avatar: avatar.sqlValue
        case .phone: phone.sqlValue
        case .state: state.sqlValue
        case .location: location.sqlValue
        case .bio: bio.sqlValue
        case .mustChangePassword: mustChangePassword.sqlValue
        }
    }
}
