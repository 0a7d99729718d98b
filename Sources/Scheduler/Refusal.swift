import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization
import Wire

/// Why a request is not served.
struct Refusal: Error {
    var status: HTTPResponse.Status
    /// One line, for the client and the log.
    var reason: String
    var headers: HTTPFields = [:]

    init(_ status: HTTPResponse.Status, _ reason: String, headers: HTTPFields = [:]) {
        self.status = status
        self.reason = reason
        self.headers = headers
    }

    static func methodNotAllowed(_ allowed: String) -> Refusal {
        Refusal(.methodNotAllowed, "use \(allowed)", headers: [.allow: allowed])
    }

    /// The rest of the body is not wanted, so the connection ends with the answer.
    static func tooLarge(_ limit: Int) -> Refusal {
        Refusal(.contentTooLarge, "the body is longer than \(limit) bytes", headers: [.connection: "close"])
    }

    static var tooBusy: Refusal {
        Refusal(
            .tooManyRequests, "too many large requests at once; try again",
            headers: [.retryAfter: "1", .connection: "close"])
    }
}

/// The shapes in which errors are told.
enum ErrorShape {
    /// `{"error": "…"}`
    case tasks
    /// `{"ret": "…"}`, for the first Minion's clients.
    case minion

    private struct Message: Encodable {
        var error: String
    }

    func response(to refusal: Refusal) -> Response {
        switch self {
        case .tasks: .json(WireJSON.encodeMessage(Message(error: refusal.reason)), refusal.status, refusal.headers)
        case .minion: .json(MinionCompat.failure(refusal.reason), refusal.status, refusal.headers)
        }
    }
}

extension Response {
    static func json(_ body: [UInt8], _ status: HTTPResponse.Status = .ok, _ headers: HTTPFields = [:]) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}

/// Logs refused requests, but no more of them in a second than anybody would read: who floods the scheduler shall not
/// flood the disk as well.
final class RefusalLog: Sendable {
    private static let perSecond = 20

    private struct Window {
        var start = ContinuousClock.now
        var count = 0
    }

    private let logger: Logger
    private let window = Mutex(Window())

    init(logger: Logger) { self.logger = logger }

    func note(_ refusal: Refusal, of request: Request, from host: String?) {
        guard logger.logLevel <= .info else { return }
        let now = ContinuousClock.now
        let (isLogged, skipped) = window.withLock { window in
            var skipped = 0
            if now - window.start >= .seconds(1) {
                skipped = max(0, window.count - Self.perSecond)
                window = Window(start: now)
            }
            window.count += 1
            return (window.count <= Self.perSecond, skipped)
        }
        if skipped > 0 { logger.info("more requests refused", metadata: ["count": "\(skipped)"]) }
        guard isLogged else { return }
        logger.info(
            "request refused",
            metadata: [
                "status": "\(refusal.status.code)", "reason": "\(refusal.reason)", "method": "\(request.method)",
                "path": "\(request.uri.path)", "client": "\(host ?? "")",
            ])
    }
}

/// Reads request bodies, within limits on each and on all large ones together.
final class BodyReader: Sendable {
    private let limit: Int
    private let inUse = Mutex(0)

    /// - Parameter limit: bytes of large bodies at once.
    init(limit: Int) { self.limit = limit }

    /// Reads a body of up to `limit` bytes and hands it to `use`, during which it counts.
    func read<Value>(
        _ request: Request, upTo limit: Int, _ use: (UnsafeRawBufferPointer) throws -> Value
    ) async throws -> Value {
        let announced = request.headers[.contentLength].flatMap { Int($0) }
        guard announced ?? 0 <= limit else { throw Refusal.tooLarge(limit) }
        let size = min(announced ?? limit, limit)
        let isLarge = size > SchedulerConfiguration.smallBody
        if isLarge { try reserve(size) }
        defer { if isLarge { release(size) } }
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            throw Refusal.tooLarge(limit)
        }
        do {
            return try body.withUnsafeReadableBytes(use)
        } catch let error as WireError {
            throw Refusal(.badRequest, error.message)
        }
    }

    private func reserve(_ size: Int) throws {
        let fits = inUse.withLock { inUse in
            guard inUse + size <= limit else { return false }
            inUse += size
            return true
        }
        guard fits else { throw Refusal.tooBusy }
    }

    private func release(_ size: Int) { inUse.withLock { $0 -= size } }
}
