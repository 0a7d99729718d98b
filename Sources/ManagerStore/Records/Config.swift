/// A setting that users see and change.
package struct Config: Record {
    package var id: Int64
    package var createdAt: Timestamp
    package var updatedAt: Timestamp
    /// Unique.
    package var name: String
    package var value: String
    package var bio: String
    package var userID: Int64

    package enum Column: String, CaseIterable, Sendable {
        case name
        case value
        case bio
        case userID = "user_id"
    }

    package static let table = "configs"
    package static let kind = "config"
    package static let references: [Column: Reference] = [.userID: .user]

    package init(
        name: String, value: String, bio: String = "", userID: Int64, id: Int64 = 0, createdAt: Timestamp = .unset,
        updatedAt: Timestamp = .unset
    ) {
        self.id = id
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.name = name
        self.value = value
        self.bio = bio
        self.userID = userID
    }

    package init(from row: inout RowReader) throws(StoreError) {
        id = try row.integer()
        createdAt = try row.time()
        updatedAt = try row.time()
        name = try row.text()
        value = try row.text()
        bio = try row.text()
        userID = try row.integer()
    }

    package func value(of column: Column) -> SQLValue {
        switch column {
        case .name: name.sqlValue
        case .value: value.sqlValue
        case .bio: bio.sqlValue
        case .userID: userID.sqlValue
        }
    }
}
