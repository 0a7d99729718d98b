import HTTPTypes

/// The OpenAPI 3.1 document of the interface, made from the routes.
package enum OpenAPI {
    /// As JSON text.
    package static let document = Array(make(Routes.all).text.utf8)

    package static func make(_ routes: [Route]) -> JSONValue {
        var schemas = Schemas()
        var paths: [(path: String, item: JSONObject)] = []
        for route in routes {
            let path = route.path.split(separator: "/").map { $0.hasPrefix(":") ? "{\($0.dropFirst())}" : "\($0)" }
                .joined(separator: "/")
            let operation = JSONValue.object(operation(route, &schemas))
            let method = route.method.rawValue.lowercased()
            if let index = paths.firstIndex(where: { $0.path == "/" + path }) {
                paths[index].item[method] = operation
            } else {
                paths.append(("/" + path, JSONObject([.init(method, operation)])))
            }
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Minion manager", "version": "1",
                "description": "Clusters, accounts, tokens and jobs. Compatible with Dragonfly's manager.",
            ],
            "paths": .object(JSONObject(paths.map { .init($0.path, .object($0.item)) })),
            "components": [
                "securitySchemes": [
                    "session": ["type": "apiKey", "in": "cookie", "name": "jwt"],
                    "sessionBearer": ["type": "http", "scheme": "bearer", "bearerFormat": "JWT"],
                    "accessToken": ["type": "http", "scheme": "bearer"],
                ],
                "schemas": .object(schemas.components),
            ],
        ]
    }

    private static func operation(_ route: Route, _ schemas: inout Schemas) -> JSONObject {
        var operation: JSONObject = [
            "operationId": .string(operationID(route)), "summary": .string(route.summary),
            "tags": [.string(tag(route))],
        ]
        let path = route.parameters.map { name -> JSONValue in
            let schema: JSONValue =
                route.isNumber(name)
                ? ["type": "integer", "minimum": 1, "maximum": .integer(.max)] : ["type": "string", "minLength": 1]
            return ["name": .string(name), "in": "path", "required": true, "schema": schema]
        }
        let query = (route.query?.fields ?? []).map { field -> JSONValue in
            var parameter: JSONObject = [
                "name": .string(field.key), "in": "query", "required": .bool(field.isRequired),
                "schema": .object(schemas.schema(of: field.shape, .request(isRequired: field.isRequired))),
            ]
            if !field.summary.isEmpty { parameter["description"] = .string(field.summary) }
            return .object(parameter)
        }
        if !path.isEmpty || !query.isEmpty { operation["parameters"] = .array(path + query) }
        if let body = route.body {
            let shape: Shape = route.bodies.isEmpty ? .object(body) : .any(of: route.bodies.map { .object($0) })
            let schema = schemas.schema(of: shape, .request(isRequired: true))
            operation["requestBody"] = [
                "required": true, "content": ["application/json": ["schema": .object(schema)]],
            ]
        }
        switch route.access {
        case .open: operation["security"] = []
        case .user: operation["security"] = [["session": []], ["sessionBearer": []]]
        case .token: operation["security"] = [["accessToken": []]]
        }
        operation["responses"] = .object(responses(route, &schemas))
        return operation
    }

    private static func operationID(_ route: Route) -> String {
        let words = route.path.split { !$0.isLetter && !$0.isNumber && $0 != "_" }
        return ([route.method.rawValue.lowercased()[...]] + words.map { $0[...] }).joined(separator: "_")
    }

    private static func tag(_ route: Route) -> String {
        switch route.access {
        case .user(let object, _): object.rawValue
        case .token: route.path.hasPrefix("/oapi/v1/jobs") ? "jobs" : "clusters"
        case .open: route.path.hasPrefix("/api/v1/users") ? "users" : "service"
        }
    }

    // MARK: Answers

    private static func responses(_ route: Route, _ schemas: inout Schemas) -> JSONObject {
        var responses: [Int: JSONObject] = [:]
        switch route.answer {
        case .empty: responses[200] = ["description": "Done."]
        case .json(let shape):
            responses[200] = [
                "description": "Success.",
                "content": ["application/json": ["schema": .object(schemas.schema(of: shape, .answer))]],
            ]
        case .redirect:
            responses[302] = ["description": "Go on there.", "headers": ["Location": ["schema": ["type": "string"]]]]
        case .other(let type):
            responses[200] = ["description": "Success.", "content": .object(JSONObject([.init(type, [:])]))]
        }
        if route.isPaged {
            responses[200]?["headers"] = [
                "Link": ["description": "The previous, next, first and last page.", "schema": ["type": "string"]]
            ]
        }
        for (status, text) in refusals(of: route) {
            responses[status] =
                route.statusesWithoutBody.contains(status)
                ? ["description": .string(text)] : refusal(status, text, &schemas)
        }
        return JSONObject(responses.sorted { $0.key < $1.key }.map { .init("\($0.key)", .object($0.value)) })
    }

    private static func refusals(of route: Route) -> [Int: String] {
        var texts = [500: "The manager failed.", 503: "The database cannot be reached at the moment."]
        switch route.access {
        case .open: break
        case .user:
            texts[400] = "The token does not say when it expires."
            texts[401] = "Nobody is signed in, or who is may not."
        case .token:
            texts[401] = "There is no such token."
            texts[403] = "The token is inactive, has expired, or is not for this."
        }
        if route.query != nil || route.body != nil || !route.parameters.isEmpty {
            texts[422] = "Something sent breaks a rule."
        }
        if route.isSecretive { texts[422] = nil }
        if route.body != nil { texts[413] = "The body is too long." }
        if route.parameters.contains("id"), route.isNumber("id") { texts[404] = "There is no such thing." }
        if route.path == "/healthy" || route.path == "/openapi.json" || route.path == "/docs" || route.path == "/" {
            texts = [:]
        }
        return texts.merging(route.others) { _, special in special }
    }

    private static func refusal(_ status: Int, _ text: String, _ schemas: inout Schemas) -> JSONObject {
        let name = status == 422 ? "ValidationError" : "Error"
        var content: JSONObject = [
            "application/json": ["schema": ["$ref": .string("#/components/schemas/\(name)")]]
        ]
        if status == 429 { content["text/plain"] = ["schema": ["type": "string"]] }
        schemas.addErrors()
        return ["description": .string(text), "content": .object(content)]
    }
}
