import Foundation
import HTTPFront
import Logging
import MinionCore
import Node
import PieceStore
import Scheduler
import ServiceLifecycle
import Synchronization
import Testing

/// A clock that tests move.
final class TestClock: Sendable {
    private let offset = Mutex(0.0)

    var now: Double { Date().timeIntervalSince1970 + offset.withLock { $0 } }

    func advance(_ seconds: Double) { offset.withLock { $0 += seconds } }
}

/// A folder for a test, with a cache in it.
struct NodeFixture: Sendable {
    let folder: String
    let clock = TestClock()
    let limits: CacheLimits

    /// Runs `body` with an empty folder, which is removed afterwards.
    static func with<Result>(
        limits: CacheLimits = CacheLimits(), _ body: (NodeFixture) async throws -> Result
    ) async throws -> Result {
        let path = FileManager.default.temporaryDirectory.path + "/minion-node-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try await body(NodeFixture(folder: path, limits: limits))
    }

    /// What a node logs is seen with MINION_TEST_LOG in the environment.
    private static let logger = Logger(label: "test") { label in
        guard ProcessInfo.processInfo.environment["MINION_TEST_LOG"] != nil else { return SwiftLogNoOpLogHandler() }
        var handler = StreamLogHandler.standardError(label: label)
        handler.logLevel = .debug
        return handler
    }

    func path(_ name: String) -> String { folder + "/" + name }

    /// Runs `body` with a node; one that has a cache if `cache` names its folder.
    func node<Result>(
        cache name: String? = "cache", _ change: (inout NodeConfiguration) -> Void = { _ in },
        _ body: (MinionNode) async throws -> Result
    ) async throws -> Result {
        var configuration = NodeConfiguration()
        configuration.listen = "127.0.0.1:0"
        change(&configuration)
        let clock = clock
        let cache = try await blocking {
            try name.map { try ContentCache.open(folder: self.path($0), limits: self.limits, now: { clock.now }) }
        }
        defer { cache?.close() }
        let node = try await MinionNode.start(
            configuration, cache: cache, logger: Self.logger,
            wallClock: { clock.now })
        do {
            let result = try await body(node)
            await node.shutdown(deletingFiles: false)
            return result
        } catch {
            await node.shutdown(deletingFiles: false)
            throw error
        }
    }
}

/// Nil if there is no such file.
func bytes(at path: String) -> [UInt8]? { try? Array(Data(contentsOf: URL(fileURLWithPath: path))) }

/// Whether the file has these bytes. (An expectation that fails prints what it compares.)
func isThere(_ content: [UInt8], at path: String) -> Bool { bytes(at: path) == content }

/// What a download told in the end, and on the way.
struct Outcome: Sendable {
    var progress: DownloadProgress?
    var error: DownloadError?
    var prefixes: [Int64] = []

    /// The content, if it lies in a cache.
    var content: [UInt8]? { progress?.path.flatMap(bytes(at:)) }

    func has(_ content: [UInt8]) -> Bool { self.content == content }
}

extension TaskDownload {
    /// Reads what is told up to the result.
    func outcome() async -> Outcome {
        var outcome = Outcome()
        for await update in updates {
            switch update {
            case .finished(let progress):
                outcome.progress = progress
                return outcome
            case .failed(let error):
                outcome.error = error
                return outcome
            case .prefix(_, let bytes): outcome.prefixes.append(bytes)
            case .progress, .warning: break
            }
        }
        return outcome
    }

    /// Returns when so many bytes are here; false if the download ends before.
    func reaches(_ bytes: Int64) async -> Bool {
        for await update in updates {
            if case .progress(let progress) = update, progress.bytesDone >= bytes { return true }
        }
        return false
    }
}

/// A request for what a server has, to be kept in the node's cache.
func request(_ url: String, _ change: (inout DownloadRequest) -> Void = { _ in }) -> DownloadRequest {
    var request = DownloadRequest(url: url, destination: "")
    request.progressSeconds = 0.05
    change(&request)
    return request
}

extension ScriptedServer {
    /// Requests for more than the first byte, which is what a version is found out by.
    var reads: [Request] { requests.filter { $0.headers["range"] != "bytes=0-0" } }
    var stats: [Request] { requests.filter { $0.headers["range"] == "bytes=0-0" } }
    /// How many bytes were asked for by reads.
    var bytesRead: Int { reads.reduce(0) { $0 + (range(of: $1)?.count ?? 0) } }
}

/// Runs `body` with the base URL of a tracker.
func withTracker<Result: Sendable>(
    _ body: @Sendable @escaping (String) async throws -> Result
) async throws -> Result {
    var configuration = SchedulerConfiguration()
    configuration.front.listen = [Endpoint(host: "127.0.0.1", port: 0)]
    configuration.front.shutdownGrace = .milliseconds(300)
    let silent = Logger(label: "") { _ in SwiftLogNoOpLogHandler() }
    let (listening, source) = AsyncStream.makeStream(of: [Endpoint].self)
    let service = SchedulerService(configuration: configuration, logger: silent) { source.yield($0) }
    let services = ServiceGroup(configuration: ServiceGroupConfiguration(services: [service], logger: silent))
    return try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask {
            defer { source.finish() }
            try await services.run()
            return nil
        }
        group.addTask {
            var iterator = listening.makeAsyncIterator()
            guard let endpoint = await iterator.next()?.first else { return nil }
            defer { Task { await services.triggerGracefulShutdown() } }
            return try await body("http://127.0.0.1:\(endpoint.port)")
        }
        var result: Result?
        for try await value in group { result = value ?? result }
        return try #require(result)
    }
}
