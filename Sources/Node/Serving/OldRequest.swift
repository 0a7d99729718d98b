import MinionCore
import NIOCore
import NIOHTTP1
import Wire

/// `GET /?res_url=…`: the form in which Minion before version 1 asks its peers.
///
/// Its clients count in old pieces (`OldPieces`), take several ranges as one concatenation, and read the file's size
/// from `Content-Range`.
struct OldRequest {
    enum Pieces {
        case all
        case these([Int])
    }

    let resource: String
    /// Nil: bytes are asked for, not a list.
    let pieces: Pieces?

    /// Old pieces that are listed at most, so that the list stays below half a megabyte. Nobody misses a piece who does
    /// not know of it; there are more only in files past 64 GiB.
    private static let listLimit = 65536

    /// Nil if the query names no resource.
    init?(query: some StringProtocol) {
        var resource: String?
        var pieces: Pieces?
        for part in query.split(separator: "&") {
            let name = part.prefix { $0 != "=" }
            let value = part.dropFirst(name.count + 1)
            switch name {
            case "res_url": resource = PercentEncoding.decode(value, plusIsSpace: true)
            case "pieces":
                let text = PercentEncoding.decode(value, plusIsSpace: true) ?? ""
                pieces = text == "all" ? .all : .these(text.split(separator: ",").compactMap { Int($0) })
            default: break
            }
        }
        guard let resource, !resource.isEmpty else { return nil }
        self.resource = resource
        self.pieces = pieces
    }

    private struct AllPieces: Encodable {
        var status = "normal"
        let result: [Int]
    }

    private struct SomePieces: Encodable {
        var status = "normal"
        let result: [String]
    }

    private struct Overload: Encodable {
        var status = "overload"
    }

    func answer(_ head: HTTPRequestHead, for task: ServedTask, isOverloaded: Bool) -> ServingAnswer {
        switch pieces {
        case .all:
            if isOverloaded { return .reply(.json(Overload())) }
            let complete = OldPieces.complete(in: task.offered, of: task.layout, limit: Self.listLimit)
            return .reply(.json(AllPieces(result: complete)))
        case .these(let asked):
            if isOverloaded { return .reply(.json(Overload())) }
            let count = OldPieces.count(of: task.layout.size)
            let complete = asked.filter {
                $0 >= 0 && $0 < count && task.offers([OldPieces.range(of: $0, in: task.layout.size)])
            }
            return .reply(.json(SomePieces(result: complete.map(String.init))))
        case nil: return bytes(head, task)
        }
    }

    private func bytes(_ head: HTTPRequestHead, _ task: ServedTask) -> ServingAnswer {
        let size = task.layout.size
        let total = [("Content-Range", "bytes */\(size)")]
        guard let field = head.headers.first(name: "Range") else {
            guard task.offered.isComplete else { return .reply(.missing(total)) }
            return .body(
                BodyOrder(
                    task: task, form: .old, status: .ok,
                    headers: ["Content-Length": String(size), "Content-Type": "application/octet-stream"],
                    ranges: [0..<size], isHead: head.method == .HEAD))
        }
        guard let specs = ByteRangeSpec.parse(field, limit: ServingLimits.ranges) else {
            return .reply(.notSatisfiable(size: size))
        }
        let ranges = specs.compactMap { $0.resolved(in: size) }
        let length = ranges.reduce(0) { $0 + $1.upperBound - $1.lowerBound }
        // Nobody needs more bytes than there are; overlapping ranges would only multiply the work of one request.
        guard !ranges.isEmpty, ranges.count == specs.count, length <= size else {
            return .reply(.notSatisfiable(size: size))
        }
        guard task.offers(ranges) else { return .reply(.missing(total)) }
        let text = ranges.map { "\($0.lowerBound)-\($0.upperBound - 1)" }.joined(separator: ",")
        return .body(
            BodyOrder(
                task: task, form: .old, status: .partialContent,
                headers: [
                    "Content-Length": String(length), "Content-Type": "application/octet-stream",
                    // Not as in any RFC: the request's own text, `=` included.
                    "Content-Range": "bytes=\(text)/\(size)",
                ],
                ranges: ranges, isHead: head.method == .HEAD))
    }
}
