import MinionCore
import NIOCore
import NIOHTTP1
import Swarm
import Wire

/// `GET /v1/tasks/<task>/content`: bytes of a task by the rules of HTTP (RFC 9110, 13 and 14).
enum ContentRequest {
    static func answer(_ head: HTTPRequestHead, for task: ServedTask) -> ServingAnswer {
        let size = task.layout.size
        if let field = list(head.headers, "If-None-Match"), matches(task.entityTag, field) {
            return .reply(ServingReply(status: .notModified, headers: ["ETag": task.entityTag]))
        }
        switch requestedRange(head.headers, task) {
        case .unsatisfiable: return .reply(.notSatisfiable(size: size))
        case .whole:
            // An empty task has no bytes that could be missing.
            guard task.offered.isComplete else { return .reply(.missing()) }
            return .body(
                BodyOrder(
                    task: task, form: .content, status: .ok, headers: headers(of: task, length: size),
                    ranges: [0..<size], isHead: head.method == .HEAD))
        case .part(let range):
            guard task.offers([range]) else { return .reply(.missing()) }
            var headers = headers(of: task, length: range.upperBound - range.lowerBound)
            headers.add(name: "Content-Range", value: "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)")
            let piece = Int(range.lowerBound / task.layout.pieceSize)
            if task.layout.range(of: piece) == range, let proof = task.proof(of: piece), !proof.signature.isEmpty {
                headers.add(name: HeaderName.proof, value: HeaderValue.proof(proof))
            }
            return .body(
                BodyOrder(
                    task: task, form: .content, status: .partialContent, headers: headers, ranges: [range],
                    isHead: head.method == .HEAD))
        }
    }

    private enum Requested {
        case whole, unsatisfiable
        case part(Range<Int64>)
    }

    /// Units other than bytes and a range of another version are ignored; several ranges are answered with the whole,
    /// as the RFC allows. Ranges that are malformed or too many are refused instead of answered with a whole file.
    private static func requestedRange(_ headers: HTTPHeaders, _ task: ServedTask) -> Requested {
        let fields = headers["Range"]
        guard let field = fields.first else { return .whole }
        if let condition = headers.first(name: "If-Range"), condition != task.entityTag { return .whole }
        guard fields.count == 1 else { return .unsatisfiable }
        guard let specs = ByteRangeSpec.parse(field, limit: ServingLimits.ranges) else {
            return field.lowercased().hasPrefix("bytes") ? .unsatisfiable : .whole
        }
        guard specs.count == 1 else { return .whole }
        return specs[0].resolved(in: task.layout.size).map { .part($0) } ?? .unsatisfiable
    }

    private static func headers(of task: ServedTask, length: Int64) -> HTTPHeaders {
        [
            "Content-Length": String(length), "Content-Type": "application/octet-stream", "Accept-Ranges": "bytes",
            "ETag": task.entityTag,
        ]
    }

    private static func list(_ headers: HTTPHeaders, _ name: String) -> [Substring]? {
        let values = headers[canonicalForm: name]
        return values.isEmpty ? nil : values
    }

    /// Weak comparison, in which `W/` makes no difference.
    private static func matches(_ tag: String, _ list: [Substring]) -> Bool {
        list.contains { $0 == "*" || $0 == tag || ($0.hasPrefix("W/") && $0.dropFirst(2) == tag) }
    }
}
