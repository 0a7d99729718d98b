import AsyncHTTPClient
import MinionCore
import NIOCore
import NIOHTTP1
import Swarm

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Why there is no answer from a manager, or from a scheduler about a host.
package struct FleetError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// No connection, no answer in time, or trouble at the other end (5xx).
        case unreachable
        /// Nothing is known there of fleets.
        case unknown
        /// The token is not accepted (any more).
        case refused
        /// Something else answers there.
        case rubbish
    }

    package let kind: Kind
    /// One line that names the server.
    package let message: String

    init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { message }
}

/// Sends a fleet's messages, as JSON, with the join token.
struct FleetExchange: Sendable {
    let client: DirectClient
    let token: String

    /// The longest answer: a thousand orders of some kilobytes each.
    private static let replyBytes = 16 << 20

    /// Posts `question` to `path` below the base URL `server`. Throws `FleetError` and `CancellationError`.
    func ask<Question: Encodable, Answer: Decodable>(
        _ question: Question, of server: String, at path: String, limit: Duration
    ) async throws -> Answer {
        var request = request(.POST, server + path)
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(question)))
        let (status, body) = try await send(request, to: server, limit: limit)
        guard status.code == 200 else { throw Self.failure(status, body, server) }
        do {
            return try JSONDecoder().decode(Answer.self, from: Data(body.readableBytesView))
        } catch {
            throw FleetError(.rubbish, "\(server) does not answer like one of a fleet; is it of another version?")
        }
    }

    /// Throws `FleetError` unless there is an answer without an error at `path`.
    func look(_ server: String, at path: String, limit: Duration) async throws {
        let (status, _) = try await send(request(.GET, server + path), to: server, limit: limit)
        guard status.code == 200 else {
            throw FleetError(
                status.code >= 500 ? .unreachable : .unknown, "\(server) answered \(SourceHead.text(status))")
        }
    }

    /// Takes leave with the secret that was shown before. Nothing comes of a failure.
    func leave(_ server: String, at path: String, secretField: String, secret: String, limit: Duration) async {
        var request = request(.DELETE, server + path)
        request.headers.add(name: secretField, value: secret)
        _ = try? await send(request, to: server, limit: limit)
    }

    private func request(_ method: HTTPMethod, _ url: String) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: url)
        request.method = method
        request.headers.add(name: "User-Agent", value: "minion")
        request.headers.add(name: "Accept", value: "application/json")
        if !token.isEmpty { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        return request
    }

    private func send(
        _ request: HTTPClientRequest, to server: String, limit: Duration
    ) async throws -> (HTTPResponseStatus, ByteBuffer) {
        do {
            return try await client.exchange(request, limit: limit, replyBytes: Self.replyBytes)
        } catch {
            if Task.isCancelled || error is CancellationError { throw CancellationError() }
            switch error {
            case is DeadlineExceeded:
                throw FleetError(.unreachable, "\(server) did not answer within \(limit.brief)")
            case is NIOTooManyBytesError: throw FleetError(.rubbish, "\(server) sent an answer that is too long")
            default:
                let failure = SourceFailure(transport: error, server: server)
                throw FleetError(failure.kind == .malformed ? .rubbish : .unreachable, failure.message)
            }
        }
    }

    private static func failure(_ status: HTTPResponseStatus, _ body: ByteBuffer, _ server: String) -> FleetError {
        let text = errorText(body) ?? SourceHead.text(status)
        return switch status.code {
        case 401, 403: FleetError(.refused, "\(server) refuses: \(text)")
        case 404, 405: FleetError(.unknown, "\(server) knows nothing of a fleet (\(SourceHead.text(status)))")
        case 408, 429, 500...: FleetError(.unreachable, "\(server) answered \(text)")
        default: FleetError(.rubbish, "\(server) does not answer like one of a fleet: \(text)")
        }
    }

    /// What `{"error": "…"}` or `{"message": "…"}` says.
    private static func errorText(_ body: ByteBuffer) -> String? {
        struct Message: Decodable {
            var error: String?
            var message: String?
        }
        guard body.readableBytes <= 64 << 10,
            let found = try? JSONDecoder().decode(Message.self, from: Data(body.readableBytesView)),
            let text = found.error ?? found.message, !text.isEmpty
        else { return nil }
        return SourceURL.printable(text, limit: 300)
    }
}
