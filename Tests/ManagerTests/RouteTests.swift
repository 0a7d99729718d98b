import HTTPTypes
import Manager
import Testing

@Suite struct RouteTests {
    private func path(_ method: HTTPRequest.Method, _ path: String) -> String? {
        Routes.table.match(method, path)?.route.path
    }

    @Test func routesAreFound() throws {
        #expect(path(.get, "/api/v1/users/7") == "/api/v1/users/:id")
        #expect(path(.post, "/api/v1/users/signin") == "/api/v1/users/signin")
        #expect(path(.get, "/api/v1/users/signin/github") == "/api/v1/users/signin/:name")
        #expect(path(.get, "/api/v1/users/7/roles") == "/api/v1/users/:id/roles")
        #expect(path(.put, "/api/v1/users/7/roles/root") == "/api/v1/users/:id/roles/:role")
        #expect(path(.get, "/oapi/v1/jobs/7") == "/oapi/v1/jobs/:id")
        #expect(path(.get, "/") == "/")
        let match = try #require(Routes.table.match(.put, "/api/v1/seed-peer-clusters/3/scheduler-clusters/4"))
        #expect(match.parameters == ["id": "3", "scheduler_cluster_id": "4"])
    }

    @Test(arguments: [
        "/api/v1/users/", "/api/v1", "/api/v1/nothing", "//api/v1/users", "/api//v1/users", "/oapi/v1/users",
        "/api/v1/users/7/x",
        "/API/v1/users",
    ])
    func otherPathsAreNot(_ text: String) { #expect(path(.get, text) == nil) }

    @Test func noRouteHidesAnother() {
        var seen: Set<String> = []
        for route in Routes.all {
            #expect(
                seen.insert("\(route.method) \(route.path)").inserted, "\(route.method) \(route.path) is there twice")
            let example =
                "/"
                + route.segments.map { segment in
                    switch segment {
                    case .literal(let text): text
                    case .parameter: "7"
                    }
                }.joined(separator: "/")
            #expect(path(route.method, example) == route.path)
        }
    }

    @Test func listsArePaged() {
        for route in Routes.all where route.isPaged {
            #expect(route.query?.fields.contains { $0.key == "per_page" } == true, "\(route.path)")
        }
        let paged = Set(
            Routes.all.filter(\.isPaged).map(\.path).filter { $0.hasPrefix("/api/v1/") }.map { $0.dropFirst(8) })
        #expect(
            paged == [
                "users", "oauth", "clusters", "scheduler-clusters", "schedulers", "seed-peer-clusters", "seed-peers",
                "peers",
                "configs", "jobs", "applications", "personal-access-tokens", "join-tokens", "audits",
            ])
    }
}

@Suite struct DocumentTests {
    private let document = OpenAPI.make(Routes.all).object ?? [:]

    @Test func everyRouteIsInTheDocument() throws {
        let paths = try #require(document["paths"]?.object)
        var count = 0
        for path in paths.members { count += path.value.object?.members.count ?? 0 }
        #expect(count == Routes.all.count)
        for route in Routes.all {
            let path = route.path.split(separator: "/").map { $0.hasPrefix(":") ? "{\($0.dropFirst())}" : String($0) }
                .joined(separator: "/")
            let operation = paths["/" + path]?.object?[route.method.rawValue.lowercased()]?.object
            #expect(operation != nil, "\(route.method) \(route.path)")
            let security = operation?["security"]?.array
            switch route.access {
            case .open: #expect(security == [])
            case .user, .token: #expect(security?.isEmpty == false)
            }
        }
    }

    @Test func everyReferenceLeadsSomewhere() throws {
        let schemas = try #require(document["components"]?.object?["schemas"]?.object)
        var references: Set<String> = []
        func collect(_ value: JSONValue) {
            switch value {
            case .object(let object):
                for member in object.members {
                    if member.key == "$ref", let text = member.value.string { references.insert(text) }
                    collect(member.value)
                }
            case .array(let elements): for element in elements { collect(element) }
            default: break
            }
        }
        collect(.object(document))
        #expect(references.count > 50)
        for reference in references {
            let name = reference.replacing("#/components/schemas/", with: "")
            #expect(schemas[name]?.object?.isEmpty == false, "\(reference)")
        }
    }

    @Test func operationsHaveNamesOfTheirOwn() {
        var names: Set<String> = []
        for path in document["paths"]?.object?.members ?? [] {
            for operation in path.value.object?.members ?? [] {
                let name = operation.value.object?["operationId"]?.string ?? ""
                #expect(names.insert(name).inserted, "\(name) is there twice")
            }
        }
    }

    @Test func limitsAreTold() throws {
        let schemas = try #require(document["components"]?.object?["schemas"]?.object)
        let config = schemas["SchedulerClusterConfigInput"]?.object?["properties"]?.object?["filter_parent_limit"]
        #expect(config?.text.contains("\"minimum\":10,\"maximum\":1000") == true)
        let name = schemas["SignUpRequest"]?.object?["properties"]?.object?["name"]?.object
        #expect(name?["minLength"] == 3 && name?["maxLength"] == 10)
    }

    @Test func documentIsJSON() throws {
        let text = String(decoding: OpenAPI.document, as: UTF8.self)
        #expect(try JSONParser.parse(text).object?["openapi"] == "3.1.0")
    }
}
