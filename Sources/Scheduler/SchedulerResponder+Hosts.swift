import Fleet
import HTTPFront
import HTTPTypes
import Hummingbird
import MinionCore
import Wire

/// The links of hosts: `/v1/hosts/<id>`.
extension SchedulerResponder {
    private static let hostsPath = "/v1/hosts/"

    /// The id in a host's path; nil if it is another path.
    static func hostID(in path: String) throws -> PeerID? {
        guard path.hasPrefix(hostsPath) else { return nil }
        guard let id = PeerID(hex: String(path.dropFirst(hostsPath.count))) else {
            throw Refusal(.badRequest, "a host's id has 16 hexadecimal digits in lower case")
        }
        return id
    }

    func respond(to request: Request, of id: PeerID, _ context: FrontContext) async throws -> Response {
        guard let hosts else { throw Refusal(.notFound, "this scheduler has no manager, and so no hosts") }
        switch request.method {
        case .post: return try await report(request, from: id, to: hosts, context)
        case .delete:
            switch hosts.leave(id, secret: request.headers[.minionSecret] ?? "") {
            case .wrongSecret:
                throw Refusal(.forbidden, "the host's secret is wrong; send it as \(HeaderName.secret)")
            case .confirmed, .unknown: return Response(status: .noContent)
            }
        default: throw Refusal.methodNotAllowed("POST, DELETE")
        }
    }

    private func report(
        _ request: Request, from id: PeerID, to hosts: HostDriver, _ context: FrontContext
    ) async throws -> Response {
        let bearer = "Bearer "
        let field = request.headers[.authorization] ?? ""
        let token = field.hasPrefix(bearer) ? field.dropFirst(bearer.count) : ""
        switch await hosts.admission(of: id, token: token, on: context.connection) {
        case .open: break
        case .notReady:
            throw Refusal(
                .serviceUnavailable, "the scheduler has not heard from its manager yet", headers: [.retryAfter: "1"])
        case .refused(let reason): throw Refusal(.serviceUnavailable, reason)
        case .wrongToken:
            throw Refusal(
                .unauthorized,
                token.isEmpty
                    ? "a host needs a join token, sent as Authorization: Bearer …"
                    : "the join token is unknown, expired or revoked; ask an administrator for one of this cluster",
                headers: [.wwwAuthenticate: "Bearer"])
        }
        var report = try await bodies.read(request, upTo: HostReport.maximumBytes) {
            try WireJSON.decode(HostReport.self, from: $0, limit: HostReport.maximumBytes)
        }
        if let problem = report.problem { throw Refusal(.badRequest, problem) }
        if let endpoint = report.facts?.endpoint, endpoint.isUnspecified {
            guard let host = context.remoteHost else { throw Refusal(.badRequest, "facts.endpoint has no host") }
            report.facts?.endpoint = Endpoint(host: host, port: endpoint.port)
        }
        let reply = await hosts.reply(to: report, from: id, connection: context.connection)
        if let reason = reply?.refusal { refusals.note(Refusal(.ok, reason), of: request, from: context.remoteHost) }
        // Whoever is removed while its host waits sends it elsewhere at once.
        if let refusal = hosts.refusal { throw Refusal(.serviceUnavailable, refusal) }
        return .json(WireJSON.encodeMessage(reply ?? HostReply()))
    }
}
