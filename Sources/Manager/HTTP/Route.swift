package import HTTPTypes

/// One call of the interface, declared once: the table of routes, the check of access, the checks of what comes in, the
/// OpenAPI document and the page for people are all made from this.
package struct Route: Sendable {
    /// What comes with status 200, or what else success is.
    package enum Answer: Sendable {
        case empty
        case json(Shape)
        case redirect
        case other(type: String)
    }

    package typealias Handler = @Sendable (Call) async throws -> Reply

    package var method: HTTPRequest.Method
    /// With `:name` for parts that vary; `:id` and names that end in `_id` are positive integers, unless they are in
    /// `textParameters`.
    package var path: String
    package var access: AccessRule
    package var summary: String
    package var query: ObjectShape?
    package var body: ObjectShape?
    package var answer: Answer
    /// Statuses beside the usual ones, with what they mean.
    package var others: [Int: String]
    package var isPaged: Bool
    package var textParameters: Set<String>
    /// Whether a client is told no more than that it may not, whatever is wrong with what it sent.
    package var isSecretive = false
    /// Refusals that are told by the status alone.
    package var statusesWithoutBody: Set<Int> = []
    /// What bodies look like, for the document, where that depends on what they say.
    package var bodies: [ObjectShape] = []
    package var handler: Handler

    /// The parts of the path.
    package let segments: [Segment]

    package enum Segment: Hashable, Sendable {
        case literal(String)
        case parameter(String)
    }

    package init(
        _ method: HTTPRequest.Method, _ path: String, _ access: AccessRule, _ summary: String,
        query: ObjectShape? = nil, body: ObjectShape? = nil, answer: Answer = .empty, others: [Int: String] = [:],
        isPaged: Bool = false, textParameters: Set<String> = [], handler: @escaping Handler
    ) {
        self.method = method
        self.path = path
        self.access = access
        self.summary = summary
        self.query = query
        self.body = body
        self.answer = answer
        self.others = others
        self.isPaged = isPaged
        self.textParameters = textParameters
        self.handler = handler
        segments = path.split(separator: "/").map {
            $0.hasPrefix(":") ? .parameter(String($0.dropFirst())) : .literal(String($0))
        }
    }

    /// The names of the parts that vary, in order.
    package var parameters: [String] {
        segments.compactMap { if case .parameter(let name) = $0 { name } else { nil } }
    }

    package func isNumber(_ parameter: String) -> Bool {
        (parameter == "id" || parameter.hasSuffix("_id")) && !textParameters.contains(parameter)
    }

    /// The same call for programs with tokens, below `/oapi`.
    func forTokens(_ scope: TokenScope) -> Route {
        var route = Route(
            method, "/o" + path.dropFirst(), .token(scope), summary, query: query, body: body, answer: answer,
            others: others, isPaged: isPaged, textParameters: textParameters, handler: handler)
        route.bodies = bodies
        return route
    }
}

/// Finds the route of a request.
package struct RouteTable: Sendable {
    private struct Key: Hashable {
        var method: HTTPRequest.Method
        var length: Int
    }

    package let routes: [Route]
    private let byKey: [Key: [Route]]

    package init(_ routes: [Route]) {
        self.routes = routes
        byKey = Dictionary(grouping: routes) { Key(method: $0.method, length: $0.segments.count) }
            .mapValues { routes in routes.sorted { $0.parameters.count < $1.parameters.count } }
    }

    package struct Match: Sendable {
        package let route: Route
        /// What stands at the parts that vary, as it came.
        package let parameters: [String: Substring]
    }

    /// The route of a path as it came, without query; nil if there is none.
    package func match(_ method: HTTPRequest.Method, _ path: String) -> Match? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard !parts.contains("") || path == "/" else { return nil }
        let segments = path == "/" ? [] : Array(parts)
        for route in byKey[Key(method: method, length: segments.count)] ?? [] {
            if let parameters = route.parameters(of: segments) { return Match(route: route, parameters: parameters) }
        }
        return nil
    }
}

extension Route {
    fileprivate func parameters(of parts: [Substring]) -> [String: Substring]? {
        var found: [String: Substring] = [:]
        for (segment, part) in zip(segments, parts) {
            switch segment {
            case .literal(let literal): guard literal == part else { return nil }
            case .parameter(let name): found[name] = part
            }
        }
        return found
    }
}
