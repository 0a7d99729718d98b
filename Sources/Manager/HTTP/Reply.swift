package import HTTPTypes

/// An answer, before it is compressed and sent.
package struct Reply: Sendable {
    package enum Body: Sendable {
        case bytes([UInt8])
        /// One part after the other; nil ends it.
        case parts(@Sendable () async throws -> [UInt8]?)
    }

    package var status: HTTPResponse.Status
    package var headers: HTTPFields
    package var body: Body

    /// An answer without a body.
    package init(status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) {
        self.status = status
        self.headers = headers
        body = .bytes([])
    }

    package init(status: HTTPResponse.Status = .ok, type: String, bytes: [UInt8]) {
        self.status = status
        headers = [.contentType: type]
        body = .bytes(bytes)
    }

    static let jsonType = "application/json; charset=utf-8"

    package static func json(status: HTTPResponse.Status = .ok, _ write: (inout JSONWriter) throws -> Void) rethrows
        -> Reply
    {
        var writer = JSONWriter()
        try write(&writer)
        return Reply(status: status, type: jsonType, bytes: writer.bytes)
    }

    package static func json<Model>(_ model: Model, as output: Output<Model>) -> Reply {
        json { output.write(model, to: &$0) }
    }

    package static func json(_ names: [String]) -> Reply {
        json { $0.array { for name in names { $0.string(name) } } }
    }

    package static func redirect(_ status: HTTPResponse.Status = .movedPermanently, to location: String) -> Reply {
        Reply(status: status, headers: [.location: location])
    }
}

extension Refusal {
    package var reply: Reply {
        var reply: Reply
        switch body {
        case .message(let text): reply = .json(status: status) { $0.object(["message": .string(text)]) }
        case .errors(let text):
            reply = .json(status: status) { $0.object(["errors": .string(text), "message": .string(text)]) }
        case .text(let text): reply = Reply(status: status, type: "text/plain; charset=utf-8", bytes: Array(text.utf8))
        case .none: reply = Reply(status: status)
        }
        if let retrySeconds { reply.headers[.retryAfter] = String(retrySeconds) }
        if challenges { reply.headers[.wwwAuthenticate] = "JWT realm=Dragonfly" }
        // The rest of the body is not wanted, so the connection ends with the answer.
        if kind == .tooLarge { reply.headers[.connection] = "close" }
        return reply
    }

    private var status: HTTPResponse.Status {
        switch kind {
        case .badRequest: .badRequest
        case .unauthorized: .unauthorized
        case .forbidden: .forbidden
        case .notFound: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .conflict: .conflict
        case .tooLarge: .contentTooLarge
        // Consoles show the phrase, and know this one.
        case .invalid: HTTPResponse.Status(code: 422, reasonPhrase: "Unprocessable Entity")
        case .tooMany: .tooManyRequests
        case .failed: .internalServerError
        case .unavailable: .serviceUnavailable
        }
    }
}
