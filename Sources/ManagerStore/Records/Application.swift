/// A program that downloads, with its priorities.
package struct Application: Record {
    package var id: Int64
    package var createdAt: Timestamp
    package var updatedAt: Timestamp
    /// Unique.
    package var name: String
    package var url: String
    package var bio: String
    /// JSON text.
    package var priority: String
    package var userID: Int64

    package enum Column: String, CaseIterable, Sendable {
        case name
        case url
        case bio
        case priority
        case userID = "user_id"
    }

    package static let table = "applications"
    package static let kind = "application"
    package static let references: [Column: Reference] = [.userID: .user]

    package init(
        name: String, url: String, bio: String = "", priority: String = "{}", userID: Int64, id: Int64 = 0,
        createdAt: Timestamp = .unset, updatedAt: Timestamp = .unset
    ) {
        self.id = id
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.name = name
        self.url = url
        self.bio = bio
        self.priority = priority
        self.userID = userID
    }

    package init(from row: inout RowReader) throws(StoreError) {
        id = try row.integer()
        createdAt = try row.time()
        updatedAt = try row.time()
        name = try row.text()
        url = try row.text()
        bio = try row.text()
        priority = try row.text()
        userID = try row.integer()
    }

    package func value(of column: Column) -> SQLValue {
        switch column {
        case .name: name.sqlValue
        case .url: url.sqlValue
        case .bio: bio.sqlValue
        case .priority: priority.sqlValue
        case .userID: userID.sqlValue
        }
    }
}
