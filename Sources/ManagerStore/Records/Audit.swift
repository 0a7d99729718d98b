package enum ActorType: String, SQLConvertible, CaseIterable, Sendable {
    case unknown = "UNKNOWN"
    case user = "USER"
    case token = "PAT"
}

package enum AuditState: String, SQLConvertible, CaseIterable, Sendable {
    case success = "SUCCESS"
    case failure = "FAILURE"
}

/// A call of the interface.
package struct Audit: Record {
    package var id: Int64
    package var createdAt: Timestamp
    package var updatedAt: Timestamp
    package var actorType: ActorType
    package var actorName: String
    package var eventType: String
    /// The method.
    package var operation: String
    package var operatedAt: Timestamp
    package var state: AuditState
    /// Without the query; at most 1,024 characters.
    package var path: String
    package var statusCode: Int
    /// JSON text.
    package var detail: String

    package enum Column: String, CaseIterable, Sendable {
        case actorType = "actor_type"
        case actorName = "actor_name"
        case eventType = "event_type"
        case operation
        case operatedAt = "operated_at"
        case state
        case path
        case statusCode = "status_code"
        case detail
    }

    package static let table = "audits"
    package static let kind = "audit"
    package static let order = Order.newestFirst
    /// A whole path can be longer than an entry of PostgreSQL's indexes.
    package static let indexedPrefixes: [Column: Int] = [.path: 128]

    package init(
        actorType: ActorType, actorName: String, eventType: String = "API", operation: String, operatedAt: Timestamp,
        state: AuditState, path: String, statusCode: Int, detail: String = "{}", id: Int64 = 0,
        createdAt: Timestamp = .unset, updatedAt: Timestamp = .unset
    ) {
        self.id = id
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.actorType = actorType
        self.actorName = actorName
        self.eventType = eventType
        self.operation = operation
        self.operatedAt = operatedAt
        self.state = state
        self.path = path
        self.statusCode = statusCode
        self.detail = detail
    }

    package init(from row: inout RowReader) throws(StoreError) {
        id = try row.integer()
        createdAt = try row.time()
        updatedAt = try row.time()
        actorType = try row.name()
        actorName = try row.text()
        eventType = try row.text()
        operation = try row.text()
        operatedAt = try row.time()
        state = try row.name()
        path = try row.text()
        statusCode = try row.number()
        detail = try row.text()
    }

    package func value(of column: Column) -> SQLValue {
        switch column {
        case .actorType: actorType.sqlValue
        case .actorName: actorName.sqlValue
        case .eventType: eventType.sqlValue
        case .operation: operation.sqlValue
        case .operatedAt: operatedAt.sqlValue
        case .state: state.sqlValue
        case .path: path.sqlValue
        case .statusCode: statusCode.sqlValue
        case .detail: detail.sqlValue
        }
    }
}
