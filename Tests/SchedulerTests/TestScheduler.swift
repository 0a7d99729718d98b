import AsyncHTTPClient
import HTTPFront
import Logging
import MinionCore
import MinionLog
import NIOCore
import NIOHTTP1
import NIOPosix
import Scheduler
import ServiceLifecycle
import Swarm
import Synchronization
import Testing
import Wire

/// A scheduler on a free port of the loopback, as long as a test runs.
struct TestScheduler: Sendable {
    let endpoints: [Endpoint]
    let log: LogLines
    /// Begins the graceful stop.
    let stop: @Sendable () async -> Void

    var endpoint: Endpoint { endpoints[0] }

    struct Answer: Sendable {
        var status: Int
        var headers: [String: String]
        var body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
    }

    func request(
        _ method: String, _ path: String, body: [UInt8]? = nil, headers: [(String, String)] = [], on index: Int = 0
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(endpoints[index].port)\(path)")
        request.method = .RAW(value: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let collected = try await response.body.collect(upTo: 64 << 20)
        var headers: [String: String] = [:]
        for (name, value) in response.headers { headers[name.lowercased()] = value }
        return Answer(status: Int(response.status.code), headers: headers, body: Array(collected.readableBytesView))
    }

    func request(_ method: String, _ path: String, json: String) async throws -> Answer {
        try await request(
            method, path, body: Array(json.utf8), headers: [("Content-Type", "application/json; charset=utf-8")])
    }

    func report(_ report: PeerReport, from peer: PeerID, task: TaskID) async throws -> TrackerReply {
        let answer = try await request("POST", TaskPath.peer(task, peer).text, body: WireJSON.encode(report))
        #expect(answer.status == 200)
        #expect(answer.headers["content-type"] == "application/json")
        return try WireJSON.reply(from: answer.body)
    }
}

/// What a scheduler has logged.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    func append(_ line: [UInt8]) { lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) } }

    func first(containing parts: String...) -> String? {
        lines.withLock { $0.first { line in parts.allSatisfy { line.contains($0) } } }
    }

    /// Waits until there is such a line; false if there is none within ten seconds.
    func waits(for parts: String...) async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < deadline {
            if lines.withLock({ $0.contains { line in parts.allSatisfy { line.contains($0) } } }) { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}

/// A configuration for tests with something changed.
func configured(_ change: (inout SchedulerConfiguration) -> Void) -> SchedulerConfiguration {
    var configuration = SchedulerConfiguration()
    configuration.version = "1.2.3"
    configuration.seed = 1
    configuration.front.shutdownGrace = .milliseconds(300)
    change(&configuration)
    return configuration
}

/// Runs `body` against a scheduler and stops it again.
func withScheduler<Value: Sendable>(
    listen: [Endpoint] = [Endpoint(host: "127.0.0.1", port: 0)],
    _ given: SchedulerConfiguration = configured { _ in },
    body: @Sendable @escaping (TestScheduler) async throws -> Value
) async throws -> Value {
    var configuration = given
    configuration.front.listen = listen
    let log = LogLines()
    let logger = Logger(label: "scheduler") { label in
        LineLogHandler(label: label, level: .debug) { log.append($0) }
    }
    let (listening, source) = AsyncStream.makeStream(of: [Endpoint].self)
    let service = SchedulerService(configuration: configuration, logger: logger) { source.yield($0) }
    let services = ServiceGroup(
        configuration: ServiceGroupConfiguration(
            services: [service], logger: Logger(label: "") { _ in SwiftLogNoOpLogHandler() }))
    return try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask {
            defer { source.finish() }
            try await services.run()
            return nil
        }
        group.addTask {
            var iterator = listening.makeAsyncIterator()
            guard let endpoints = await iterator.next() else { return nil }
            let value = try await body(
                TestScheduler(endpoints: endpoints, log: log) { await services.triggerGracefulShutdown() })
            await services.triggerGracefulShutdown()
            return value
        }
        var result: Value?
        while let value = try await group.next() {
            if let value { result = value }
        }
        return try #require(result)
    }
}

/// A connection that sends what it likes.
struct RawConnection: Sendable {
    private let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

    static func open(to endpoint: Endpoint) async throws -> RawConnection {
        try await open(host: "127.0.0.1", port: endpoint.port)
    }

    static func open(host: String, port: Int) async throws -> RawConnection {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return RawConnection(channel: channel)
    }

    /// Sends the text and returns what comes until the server closes, or until `isEnough`.
    func exchange(
        _ text: String, isEnough: @Sendable @escaping (String) -> Bool = { _ in false }
    ) async throws -> String {
        try await channel.executeThenClose { inbound, outbound in
            var received = ""
            do {
                if !text.isEmpty { try await outbound.write(ByteBuffer(string: text)) }
                for try await buffer in inbound {
                    received += String(buffer: buffer)
                    if isEnough(received) { break }
                }
            } catch is IOError {
                // A reset is an end as well.
            } catch ChannelError.ioOnClosedChannel {
                // The server was faster than the request.
            }
            return received
        }
    }
}

/// Reports with what every test needs.
func joining(
    port: Int = 7000, host: String = "", resource: String = "http://host/file", secret: String = "secret",
    wantsNeighbours: Int = 0
) -> PeerReport {
    var report = PeerReport()
    report.introduction = PeerIntroduction(
        endpoint: Endpoint(host: host, port: port), resource: resource, secret: secret)
    report.secret = secret
    report.wantsNeighbours = wantsNeighbours
    return report
}

func makeTask(_ name: String = "file") -> TaskID { TaskID(of: TaskIdentity(url: "http://host/\(name)")) }
