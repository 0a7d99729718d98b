import ManagerStore

/// What a request said of itself beside its parameters.
package struct RequestFacts: Sendable {
    package var path: String
    /// As it came, without `?`.
    package var query: String
    package var host: String
    /// The address of the other end; empty if there is none.
    package var address: String
    package var agent: String
    /// The token that came with it, wherever it stood.
    package var sessionToken: String?
    /// Whether that was a cookie, which a browser sends whoever made the page.
    package var isSessionFromCookie: Bool
    package var cookies: [String: String]
    /// Whether the client came by HTTPS, here or at a proxy in front.
    package var isSecure: Bool

    package init(
        path: String = "/", query: String = "", host: String = "", address: String = "", agent: String = "",
        sessionToken: String? = nil, isSessionFromCookie: Bool = false, cookies: [String: String] = [:],
        isSecure: Bool = false
    ) {
        self.path = path
        self.query = query
        self.host = host
        self.address = address
        self.agent = agent
        self.sessionToken = sessionToken
        self.isSessionFromCookie = isSessionFromCookie
        self.cookies = cookies
        self.isSecure = isSecure
    }
}

/// A request to a route, after all checks.
package struct Call: Sendable {
    package let manager: Manager
    package let caller: Caller
    package let facts: RequestFacts
    /// The parts of the path that are numbers.
    package let numbers: [String: Int64]
    /// The other parts that vary.
    package let texts: [String: String]
    package let query: Fields
    package let body: Fields

    /// The `:id` of the path.
    var id: Int64 { numbers["id"] ?? 0 }

    var page: Page { PageQuery.page(of: query) }

    /// Which rows a list is to have: fields of the query that are not zero and name columns.
    func filter<R: Record>(_ type: R.Type) -> [R.Column: SQLValue] { Self.columns(of: query, type) }

    /// What a change writes: fields of the body that are not zero and name columns.
    func changes<R: Record>(_ type: R.Type) -> [R.Column: SQLValue] { Self.columns(of: body, type) }

    private static func columns<R: Record>(of fields: Fields, _ type: R.Type) -> [R.Column: SQLValue] {
        var columns: [R.Column: SQLValue] = [:]
        for member in fields.object.members {
            guard let column = R.Column(rawValue: member.key) else { continue }
            switch member.value {
            case .string(let text) where !text.isEmpty: columns[column] = .text(text)
            case .integer(let number) where number != 0: columns[column] = .integer(number)
            case .bool(true): columns[column] = true
            default: continue
            }
        }
        return columns
    }

    /// Runs `body`, and says of the row that the path names only that it is not there.
    func naming<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch StoreError.notFound(_, let id) where id == String(self.id) {
            throw Refusal.recordNotFound
        }
    }
}

/// The two fields of every list.
enum PageQuery {
    static let number = Field<Int>("page", .integer(1...Int64(Int32.max)), "The page, from 1.")
    static let size = Field<Int>("per_page", .integer(1...10_000_000), "Rows of a page; 10 if left out.")
    static let rules = [number.optional, size.optional]

    static func page(of query: Fields) -> Page {
        let size = query[size]
        return Page(number: max(1, query[number]), size: size == 0 ? 10 : size)
    }
}
