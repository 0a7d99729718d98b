package import ManagerStore
import MinionCore
import Synchronization

/// What makes jobs act. The manager stores them, and tells this of each.
package protocol JobActions: Sendable {
    /// A job has been stored and is to be done.
    func begin(_ job: Job) async
    /// Brings the table of peers up to date; no clusters means all. Throws `Refusal`.
    func syncPeers(of clusters: [Int64]) async throws
    /// Which peers have the layers of an image. Throws `Refusal`.
    func imageDistribution(_ arguments: JSONObject, clusters: [Int64]) async throws -> JSONObject
}

/// Jobs are stored, and wait until something acts on them.
package struct JobsWait: JobActions {
    package init() {}

    package func begin(_ job: Job) async {}

    package func syncPeers(of clusters: [Int64]) async throws { throw Self.noSchedulers }

    package func imageDistribution(_ arguments: JSONObject, clusters: [Int64]) async throws -> JSONObject {
        throw Self.noSchedulers
    }

    private static var noSchedulers: Refusal { Refusal(.conflict, "active schedulers not found") }
}

/// Jobs.
package final class JobService: Sendable {
    /// A job as it is asked for.
    package struct Order: Sendable {
        package var type: JobType
        package var arguments: JSONObject
        package var bio = ""
        package var userID: Int64 = 0
        /// Empty: all.
        package var schedulerClusters: [Int64] = []
        package var seedPeerClusters: [Int64] = []

        package init(_ type: JobType, _ arguments: JSONObject) {
            self.type = type
            self.arguments = arguments
        }
    }

    /// A job with what it refers to; clusters are nil where they are not loaded.
    package struct Shown: Sendable {
        package var job: Job
        package var user: User
        package var schedulerClusters: [SchedulerCluster]?
        package var seedPeerClusters: [SeedPeerCluster]?
    }

    /// What an order leads to.
    package enum Outcome: Sendable {
        case job(Shown)
        case synced
        case distribution(JSONObject)
    }

    let store: Store
    private let actions: any JobActions
    private let rates = Mutex(JobRates())
    private let start = ContinuousClock.now

    init(store: Store, actions: any JobActions) {
        self.store = store
        self.actions = actions
    }

    /// Takes an order. Throws `Refusal` if too many name a cluster, `StoreError.notFound` for a cluster or a user that
    /// is not there, `BrokenRules` for arguments that cannot be.
    package func create(_ order: Order) async throws -> Outcome {
        try await admit(order.schedulerClusters)
        let arguments = try order.type.complete(order.arguments)
        switch order.type {
        case .syncPeers:
            try await actions.syncPeers(of: order.schedulerClusters)
            return .synced
        case .getImageDistribution:
            return .distribution(
                try await actions.imageDistribution(arguments, clusters: order.schedulerClusters))
        case .collectGarbage:
            let kind = arguments["type"]?.string == "audit" ? Garbage.audit : .job
            return .job(try await collect(kind, byHand: true, bio: order.bio, userID: order.userID))
        case .preheat, .getTask, .deleteTask:
            let job = try await insert(order, arguments)
            await actions.begin(job.job)
            return .job(job)
        }
    }

    /// Throws if there is no such cluster, or too many jobs name it.
    private func admit(_ clusters: [Int64]) async throws {
        guard !clusters.isEmpty else { return }
        let known = try await store.read { try $0.schedulerClusters.find(clusters) }
        var wanted: [Int64: Int] = [:]
        for id in clusters {
            guard let cluster = known[id] else { throw StoreError.notFound(kind: SchedulerCluster.kind, id: "\(id)") }
            let config = ClusterShapes.schedulerConfig.complete(cluster.config)
            wanted[id] = Int(config["job_rate_limit"]?.integer ?? 0)
        }
        guard rates.withLock({ [wanted] in $0.take(wanted, at: ContinuousClock.now - start) }) else {
            throw Refusal(.tooMany, .text("rate limit exceeded"))
        }
    }

    private func insert(_ order: Order, _ arguments: JSONObject) async throws -> Shown {
        let job = Job(
            taskID: "group_" + Self.uuid(), bio: order.bio, type: order.type.rawValue, args: arguments.text,
            userID: order.userID)
        return try await store.write { store in
            let clusters =
                order.schedulerClusters.isEmpty
                ? try store.schedulerClusters.all().map(\.id) : Self.unique(order.schedulerClusters)
            let stored = try store.jobs.create(
                job, schedulerClusters: clusters, seedPeerClusters: Self.unique(order.seedPeerClusters))
            return try Self.shown(stored, store)
        }
    }

    private static func unique(_ ids: [Int64]) -> [Int64] {
        var seen: Set<Int64> = []
        return ids.filter { seen.insert($0).inserted }
    }

    static func shown(_ job: Job, _ store: Transaction) throws -> Shown {
        Shown(
            job: job, user: try store.users.findIfAny(job.userID) ?? .nobody,
            schedulerClusters: try store.jobs.schedulerClusters(of: [job.id])[job.id] ?? [],
            seedPeerClusters: try store.jobs.seedPeerClusters(of: [job.id])[job.id] ?? [])
    }

    static func uuid() -> String {
        var bytes = RandomBytes.make(16)
        bytes[6] = bytes[6] & 0x0f | 0x40
        bytes[8] = bytes[8] & 0x3f | 0x80
        let hex = Array(Hex.text(bytes))
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(hex[$0]) }.joined(separator: "-")
    }

    package func list(_ filter: [Job.Column: SQLValue], _ page: Page) async throws -> Listing<Shown> {
        try await store.read { store in
            let jobs = try store.jobs.list(where: filter, page: page)
            let users = try store.users.find(Set(jobs.elements.map(\.userID)))
            return jobs.map { Shown(job: $0, user: users[$0.userID] ?? .nobody) }
        }
    }

    package func find(_ id: Int64) async throws -> Shown {
        try await store.read { try Self.shown(try $0.jobs.find(id), $0) }
    }

    package func update(_ id: Int64, _ changes: [Job.Column: SQLValue]) async throws -> Shown {
        try await store.write { try Self.shown(try $0.jobs.update(id, set: changes), $0) }
    }

    /// Removes the row; what is under way goes on.
    package func delete(_ id: Int64) async throws { try await store.write { try $0.jobs.delete(id) } }
}
