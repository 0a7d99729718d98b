package import HTTPFront
import HTTPTypes
package import Hummingbird
import Logging
import ManagerStore
import NIOCore

/// Answers every request to a manager.
package struct ManagerResponder: HTTPResponder {
    package typealias Context = FrontContext

    private let manager: Manager
    private let cross: CrossOrigin

    package init(_ manager: Manager) {
        self.manager = manager
        cross = CrossOrigin(allowed: manager.configuration.corsOrigins)
    }

    package func respond(to request: Request, context: FrontContext) async throws -> Response {
        var reply: Reply
        var response: Response
        if let preflight = cross.preflight(request) {
            reply = preflight
            reply.headers[.serverIP] = manager.configuration.serverIP
            response = Response(status: reply.status, headers: reply.headers)
        } else {
            let began = Timestamp.now()
            let facts = RequestFacts(request, address: context.remoteHost ?? "", isSecure: context.isSecure)
            if facts.path.hasPrefix(FleetResponder.prefix) {
                reply = await FleetResponder(manager: manager).reply(to: request, facts)
            } else {
                let (answer, caller) = await answer(request, facts)
                reply = answer
                note(request, facts, reply, caller, at: began)
                cross.mark(&reply, for: request)
            }
            reply.headers[.serverIP] = manager.configuration.serverIP
            reply.headers[.contentTypeOptions] = "nosniff"
            if reply.headers[.cacheControl] == nil, facts.path.hasPrefix("/api/") || facts.path.hasPrefix("/oapi/") {
                reply.headers[.cacheControl] = "no-store"
            }
            response = await Compression.response(reply, for: request)
        }
        return request.method == .head ? response.createHeadResponse() : response
    }

    // MARK: Answering

    /// A store that can only be read is no reason to refuse a reader.
    private func noteUse(of token: PersonalAccessToken) async {
        do {
            try await manager.tokens.markUsed(token)
        } catch {
            manager.logger.debug("the use of a token cannot be noted", metadata: ["error": "\(error)"])
        }
    }

    private func answer(_ request: Request, _ facts: RequestFacts) async -> (Reply, Caller) {
        var caller = Caller.nobody
        do {
            return (try await route(request, facts, &caller), caller)
        } catch {
            if Refusal.isFault(error) {
                manager.logger.error(
                    "request failed",
                    metadata: ["method": "\(request.method)", "path": "\(facts.path)", "error": "\(error)"])
            }
            return (Refusal(error).reply, caller)
        }
    }

    private func route(_ request: Request, _ facts: RequestFacts, _ caller: inout Caller) async throws -> Reply {
        let method = request.method == .head ? .get : request.method
        guard let match = Routes.table.match(method, facts.path) else {
            return try await unknown(request, facts, &caller)
        }
        let route = match.route
        if facts.isSessionFromCookie || route.access == .open, cross.isForged(request) {
            throw Refusal(.forbidden, "a page of another origin may not do this; --cors-origin allows it")
        }
        caller = try await self.caller(of: request, facts, for: route)
        try route.access.check(caller, at: .now())
        if case .token(let token, _) = caller { await noteUse(of: token) }
        do {
            return try await route.handler(try await call(request, facts, caller, match))
        } catch  where route.isSecretive && (error is BrokenRules || error is JSONError) {
            throw Refusal.unauthorized()
        }
    }

    /// Checks all that came in.
    private func call(
        _ request: Request, _ facts: RequestFacts, _ caller: Caller, _ match: RouteTable.Match
    ) async throws -> Call {
        let route = match.route
        let (numbers, texts) = try parameters(match)
        let query = try route.query.map { try $0.check(.object(Self.values(of: facts.query, for: $0))) }
        var body = Fields(checked: [:])
        if let shape = route.body { body = try shape.check(try await self.body(of: request)) }
        return Call(
            manager: manager, caller: caller, facts: facts, numbers: numbers, texts: texts,
            query: query ?? Fields(checked: [:]), body: body)
    }

    /// Who asks, by what the route looks at. Open routes look whether somebody is signed in, but do not insist.
    private func caller(of request: Request, _ facts: RequestFacts, for route: Route) async throws -> Caller {
        switch route.access {
        case .open:
            guard route.path == "/api/v1/users/signup", let token = facts.sessionToken else { return .nobody }
            do {
                return try await manager.accounts.caller(token: token)
            } catch is Refusal {
                return .nobody
            }
        case .user:
            guard let token = facts.sessionToken else { throw Refusal.unauthorized() }
            return try await manager.accounts.caller(token: token)
        case .token:
            guard let value = Self.accessToken(of: request, facts) else { throw Refusal(.unauthorized, "Unauthorized") }
            return try await manager.tokens.caller(value: value)
        }
    }

    /// The value of a personal access token: of the query, else of the header.
    private static func accessToken(of request: Request, _ facts: RequestFacts) -> String? {
        if let value = QueryString.parameters(of: facts.query).first(where: { $0.name == "access_token" })?.value,
            !value.isEmpty
        {
            return value
        }
        return RequestFacts.bearer(request.headers[.authorization])
    }

    /// A path that no route has: the registered one is close, or it is nobody's.
    private func unknown(_ request: Request, _ facts: RequestFacts, _ caller: inout Caller) async throws -> Reply {
        let method = request.method == .head ? .get : request.method
        let path = facts.path
        let other = path.hasSuffix("/") ? String(path.dropLast()) : path + "/"
        if !other.isEmpty, !path.hasPrefix("//"), Routes.table.match(method, other) != nil {
            let query = facts.query.isEmpty ? "" : "?" + facts.query
            return .redirect(method == .get ? .movedPermanently : .temporaryRedirect, to: other + query)
        }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        if path.hasPrefix("/oapi/v1/"), !["jobs", "clusters"].contains(parts[3]),
            let value = Self.accessToken(of: request, facts)
        {
            caller = try await manager.tokens.caller(value: value)
            try AccessRule.checkToken(of: caller, at: .now())
            throw Refusal(.forbidden, "Failed to extract resource type from path: \(path)")
        }
        guard path != "/" else {
            // Clients that keep the method would come back here for ever.
            var reply = Refusal(.methodNotAllowed, "Method Not Allowed").reply
            reply.headers[.allow] = "GET, HEAD"
            return reply
        }
        return .redirect(to: "/")
    }

    // MARK: What comes in

    private func parameters(_ match: RouteTable.Match) throws -> ([String: Int64], [String: String]) {
        var numbers: [String: Int64] = [:]
        var texts: [String: String] = [:]
        for (name, raw) in match.parameters {
            guard let text = QueryString.decode(raw) else { throw Refusal.invalid("the path is not UTF-8") }
            guard match.route.isNumber(name) else {
                texts[name] = text
                continue
            }
            guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else {
                throw Refusal.invalid("strconv.ParseUint: parsing \"\(text.truncated(to: 64))\": invalid syntax")
            }
            guard let number = Int64(text) else {
                throw Refusal.invalid("strconv.ParseUint: parsing \"\(text.truncated(to: 64))\": value out of range")
            }
            guard number > 0 else {
                throw BrokenRules(BrokenRules.broken("required", at: "Params.\(FieldRule.title(of: name))"))
            }
            numbers[name] = number
        }
        return (numbers, texts)
    }

    /// The parameters of a query as values of the kinds that the shape wants; the first of a name counts.
    static func values(of query: String, for shape: ObjectShape) throws -> JSONObject {
        var object = JSONObject()
        guard QueryString.isText(query) else { throw BrokenRules("the query is not UTF-8, or has a zero byte") }
        let parameters = QueryString.parameters(of: query)
        for field in shape.fields {
            guard let text = parameters.first(where: { $0.name == field.key })?.value, !text.isEmpty else { continue }
            switch field.shape {
            case .integer:
                guard let number = Int64(text) else {
                    throw BrokenRules("strconv.ParseInt: parsing \"\(text.truncated(to: 64))\": invalid syntax")
                }
                object[field.key] = .integer(number)
            case .boolean:
                guard ["true", "false", "1", "0"].contains(text) else {
                    throw BrokenRules("strconv.ParseBool: parsing \"\(text.truncated(to: 64))\": invalid syntax")
                }
                object[field.key] = .bool(text == "true" || text == "1")
            default: object[field.key] = .string(text)
            }
        }
        return object
    }

    private func body(of request: Request) async throws -> JSONValue {
        let limit = manager.configuration.maximumBody
        if let announced = request.headers[.contentLength].flatMap({ Int($0) }), announced > limit {
            throw Refusal.tooLarge(limit)
        }
        let bytes: ByteBuffer
        do {
            bytes = try await request.body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            throw Refusal.tooLarge(limit)
        } catch {
            // The client is gone, or does not keep to what it announced.
            throw Refusal(.badRequest, "the body did not arrive as a whole")
        }
        return try bytes.withUnsafeReadableBytes { try JSONParser.parse($0) }
    }

    // MARK: Audit

    private func note(_ request: Request, _ facts: RequestFacts, _ reply: Reply, _ caller: Caller, at time: Timestamp) {
        guard facts.path.hasPrefix("/api/") || facts.path.hasPrefix("/oapi/") else { return }
        let actor = caller.actor
        let status = reply.status.code
        manager.audit.note(
            Audit(
                actorType: actor.type, actorName: actor.name.truncated(to: 256),
                operation: request.method.rawValue.truncated(to: 64), operatedAt: time,
                state: (200..<300).contains(status) ? .success : .failure, path: facts.path.truncated(to: 1024),
                statusCode: status))
    }
}

extension RequestFacts {
    /// - Parameter address: of the other end of the connection.
    init(_ request: Request, address: String, isSecure: Bool) {
        let query = request.uri.query ?? ""
        let cookies = Self.cookies(in: request.headers[values: .cookie])
        let cookie = cookies["jwt"].flatMap { $0.isEmpty ? nil : $0 }
        self.init(
            path: request.uri.path, query: query, host: request.head.authority ?? "localhost", address: address,
            agent: request.headers[.userAgent] ?? "",
            sessionToken: cookie ?? Self.bearer(
                request.headers[.authorization])
                ?? QueryString.parameters(of: query).first { $0.name == "token" && !$0.value.isEmpty }?.value,
            isSessionFromCookie: cookie != nil, cookies: cookies,
            isSecure: isSecure || request.headers[.forwardedProtocol]?.lowercased() == "https")
    }

    /// What follows `Bearer`, in any case; nil if it is something else.
    static func bearer(_ field: String?) -> String? {
        let words = field?.split(separator: " ") ?? []
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        return String(words[1])
    }

    /// The first value of each name.
    static func cookies(in fields: [String]) -> [String: String] {
        var cookies: [String: String] = [:]
        for pair in fields.lazy.flatMap({ $0.split(separator: ";") }).prefix(100) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            let name = String(parts[0].drop { $0 == " " })
            if cookies[name] == nil { cookies[name] = String(parts[1]) }
        }
        return cookies
    }
}

extension HTTPField.Name {
    // The names are valid ones.
    // swift-format-ignore: NeverForceUnwrap
    static let forwardedProtocol = HTTPField.Name("X-Forwarded-Proto")!
    // swift-format-ignore: NeverForceUnwrap
    static let contentTypeOptions = HTTPField.Name("X-Content-Type-Options")!
}
