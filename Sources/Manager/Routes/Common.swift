import HTTPTypes
import ManagerStore

/// The routes of the interface, by what they are about.
package enum Routes {
    /// All of them, in the order of the document.
    package static let all: [Route] =
        accounts + signIn + roles + clusters + schedulerClusters + schedulers + seedPeerClusters + seedPeers + peers
        + configs + jobs + applications + persistentCacheTasks + tokens + joinTokens + providers + audits
        + service

    package static let table = RouteTable(all)

    /// A route below `/api/v1` for who has signed in and has the permission that the method needs.
    static func api(
        _ method: HTTPRequest.Method, _ path: String, _ object: APIObject, _ summary: String,
        query: ObjectShape? = nil, body: ObjectShape? = nil, answer: Route.Answer = .empty, others: [Int: String] = [:],
        isPaged: Bool = false, textParameters: Set<String> = [], handler: @escaping Route.Handler
    ) -> Route {
        Route(
            method, "/api/v1" + path, .user(object, action: method == .get || method == .head ? "read" : "*"), summary,
            query: query, body: body, answer: answer, others: others, isPaged: isPaged, textParameters: textParameters,
            handler: handler)
    }

    /// A route below `/api/v1` for anybody.
    static func open(
        _ method: HTTPRequest.Method, _ path: String, _ summary: String, query: ObjectShape? = nil,
        body: ObjectShape? = nil, answer: Route.Answer = .empty, others: [Int: String] = [:],
        handler: @escaping Route.Handler
    ) -> Route {
        Route(
            method, "/api/v1" + path, .open, summary, query: query, body: body, answer: answer, others: others,
            handler: handler)
    }

    /// A route that lists pages of something.
    static func list<Model>(
        _ path: String, _ object: APIObject, _ summary: String, query name: String, filters: [FieldRule],
        as output: Output<Model>,
        load: @escaping @Sendable (Call, Page) async throws -> Listing<Model>
    ) -> Route {
        api(
            .get, path, object, summary, query: ObjectShape(name, filters + PageQuery.rules),
            answer: .json(.array(of: .object(output.shape), atMost: .max)), isPaged: true
        ) { call in
            try await call.list(as: output) { try await load(call, $0) }
        }
    }

    /// A route that answers with one object.
    static func one<Model>(
        _ method: HTTPRequest.Method, _ path: String, _ object: APIObject, _ summary: String,
        body: ObjectShape? = nil, others: [Int: String] = [:], as output: Output<Model>,
        load: @escaping @Sendable (Call) async throws -> Model
    ) -> Route {
        api(method, path, object, summary, body: body, answer: .json(.object(output.shape)), others: others) { call in
            .json(try await call.naming { try await load(call) }, as: output)
        }
    }

    /// A route that does something and answers with nothing.
    static func action(
        _ method: HTTPRequest.Method, _ path: String, _ object: APIObject, _ summary: String,
        body: ObjectShape? = nil, others: [Int: String] = [:],
        run: @escaping @Sendable (Call) async throws -> Void
    ) -> Route {
        api(method, path, object, summary, body: body, others: others) { call in
            try await call.naming { try await run(call) }
            return Reply()
        }
    }
}

/// Fields that many requests have.
enum Common {
    static let name = Field<String>("name", .text(TextRule(minimum: 1, maximum: 256)))
    static let bio = Field<String>("bio", .text(max: 1024), "A description.")
    static let userID = Field<Int64>("user_id", .id)
    static let hostName = Field<String>("host_name", .text(TextRule(minimum: 1, maximum: 256)))
    static let ip = Field<String>("ip", .text(TextRule(minimum: 1, maximum: 256)))
    static let idc = Field<String>("idc", .text(max: 1024), "The data centre.")
    static let location = Field<String>("location", .text(max: 1024), "From the general to the special, joined with |.")
    static let port = Field<Int>("port", .port)
    static let downloadPort = Field<Int>("download_port", .port)
    static let proxyPort = Field<Int>("proxy_port", .port)
    static let objectStoragePort = Field<Int>("object_storage_port", .port)
    static let schedulerClusterID = Field<Int64>("scheduler_cluster_id", .id)
    static let seedPeerClusterID = Field<Int64>("seed_peer_cluster_id", .id)
    static let state = Field<String>("state", .oneOf("active", "inactive"))
}

extension Output where Model: Record {
    /// The members that every row begins with.
    static var base: [Member] {
        [
            .integer("id") { $0.id }, .time("created_at") { $0.createdAt }, .time("updated_at") { $0.updatedAt },
            .integer("is_del", .integer(0...0)) { _ in 0 },
        ]
    }
}
