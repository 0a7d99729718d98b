import MinionCore
import NIOHTTP1
import Swarm

/// The head of a source's answer, and what follows from it. Pure: the wall clock is an argument.
struct SourceHead {
    /// How messages name the server.
    let server: String
    let status: HTTPResponseStatus
    let headers: HTTPHeaders
    /// Seconds since 1970 on our own clock, used where the source does not tell its own.
    let wallClock: Int64

    /// A validator that is longer is not kept: it goes into every report and every neighbour's request.
    static let maximumValidatorLength = 1024

    // MARK: Version

    /// The `ETag` as written, else `Last-Modified`, else empty.
    var validator: String { field("ETag") ?? field("Last-Modified") ?? "" }

    private func field(_ name: String) -> String? {
        headers.first(name: name).flatMap { $0.isEmpty || $0.utf8.count > Self.maximumValidatorLength ? nil : $0 }
    }

    /// For how long nobody needs to ask again, in seconds: 0 to one day, and a minute if the source does not say.
    var freshSeconds: Double {
        let directives = headers[canonicalForm: "Cache-Control"].map { $0.lowercased() }
        if directives.contains(where: { $0 == "no-store" || $0 == "no-cache" || $0.hasPrefix("no-cache=") }) {
            return 0
        }
        for name in ["s-maxage=", "max-age="] {
            guard let directive = directives.first(where: { $0.hasPrefix(name) }) else { continue }
            let seconds = Double(directive.dropFirst(name.count).filter { $0 != "\"" }) ?? 0
            let age = headers.first(name: "Age").flatMap { Double($0) } ?? 0
            return Self.clamped(seconds - max(0, age))
        }
        if let expires = headers.first(name: "Expires") {
            // What is no date means "already expired" (RFC 9111, 5.3).
            return HTTPDate(expires).map { Self.clamped(Double($0.secondsSince1970 - now)) } ?? 0
        }
        return 60
    }

    /// The source's clock, else ours.
    private var now: Int64 { headers.first(name: "Date").flatMap { HTTPDate($0) }?.secondsSince1970 ?? wallClock }

    private static func clamped(_ seconds: Double) -> Double { seconds.isNaN ? 0 : max(0, min(86_400, seconds)) }

    /// The value of `If-Range` that makes a source answer with the whole if it is no longer this version; nil if the
    /// validator does not suit (RFC 9110, 13.1.5: not a weak one).
    static func ifRange(_ validator: String) -> String? {
        let isStrongTag = validator.utf8.count >= 2 && validator.hasPrefix("\"") && validator.hasSuffix("\"")
        return isStrongTag || HTTPDate(validator) != nil ? validator : nil
    }

    /// Nil if there is none.
    func contentLength() throws(SourceFailure) -> Int64? {
        guard let text = headers.first(name: "Content-Length") else { return nil }
        guard let length = Int64(text), (0...PieceLayout.maximumSize).contains(length) else {
            throw SourceFailure(
                .malformed, "\(server) announced an impossible length, \(SourceURL.printable(text, limit: 40))")
        }
        return length
    }

    var contentRange: ContentRange? { headers.first(name: "Content-Range").flatMap { ContentRange($0) } }

    // MARK: Failures

    /// What an answer means that is neither content nor a redirect.
    var failure: SourceFailure {
        let message = "\(server) answered \(Self.text(status))"
        switch status.code {
        case 408, 425, 429, 500...: return SourceFailure(.busy, message, retryAfterSeconds: retryAfterSeconds)
        case 400..<500: return SourceFailure(.refused, message)
        default: return SourceFailure(.malformed, message)
        }
    }

    private var retryAfterSeconds: Double? {
        guard let text = headers.first(name: "Retry-After") else { return nil }
        if let seconds = UInt32(text) { return Self.clamped(Double(seconds)) }
        return HTTPDate(text).map { Self.clamped(Double($0.secondsSince1970 - now)) }
    }

    /// Only reasons that we know ourselves: those of an answer are somebody else's text.
    static func text(_ status: HTTPResponseStatus) -> String {
        if case .custom = HTTPResponseStatus(statusCode: Int(status.code)) { return "\(status.code)" }
        let known = HTTPResponseStatus(statusCode: Int(status.code))
        return "\(known.code) \(known.reasonPhrase)"
    }
}

// MARK: - Ranges

/// Which bytes of an answer's body are the ones that were asked for.
struct BodyPlan: Hashable {
    /// So many at the beginning are thrown away.
    var skipped: Int64 = 0
    /// So many are handed on; nil: all that come.
    var length: Int64?
    /// Whether the rest is left unread; else there must be none.
    var stopsAtEnd = false
}

extension SourceHead {
    /// How to read the answer to a request for `range` of `version`, if it is one.
    func plan(for range: Range<Int64>, of version: TaskVersion) throws(SourceFailure) -> BodyPlan {
        let length = range.upperBound - range.lowerBound
        switch status.code {
        case 206:
            guard let contentRange, let sent = contentRange.range else {
                throw SourceFailure(.malformed, "\(server) sent a part without saying which (no usable Content-Range)")
            }
            if let size = contentRange.size, size != version.size { throw changed(size: size, version) }
            guard isSame(as: version) else { throw changed(version) }
            guard sent == range else {
                throw SourceFailure(
                    .malformed, "\(server) sent bytes \(Self.text(sent)) when asked for \(Self.text(range))")
            }
            if let announced = try contentLength(), announced != length {
                throw SourceFailure(.malformed, "\(server) announced \(announced) bytes for a range of \(length)")
            }
            return BodyPlan(length: length)
        case 200:
            if let size = try contentLength(), size != version.size { throw changed(size: size, version) }
            guard validator == version.validator else { throw changed(version) }
            guard !version.hasRanges || range == 0..<version.size else {
                throw SourceFailure(.malformed, "\(server) stopped answering ranges")
            }
            return BodyPlan(skipped: range.lowerBound, length: length, stopsAtEnd: range.upperBound < version.size)
        case 416:
            if let size = contentRange?.size, size != version.size { throw changed(size: size, version) }
            throw SourceFailure(.malformed, "\(server) does not have the bytes \(Self.text(range)) of its own file")
        default:
            throw failure
        }
    }

    /// Whether the validators do not speak against it. An answer to `If-Range` need not repeat them.
    private func isSame(as version: TaskVersion) -> Bool {
        if HTTPDate(version.validator) != nil {
            let date = field("Last-Modified")
            return date == nil || date == version.validator
        }
        let tag = field("ETag")
        return tag == nil && Self.ifRange(version.validator) != nil || validator == version.validator
    }

    private func changed(_ version: TaskVersion) -> SourceFailure {
        SourceFailure(.changed, "the file at \(server) has changed during the download")
    }

    private func changed(size: Int64, _ version: TaskVersion) -> SourceFailure {
        SourceFailure(
            .changed,
            "the file at \(server) has changed during the download: \(size) bytes, not \(version.size) any more")
    }

    private static func text(_ range: Range<Int64>) -> String { "\(range.lowerBound)-\(range.upperBound - 1)" }
}
