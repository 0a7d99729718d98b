import AsyncHTTPClient
package import Fleet
import NIOCore
import NIOHTTP1
import Synchronization
import Wire

/// The way to managers on other machines, any of which will do: the one that answered last is asked first.
package final class HTTPManagerLink: ManagerLink {
    /// An answer's body, in bytes.
    private static let answerBytes = 16 << 20
    private static let path = "/internal/v1/schedulers"

    private let managers: [String]
    private let token: String
    private let timeout: TimeAmount
    private let client: HTTPClient
    private let preferred = Atomic<Int>(0)

    /// - Parameters:
    ///   - managers: base URLs, at least one.
    ///   - timeout: how long one manager has for its answer. All of them together must not take so long that the
    ///     scheduler is held for dead.
    package init(managers: [String], token: String, timeout: Duration = .milliseconds(1200)) {
        precondition(!managers.isEmpty, "a link needs a manager")
        self.managers = managers.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        self.token = token
        let timeout = TimeAmount(timeout)
        self.timeout = timeout
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(connect: timeout, read: timeout))
        configuration.connectionPool.idleTimeout = .seconds(30)
        // A proxy in the environment is for the way out, and the manager is on the inside.
        configuration.proxy = nil
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    package func send(_ report: SchedulerReport) async throws -> SchedulerReply {
        let body = ByteBuffer(bytes: WireJSON.encodeMessage(report))
        let first = preferred.load(ordering: .relaxed)
        var refusal: ManagerLinkError?
        var problems: [String] = []
        for offset in managers.indices {
            let index = (first + offset) % managers.count
            do {
                let reply = try await send(body, to: managers[index])
                preferred.store(index, ordering: .relaxed)
                return reply
            } catch let error as ManagerLinkError {
                if error.isRefusal { refusal = error }
                problems.append(error.message)
            }
            if Task.isCancelled { break }
        }
        throw refusal ?? ManagerLinkError(problems.joined(separator: "; "))
    }

    package func close() async { try? await client.shutdown() }

    private func send(_ body: ByteBuffer, to manager: String) async throws -> SchedulerReply {
        var request = HTTPClientRequest(url: manager + Self.path)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        request.body = .bytes(body)
        let status: Int
        let answer: ByteBuffer
        do {
            let response = try await client.execute(request, timeout: timeout)
            status = Int(response.status.code)
            answer = try await response.body.collect(upTo: Self.answerBytes)
        } catch {
            throw ManagerLinkError("the manager \(manager) does not answer: \(error)")
        }
        guard status == 200 else {
            let words = Self.message(in: answer)
            if status == 401 || status == 403 {
                throw ManagerLinkError(
                    "the manager \(manager) refuses the join token: \(words)", isRefusal: true)
            }
            throw ManagerLinkError("the manager \(manager) answers \(status): \(words)")
        }
        do {
            return try answer.withUnsafeReadableBytes {
                try WireJSON.decode(SchedulerReply.self, from: $0, limit: Self.answerBytes)
            }
        } catch {
            throw ManagerLinkError("the manager \(manager) answers something else: \(error)")
        }
    }

    private struct Message: Decodable {
        var message: String?
        var error: String?
        var errors: String?
    }

    /// What a refusal says, in one line.
    private static func message(in body: ByteBuffer) -> String {
        let decoded = body.withUnsafeReadableBytes {
            try? WireJSON.decode(Message.self, from: $0, limit: answerBytes)
        }
        let text = decoded.flatMap { $0.message ?? $0.error ?? $0.errors } ?? String(buffer: body)
        let line = text.prefix(200).map { $0.isNewline ? " " : $0 }
        return line.isEmpty ? "nothing" : String(line)
    }
}
