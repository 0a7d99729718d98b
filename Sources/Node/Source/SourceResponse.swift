import AsyncHTTPClient
import MinionCore
package import NIOCore
import Swarm
import Synchronization

/// The open body of a source's answer. It is read once; who does not want it drops it, which closes the connection.
package struct SourceResponse: Sendable {
    let body: HTTPClientResponse.Body
    let server: String
    let plan: BodyPlan
    /// How long the source may send nothing while we wait for it. The time that the consumer takes does not count.
    let idleLimit: Duration
    let limiter: RateLimiter?

    /// Hands on every byte, in order, in buffers of 256 KiB at most that are not copied. The next one is read from
    /// the network only when `consume` has returned, so a slow consumer slows the source down.
    ///
    /// Throws `SourceFailure` if less or more comes than was announced or nothing for too long, `CancellationError`,
    /// and whatever `consume` throws. In each case the connection is closed.
    package func read(_ consume: @escaping @Sendable (ByteBuffer) async throws -> Void) async throws {
        let watch = IdleWatch(limit: idleLimit)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await pump(watch, consume) }
                group.addTask { try await watch.run() }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch is Stalled {
            throw SourceFailure(.interrupted, "\(server) has sent nothing for \(idleLimit.brief)")
        }
    }

    private func pump(_ watch: IdleWatch, _ consume: @Sendable (ByteBuffer) async throws -> Void) async throws {
        var chunks = body.makeAsyncIterator()
        var position: Int64 = 0
        let end = plan.length.map { plan.skipped + $0 }
        while var bytes = try await next(&chunks, watch) {
            let start = position
            position += Int64(bytes.readableBytes)
            guard position <= end ?? PieceLayout.maximumSize || plan.stopsAtEnd else {
                throw SourceFailure(.malformed, "\(server) sent more bytes than it announced")
            }
            if start < plan.skipped { bytes.moveReaderIndex(forwardBy: Int(min(position, plan.skipped) - start)) }
            if let end, position > end { bytes.moveWriterIndex(to: bytes.writerIndex - Int(position - end)) }
            if bytes.readableBytes > 0 {
                try await limiter?.admit(bytes.readableBytes)
                try await consume(bytes)
            }
            if plan.stopsAtEnd, let end, position >= end { return }
        }
        if let end, position < end {
            throw SourceFailure(.interrupted, "\(server) ended after \(position) of \(end) bytes")
        }
    }

    private func next(_ chunks: inout HTTPClientResponse.Body.AsyncIterator, _ watch: IdleWatch) async throws
        -> ByteBuffer?
    {
        watch.begin()
        defer { watch.end() }
        do {
            return try await chunks.next()
        } catch {
            if Task.isCancelled { throw CancellationError() }
            var failure = SourceFailure(transport: error, server: server)
            if failure.kind == .connection { failure.kind = .interrupted }
            throw failure
        }
    }
}

private struct Stalled: Error {}

/// Notices that a reader waits for the network too long. AsyncHTTPClient's own time-out also counts the time in which
/// nobody wanted to read, and would break the transfer of a slow disk or a low rate limit.
private final class IdleWatch: Sendable {
    /// Since when the reader waits, in nanoseconds of the steady clock; `idle` while it does not.
    private let since = Atomic<Int64>(idle)
    private let limit: Duration

    private static let idle = Int64.max

    init(limit: Duration) { self.limit = limit }

    func begin() { since.store(SteadyClock.now.nanoseconds, ordering: .relaxed) }
    func end() { since.store(Self.idle, ordering: .relaxed) }

    /// Throws `Stalled` when a wait lasts longer than the limit; else runs until it is cancelled.
    func run() async throws {
        while true {
            let start = since.load(ordering: .relaxed)
            let left = start == Self.idle ? limit : Instant(nanoseconds: start) + limit - SteadyClock.now
            guard left > .zero else { throw Stalled() }
            try await Task.sleep(for: left)
        }
    }
}
