import NIOCore
import NIOHTTP1
import Wire

/// A short answer that is made in memory.
struct ServingReply {
    var status: HTTPResponseStatus
    var headers = HTTPHeaders()
    var body: [UInt8] = []

    static func error(
        _ status: HTTPResponseStatus, _ message: StaticString, _ fields: [(String, String)] = []
    ) -> ServingReply {
        // Static messages hold nothing that JSON would have to escape.
        var reply = ServingReply(status: status, body: Array("{\"error\":\"\(message)\"}\n".utf8))
        reply.headers.add(name: "Content-Type", value: "application/json")
        for (name, value) in fields { reply.headers.add(name: name, value: value) }
        return reply
    }

    static func json(_ value: some Encodable) -> ServingReply {
        var reply = ServingReply(status: .ok, body: WireJSON.encodeMessage(value) + [UInt8(ascii: "\n")])
        reply.headers.add(name: "Content-Type", value: "application/json")
        return reply
    }

    static let unknownTask = error(.notFound, "this node does not serve that task")
    static let full = error(
        .serviceUnavailable, "too many requests are waiting; try another peer", [("Retry-After", "1")])

    static let newsOnlyByGET = error(.methodNotAllowed, "news are a stream; use GET", [("Allow", "GET")])

    static func missing(_ fields: [(String, String)] = []) -> ServingReply {
        error(
            .serviceUnavailable, "some of these bytes are not here yet",
            [("Retry-After", "1"), (HeaderName.missing, "true")] + fields)
    }

    static func notSatisfiable(size: Int64) -> ServingReply {
        error(
            .rangeNotSatisfiable, "that range cannot be served; ask for bytes within the file",
            [("Content-Range", "bytes */\(size)")])
    }
}

/// Bytes of a task's file that are to be sent.
struct BodyOrder {
    /// What else the answer tells, depending on who asks.
    enum Form {
        case content
        /// The digest of the old piece that holds each range's first byte, in `Content-MD5`.
        case old
    }

    let task: ServedTask
    let form: Form
    let status: HTTPResponseStatus
    /// All but those that depend on the open file.
    let headers: HTTPHeaders
    let ranges: [Range<Int64>]
    /// Whether only the header is asked for.
    let isHead: Bool

    /// The old pieces whose digests go with the answer.
    var digestPieces: [Int] {
        guard form == .old, status == .partialContent else { return [] }
        return ranges.map { Int($0.lowerBound / OldPieces.size) }
    }

    /// Whether it takes an upload slot.
    var hasBody: Bool { !isHead && ranges.contains { !$0.isEmpty } }
}

enum ServingAnswer {
    case reply(ServingReply)
    case body(BodyOrder)
}
