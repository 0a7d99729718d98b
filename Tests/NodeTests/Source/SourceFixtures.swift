import MinionCore
import NIOCore
import NIOPosix
import Node
import Swarm
import Synchronization
import Testing

/// Bytes that differ from their neighbours, so that a shift shows.
func pattern(_ range: Range<Int>) -> [UInt8] { range.map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) } }

/// An honest answer to a range request for a file of `size` bytes.
func partial(_ range: Range<Int>, of size: Int, validator: String = "ETag: \"a\"", extra: String = "")
    -> [ScriptedServer.Step]
{
    [
        .text(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)\r\n"
                + "Content-Length: \(range.count)\r\n\(validator)\r\n\(extra)\r\n"),
        .bytes(pattern(range)),
    ]
}

/// The range that a request asks for; nil if it asks for the whole.
func range(of request: ScriptedServer.Request) -> Range<Int>? {
    guard let ends = request.headers["range"]?.dropFirst("bytes=".count).split(separator: "-"), ends.count == 2,
        let first = Int(ends[0]), let last = Int(ends[1])
    else { return nil }
    return first..<last + 1
}

/// A source that answers ranges of a file of `size` bytes.
func honest(_ size: Int, validator: String = "ETag: \"a\"") -> ScriptedServer.Script {
    { request, _ in
        guard let range = range(of: request) else {
            return [
                .text("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\(validator)\r\n\r\n"), .bytes(pattern(0..<size)),
            ]
        }
        return partial(range, of: size, validator: validator)
    }
}

func answer(_ head: String, _ body: String = "") -> ScriptedServer.Script {
    { _, _ in [.text(head.replacing("\n", with: "\r\n") + "\r\n\r\n" + body)] }
}

func version(_ size: Int64, validator: String = "\"a\"", hasRanges: Bool = true) throws -> TaskVersion {
    TaskVersion(validator: validator, layout: try #require(PieceLayout(size: size)), hasRanges: hasRanges)
}

/// Collects what a read hands on.
final class Collector: Sendable {
    private let storage = Mutex<[UInt8]>([])
    var bytes: [UInt8] { storage.withLock { $0 } }
    func take(_ buffer: ByteBuffer) { storage.withLock { $0 += Array(buffer.readableBytesView) } }
}

/// Runs `body` with a client for sources.
func withSource<Result>(
    _ options: SourceOptions = SourceOptions(), limiter: RateLimiter? = nil,
    _ body: (SourceClient) async throws -> Result
) async throws -> Result {
    let client = SourceClient(group: MultiThreadedEventLoopGroup.singleton, options: options, downloadLimiter: limiter)
    do {
        let result = try await body(client)
        await client.shutdown()
        return result
    } catch {
        await client.shutdown()
        throw error
    }
}

/// Options under which a silent source is given up soon.
func impatient(_ idle: Duration = .milliseconds(150)) -> SourceOptions {
    var options = SourceOptions()
    options.connectTimeout = .milliseconds(500)
    options.idleTimeout = idle
    return options
}

/// The failure that `operation` ends with; a test failure if it ends otherwise.
func failure(_ operation: () async throws -> Void) async throws -> SourceFailure {
    do {
        try await operation()
    } catch let failure as SourceFailure {
        return failure
    }
    throw NoFailure()
}

struct NoFailure: Error {}

/// Returns when the condition holds; throws if it still does not after many seconds.
func eventually(_ condition: () -> Bool) async throws {
    let start = ContinuousClock.now
    while !condition() {
        guard ContinuousClock.now - start < .seconds(20) else { throw NeverHappened() }
        try await Task.sleep(for: .milliseconds(1))
    }
}

struct NeverHappened: Error {}

/// Where tasks wait for each other.
final class Gate: Sendable {
    private let arrived = Mutex(0)

    /// Returns when `count` tasks have come here, this one included.
    func arriveAndWait(for count: Int) async throws {
        arrived.withLock { $0 += 1 }
        try await waitForArrival(of: count)
    }

    func waitForArrival(of count: Int = 1) async throws {
        try await eventually { arrived.withLock { $0 >= count } }
    }
}
