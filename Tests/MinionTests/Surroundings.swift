import Foundation
import HTTPFront
import Logging
import Minion
import MinionCore
import Scheduler
import ServiceLifecycle

/// A tracker and a folder of a test's own, as long as `body` runs.
func withTracker<Result: Sendable>(
    _ body: @escaping @Sendable (_ tracker: String, _ folder: String) async throws -> Result
) async throws -> Result {
    let folder = NSTemporaryDirectory() + "minion-library-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var configuration = SchedulerConfiguration()
    configuration.front.listen = [Endpoint(host: "127.0.0.1", port: 0)]
    configuration.front.shutdownGrace = .milliseconds(100)
    let quiet = Logger(label: "") { _ in SwiftLogNoOpLogHandler() }
    let (listening, source) = AsyncStream.makeStream(of: [Endpoint].self)
    let service = SchedulerService(configuration: configuration, logger: quiet) { source.yield($0) }
    let services = ServiceGroup(configuration: ServiceGroupConfiguration(services: [service], logger: quiet))
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await services.run() }
        var iterator = listening.makeAsyncIterator()
        guard let endpoint = await iterator.next()?.first else { throw CancellationError() }
        let outcome: Swift.Result<Result, any Error>
        do {
            outcome = .success(try await body("127.0.0.1:\(endpoint.port)", folder))
        } catch {
            outcome = .failure(error)
        }
        await services.triggerGracefulShutdown()
        try await group.waitForAll()
        return try outcome.get()
    }
}

/// A client with a node of its own, whatever node the host may have.
func ownClient(_ tracker: String, _ change: (inout ClientConfiguration) -> Void = { _ in }) -> ClientConfiguration {
    var configuration = ClientConfiguration(node: .own, trackers: [tracker])
    configuration.listen = "127.0.0.1:0"
    change(&configuration)
    return configuration
}

/// Bytes that no two places of have in common.
func content(_ size: Int) -> Data {
    var generator = SystemRandomNumberGenerator()
    var data = Data(capacity: size)
    while data.count < size { withUnsafeBytes(of: generator.next()) { data.append(contentsOf: $0) } }
    return data.prefix(size)
}
