import Fleet
import Foundation
import Logging
import Manager
import ManagerStore
import MinionCore
import Testing

/// A manager on a database of its own, without HTTP.
func withManager(
    images: (any ImageSource)? = nil, _ body: (Manager) async throws -> Void
) async throws {
    let folder = "/tmp/manager-tests-\(UUID().uuidString)"
    try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let store = try await Store.open(
        StoreConfiguration(location: .sqlite(path: folder + "/manager.sqlite")), logger: logger)
    let manager = try await Manager(ManagerConfiguration(), store: store, logger: logger, images: images)
    do {
        try await body(manager)
    } catch {
        await manager.shutDown()
        await store.close()
        throw error
    }
    await manager.shutDown()
    await store.close()
}

/// A scheduler as far as a manager can tell.
struct FakeScheduler {
    let manager: Manager
    var report: SchedulerReport
    var identity = JoinIdentity.own
    /// What the manager told last.
    var news: SchedulerNews?

    init(
        _ manager: Manager, _ name: String = "s1", address: String = "10.0.0.1", run: String? = nil,
        identity: JoinIdentity = .own, features: [String] = ["schedule", "preheat"]
    ) {
        self.manager = manager
        self.identity = identity
        report = SchedulerReport(
            facts: SchedulerFacts(
                hostName: name, address: address, port: 8002, features: features, version: "1",
                incarnation: run ?? "run of \(name)"))
    }

    @discardableResult
    mutating func tell(_ change: (inout SchedulerReport) -> Void = { _ in }) async throws -> SchedulerReply {
        change(&report)
        let reply = try await manager.fleet.receive(report, from: "127.0.0.1", identity: identity)
        if let news = reply.news {
            self.news = news
            report.known = news.tag
        }
        report.hosts = []
        report.hasAllHosts = false
        return reply
    }

    func row() async throws -> Scheduler? {
        try await manager.schedulers.list([.hostName: .of(report.facts.hostName)], .all).elements.first
    }
}

func host(_ name: String, id: String? = nil, isSeed: Bool = false, isActive: Bool = true) -> HostState {
    HostState(
        id: id ?? "id of \(name)",
        facts: HostFacts(
            hostName: name, endpoint: Endpoint(host: "10.1.0.1", port: 4001), isSeed: isSeed, version: "2"),
        counters: HostCounters(), isActive: isActive)
}

/// Knows one image.
struct OneImage: ImageSource {
    var parts = ImageParts(
        urls: ["http://registry/v2/a/blobs/sha256:1", "http://registry/v2/a/blobs/sha256:2"],
        authorization: "Bearer of the registry")

    func parts(of order: ImageOrder) async throws(Refusal) -> ImageParts {
        guard order.password != "wrong" else {
            throw Refusal(.failed, "failed to authenticate with registry: wrong password")
        }
        return parts
    }
}

extension Manager {
    func make(_ type: JobType, _ arguments: JSONObject, clusters: [Int64] = []) async throws -> Job {
        var order = JobService.Order(type, arguments)
        order.schedulerClusters = clusters
        guard case .job(let shown) = try await jobs.create(order) else { throw Refusal(.failed, "no job") }
        return shown.job
    }

    func result(_ job: Job) async throws -> (state: JobState, result: JSONObject, text: String) {
        let job = try await jobs.find(job.id).job
        return (job.state, try #require(try JSONParser.parse(job.result).object), job.result)
    }

    func execute(_ sql: SQL) async throws { _ = try await store.write { try $0.execute(sql) } }
}

/// What a manager refuses with; nil if it does not.
func refusal(_ work: () async throws -> Void) async throws -> (kind: Refusal.Kind, body: Refusal.Body)? {
    do {
        try await work()
        return nil
    } catch let error as Refusal {
        return (error.kind, error.body)
    }
}
