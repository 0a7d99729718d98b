import AsyncHTTPClient
import MinionCore
package import NIOCore
import NIOHTTP1
package import Swarm

/// How a node reads sources over HTTP(S); one for all its tasks.
///
/// All methods throw `SourceFailure`, and `CancellationError` if their task is cancelled, which closes the connection.
package final class SourceClient: Sendable {
    private let exchange: SourceExchange
    private let options: SourceOptions
    private let limiter: RateLimiter?
    private let redirects: RedirectMemory

    /// `downloadLimiter` is asked before any buffer is handed on. `shutdown` has to be called in the end.
    package init(
        group: any EventLoopGroup, options: SourceOptions = SourceOptions(), downloadLimiter: RateLimiter? = nil
    ) {
        self.exchange = SourceExchange(group: group, options: options)
        self.options = options
        self.limiter = downloadLimiter
        redirects = RedirectMemory()
    }

    private init(_ other: SourceClient, limiter: RateLimiter) {
        exchange = other.exchange
        options = other.options
        redirects = other.redirects
        self.limiter = limiter
    }

    /// The same client for one task, whose limiter is asked instead. Only the original is to be shut down.
    func limited(by limiter: RateLimiter) -> SourceClient { SourceClient(self, limiter: limiter) }

    /// Ends all connections. Reads that are under way fail.
    package func shutdown() async { await exchange.shutdown() }

    /// Throws the `SourceFailure` of a URL that may not be read for others than this host's users.
    package func check(_ url: String) async throws { try await exchange.check(SourceURL(url)) }

    // MARK: Stat

    /// Asks the source what it has under `url`, by a read of its first byte. Does not believe remembered redirects. If it
    /// `isGuarded`, only sources that others may have this host read are asked; so with `fetch`.
    package func stat(
        _ url: String, headers: [DownloadRequest.Header] = [], isGuarded: Bool = false
    ) async throws -> SourceStat {
        let url = try SourceURL(url)
        let key = Self.key(url, headers)
        redirects.forget(key)
        var answer = try await exchange.get(url, fields(headers, range: 0..<1), isGuarded: isGuarded)
        let stat = try await ranged(answer)
        if stat == nil, answer.head.status.code != 200 {
            // It answers ranges, but not in a way that tells the size; so it is read as a whole.
            await SourceExchange.drain(answer.response.body)
            answer = try await exchange.get(url, fields(headers), isGuarded: isGuarded)
        }
        let result = if let stat { stat } else { try await whole(answer) }
        if answer.url != url { redirects.remember(answer.url, for: key, at: SteadyClock.now) }
        return result
    }

    /// What a 206 or 416 says; nil if it does not tell the size, or the answer is another.
    private func ranged(_ answer: SourceExchange.Answer) async throws -> SourceStat? {
        let head = answer.head
        let size: Int64
        switch head.status.code {
        case 206:
            guard let contentRange = head.contentRange, contentRange.range == 0..<1 else {
                throw SourceFailure(.malformed, "\(head.server) answered a request for the first byte with other bytes")
            }
            guard let total = contentRange.size else { return nil }
            size = total
        case 416 where head.contentRange?.size == 0:
            size = 0
        case 200, 416: return nil
        default:
            await SourceExchange.drain(answer.response.body)
            throw head.failure
        }
        let version = try version(head, size: size, hasRanges: true)
        await SourceExchange.drain(answer.response.body)
        return .ranged(version)
    }

    private func whole(_ answer: SourceExchange.Answer) async throws -> SourceStat {
        let head = answer.head
        guard head.status.code == 200 else {
            await SourceExchange.drain(answer.response.body)
            throw head.failure
        }
        guard let length = try head.contentLength() else {
            return .unsized(
                validator: head.validator, freshSeconds: head.freshSeconds, response(answer, BodyPlan(length: nil)))
        }
        let version = try version(head, size: length, hasRanges: false)
        return .whole(version, response(answer, BodyPlan(length: length)))
    }

    private func version(_ head: SourceHead, size: Int64, hasRanges: Bool) throws -> TaskVersion {
        guard let layout = PieceLayout(size: size) else {
            throw SourceFailure(.malformed, "\(head.server) announced an impossible length, \(size)")
        }
        return TaskVersion(
            validator: head.validator, layout: layout, hasRanges: hasRanges, freshSeconds: head.freshSeconds)
    }

    // MARK: Fetch

    /// Reads `range` of `version` and hands every byte of it on, in order; see `SourceResponse.read` for how. Returns
    /// when all have been handed on. A source without ranges is read from its beginning, and what lies outside `range`
    /// is thrown away.
    ///
    /// The failure is `.changed` if the source no longer has that version, as far as it can be seen in the answer's
    /// head.
    package func fetch(
        _ url: String, headers: [DownloadRequest.Header] = [], range: Range<Int64>, of version: TaskVersion,
        isGuarded: Bool = false, _ consume: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws {
        guard !range.isEmpty else { return }
        precondition(range.lowerBound >= 0 && range.upperBound <= version.size, "a range outside the file")
        let url = try SourceURL(url)
        var fields = fields(headers, range: version.hasRanges ? range : nil)
        if version.hasRanges, let validator = SourceHead.ifRange(version.validator) {
            fields.add(name: "If-Range", value: validator)
        }
        let answer = try await answer(url, fields, Self.key(url, headers), isGuarded)
        let plan: BodyPlan
        do {
            plan = try answer.head.plan(for: range, of: version)
        } catch {
            if answer.head.status.code >= 400 { await SourceExchange.drain(answer.response.body) }
            throw error
        }
        try await response(answer, plan).read(consume)
    }

    /// Goes straight to where redirects led last time. If that is refused now (signed targets expire), the chain is
    /// walked again.
    private func answer(
        _ url: SourceURL, _ fields: HTTPHeaders, _ key: RedirectMemory.Key, _ isGuarded: Bool
    ) async throws -> SourceExchange.Answer {
        if let target = redirects.target(key, at: SteadyClock.now) {
            do {
                let answer = try await exchange.get(
                    target, SourceExchange.redirected(fields, from: url, to: target), isGuarded: isGuarded)
                if answer.head.status.code < 400 { return answer }
                await SourceExchange.drain(answer.response.body)
            } catch is SourceFailure {
                // The chain may lead elsewhere by now.
            }
            redirects.forget(key)
        }
        let answer = try await exchange.get(url, fields, isGuarded: isGuarded)
        if answer.url != url, answer.head.status.code < 400 {
            redirects.remember(answer.url, for: key, at: SteadyClock.now)
        }
        return answer
    }

    // MARK: Parts

    private func response(_ answer: SourceExchange.Answer, _ plan: BodyPlan) -> SourceResponse {
        SourceResponse(
            body: answer.response.body, server: answer.url.server, plan: plan, idleLimit: options.idleTimeout,
            limiter: limiter)
    }

    private static func key(_ url: SourceURL, _ headers: [DownloadRequest.Header]) -> RedirectMemory.Key {
        RedirectMemory.Key(url: url.text, headers: headers.map { "\($0.name.lowercased()):\($0.value)" })
    }

    /// The fields of a request: the download's own, except those that are ours to say.
    private func fields(_ headers: [DownloadRequest.Header], range: Range<Int64>? = nil) -> HTTPHeaders {
        var fields = HTTPHeaders(headers.map { ($0.name, $0.value) })
        for name in [
            "Range", "If-Range", "Accept-Encoding", "Content-Length", "Transfer-Encoding", "Connection", "Expect",
        ] {
            fields.remove(name: name)
        }
        if !fields.contains(name: "User-Agent") { fields.add(name: "User-Agent", value: options.userAgent) }
        if !fields.contains(name: "Accept") { fields.add(name: "Accept", value: "*/*") }
        // Another coding would have other bytes, another length and another validator.
        fields.add(name: "Accept-Encoding", value: "identity")
        if let range { fields.add(name: "Range", value: "bytes=\(range.lowerBound)-\(range.upperBound - 1)") }
        return fields
    }
}

/// What a source has under a URL.
package enum SourceStat: Sendable {
    /// It answers ranges.
    case ranged(TaskVersion)
    /// It does not; its answer is the whole, whose body is open and has all bytes of the version.
    case whole(TaskVersion, SourceResponse)
    /// It does not, nor does it say how long the whole is.
    case unsized(validator: String, freshSeconds: Double, SourceResponse)
}
