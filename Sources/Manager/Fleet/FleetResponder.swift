import Fleet
import FoundationEssentials
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// What schedulers and nodes ask a manager for: `/internal/v1`. Messages are those of `Fleet`, as JSON.
struct FleetResponder: Sendable {
    static let prefix = "/internal/v1/"
    /// Bytes of a message: a scheduler with very many hosts tells of all of them at its start.
    private static let maximumBody = 16 << 20

    let manager: Manager

    func reply(to request: Request, _ facts: RequestFacts) async -> Reply {
        do {
            return try await answer(request, facts)
        } catch {
            if Refusal.isFault(error) {
                manager.logger.error(
                    "request failed",
                    metadata: ["method": "\(request.method)", "path": "\(facts.path)", "error": "\(error)"])
            }
            var reply = Refusal(error).reply
            reply.headers[.wwwAuthenticate] = nil
            return reply
        }
    }

    private func answer(_ request: Request, _ facts: RequestFacts) async throws -> Reply {
        guard ["schedulers", "route"].contains(facts.path.dropFirst(Self.prefix.count)) else {
            throw Refusal(.notFound, "there is nothing of that name; is this manager older than who asks?")
        }
        guard request.method == .post else {
            var reply = Refusal(.methodNotAllowed, "Method Not Allowed").reply
            reply.headers[.allow] = "POST"
            return reply
        }
        guard let token = RequestFacts.bearer(request.headers[.authorization]) else {
            throw Refusal(
                .unauthorized, "a join token is needed; make one at the manager and give it with --join-token")
        }
        // Before the body is read: strangers cannot make the manager hold much.
        let identity = try await manager.joinTokens.identity(of: token)
        if facts.path == Self.prefix + "schedulers" {
            let report: SchedulerReport = try await message(of: request)
            return try json(try await manager.fleet.receive(report, from: facts.address, identity: identity))
        }
        let question: RouteQuestion = try await message(of: request)
        return try json(try await manager.fleet.route(question, from: facts.address, identity: identity))
    }

    private func message<Message: Decodable>(of request: Request) async throws -> Message {
        if let announced = request.headers[.contentLength].flatMap({ Int($0) }), announced > Self.maximumBody {
            throw Refusal.tooLarge(Self.maximumBody)
        }
        do {
            let bytes = try await request.body.collect(upTo: Self.maximumBody)
            return try JSONDecoder().decode(Message.self, from: Data(bytes.readableBytesView))
        } catch is NIOTooManyBytesError {
            throw Refusal.tooLarge(Self.maximumBody)
        } catch let error as DecodingError {
            throw Refusal.invalid("that is no \(Message.self): \(Self.words(for: error))")
        }
    }

    private static func words(for error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, _): "\(key.stringValue) is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            context.codingPath.isEmpty
                ? "no JSON, or of another form"
                : "\(ReportCheck.text(context.codingPath.map(\.stringValue).joined(separator: "."), most: 100)) is wrong"
        @unknown default: "it is of another form"
        }
    }

    private func json(_ message: some Encodable) throws -> Reply {
        var reply = Reply(status: .ok, type: Reply.jsonType, bytes: Array(try JSONEncoder().encode(message)))
        reply.headers[.cacheControl] = "no-store"
        return reply
    }
}
