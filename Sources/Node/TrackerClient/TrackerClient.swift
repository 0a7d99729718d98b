import AsyncHTTPClient
package import MinionCore
package import NIOCore
import NIOHTTP1
package import Swarm
import Synchronization
import Wire

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How a node talks to its trackers; one for all its tasks.
///
/// It keeps to the most preferred tracker that answers. One that does not is left alone for a second, then for two, up
/// to half a minute, while the next on the list is asked; then it gets its turn again. Trackers are reached directly,
/// without any proxy of the environment, since they have to see where a node is.
package final class TrackerClient: Sendable {
    private let client: DirectClient
    private let trackers: [String]
    private let choice: Mutex<TrackerChoice>
    private let userAgent: String
    private let timing: Timing

    package struct Timing: Sendable {
        package var connect = Duration.seconds(2)
        /// How long an answer may take beyond the wait that the report allows.
        package var answer = Duration.seconds(5)
        /// How long a good-bye may take.
        package var leave = Duration.seconds(1)

        package init() {}
    }

    /// `trackers` are base URLs in order of preference, at least one; see `TrackerAddress.baseURL`. `shutdown` has to
    /// be called in the end. For `certificateFile` see `SourceOptions`.
    package convenience init(
        group: any EventLoopGroup, trackers: [String], userAgent: String = "minion", certificateFile: String? = nil,
        timing: Timing = Timing()
    ) {
        self.init(
            client: DirectClient(group: group, connectTimeout: timing.connect, certificateFile: certificateFile),
            trackers: trackers, userAgent: userAgent, timing: timing)
    }

    /// The same over connections that others use, too, and shut down.
    init(client: DirectClient, trackers: [String], userAgent: String = "minion", timing: Timing = Timing()) {
        precondition(!trackers.isEmpty, "a tracker client without trackers")
        self.client = client
        self.trackers = trackers
        self.choice = Mutex(TrackerChoice(count: trackers.count))
        self.userAgent = userAgent
        self.timing = timing
    }

    /// Ends all connections. Reports that are under way fail.
    package func shutdown() async { await client.shutdown() }

    /// Delivers a report and returns the answer, which is checked. Asks every tracker, until one answers.
    ///
    /// Throws `TrackerError`, and `CancellationError` if the task is cancelled; it then is unknown whether the report
    /// has been delivered.
    package func report(_ report: PeerReport, task: TaskID, peer: PeerID) async throws -> TrackerReply {
        let body = ByteBuffer(bytes: WireJSON.encode(report))
        let limit = timing.answer + .inSeconds(report.waitSeconds)
        var errors: [TrackerError] = []
        for index in choice.withLock({ $0.order(at: SteadyClock.now) }) {
            do {
                let reply = try await post(body, to: trackers[index], TaskPath.peer(task, peer), limit: limit)
                choice.withLock { $0.worked(index) }
                return reply
            } catch let error as TrackerError where error.kind == .refused {
                choice.withLock { $0.worked(index) }
                throw error
            } catch let error as TrackerError {
                choice.withLock { $0.failed(index, at: SteadyClock.now) }
                errors.append(error)
            }
        }
        let kind: TrackerError.Kind = errors.allSatisfy { $0.kind == .rubbish } ? .rubbish : .unreachable
        throw TrackerError(kind, errors.map(\.message).joined(separator: "; "))
    }

    /// Tells the tracker that answered last that the peer is gone. It would find out by itself, so nothing comes of a
    /// failure, and it takes no longer than `Timing.leave`.
    package func leave(task: TaskID, peer: PeerID, secret: String) async {
        let tracker = trackers[choice.withLock { $0.current } ?? 0]
        var request = request(.DELETE, tracker, TaskPath.peer(task, peer))
        request.headers.add(name: HeaderName.secret, value: secret)
        _ = try? await exchange(request, tracker, limit: timing.leave)
    }

    // MARK: Exchange

    private func post(_ body: ByteBuffer, to tracker: String, _ path: TaskPath, limit: Duration) async throws
        -> TrackerReply
    {
        var request = request(.POST, tracker, path)
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(body)
        let (status, answer) = try await exchange(request, tracker, limit: limit)
        switch status.code {
        case 200:
            do {
                return try answer.withUnsafeReadableBytes { bytes in
                    Result { () throws(WireError) in try WireJSON.reply(from: bytes) }
                }.get()
            } catch {
                throw TrackerError(.rubbish, "\(tracker) does not answer like a tracker: \(error.message)")
            }
        case 400..<500 where status.code != 408 && status.code != 429:
            guard let text = Self.errorText(answer) else {
                throw TrackerError(
                    .rubbish,
                    "\(tracker) does not answer like a tracker: \(SourceHead.text(status)); is the address right?")
            }
            throw TrackerError(.refused, "\(tracker) refuses: \(text)")
        case 408, 429, 500...:
            throw TrackerError(.unreachable, "\(tracker) answered \(SourceHead.text(status))")
        default:
            throw TrackerError(
                .rubbish, "\(tracker) does not answer like a tracker: \(SourceHead.text(status)); is the address right?"
            )
        }
    }

    /// Sends a request and reads the whole answer.
    private func exchange(
        _ request: HTTPClientRequest, _ tracker: String, limit: Duration
    ) async throws -> (HTTPResponseStatus, ByteBuffer) {
        do {
            return try await client.exchange(request, limit: limit, replyBytes: WireLimits.replyBytes)
        } catch {
            if Task.isCancelled { throw CancellationError() }
            switch error {
            case is DeadlineExceeded:
                throw TrackerError(.unreachable, "\(tracker) did not answer within \(limit.brief)")
            case is NIOTooManyBytesError: throw TrackerError(.rubbish, "\(tracker) sent an answer that is too long")
            default:
                let failure = SourceFailure(transport: error, server: tracker)
                throw TrackerError(failure.kind == .malformed ? .rubbish : .unreachable, failure.message)
            }
        }
    }

    private func request(_ method: HTTPMethod, _ tracker: String, _ path: TaskPath) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: tracker + path.text)
        request.method = method
        request.headers.add(name: "User-Agent", value: userAgent)
        request.headers.add(name: "Accept", value: "application/json")
        return request
    }

    /// The text of `{"error": "…"}`; nil if the answer is something else.
    static func errorText(_ answer: ByteBuffer) -> String? {
        struct Body: Decodable { let error: String }
        guard answer.readableBytes <= 64 << 10,
            let body = try? JSONDecoder().decode(Body.self, from: Data(answer.readableBytesView))
        else { return nil }
        return SourceURL.printable(body.error, limit: 300)
    }
}
