import Fleet
package import ManagerStore
import MinionCore

/// Jobs: rows in the store, done by schedulers in parts.
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
    let vault: JobVault
    let images: any ImageSource
    let sources: SourceRules

    init(store: Store, vault: JobVault, images: any ImageSource, sources: SourceRules) {
        self.store = store
        self.vault = vault
        self.images = images
        self.sources = sources
    }

    /// Takes an order. Throws `Refusal` if too many name a cluster, if nobody is there who could do it, and for what may
    /// not be fetched; `StoreError.notFound` for a cluster or a user that is not there; `BrokenRules` for arguments that
    /// cannot be.
    package func create(_ order: Order) async throws -> Outcome {
        try await admit(order.schedulerClusters)
        let arguments = try order.type.complete(order.arguments)
        switch order.type {
        case .syncPeers:
            try await syncPeers(of: order.schedulerClusters)
            return .synced
        case .getImageDistribution:
            return .distribution(try await distribution(arguments, clusters: order.schedulerClusters))
        case .collectGarbage:
            let kind = arguments["type"]?.string == "audit" ? Garbage.audit : .job
            return .job(try await collect(kind, byHand: true, bio: order.bio, userID: order.userID))
        case .preheat:
            return .job(try await insert(order, arguments, try await preheat(arguments, order.schedulerClusters)))
        case .getTask:
            return .job(
                try await insert(order, arguments, JobPlan(.findTask(task: JobPlan.task(arguments)), arguments)))
        case .deleteTask:
            return .job(
                try await insert(order, arguments, JobPlan(.deleteTask(task: JobPlan.task(arguments)), arguments)))
        }
    }

    /// Throws if there is no such cluster, or too many jobs name it.
    private func admit(_ clusters: [Int64]) async throws {
        guard !clusters.isEmpty else { return }
        let isAllowed = try await store.write { store in
            let known = try store.schedulerClusters.find(clusters)
            var wanted: [Int64: Int] = [:]
            for id in clusters {
                guard let cluster = known[id] else {
                    throw StoreError.notFound(kind: SchedulerCluster.kind, id: "\(id)")
                }
                let config = ClusterShapes.schedulerConfig.complete(cluster.config)
                wanted[id] = Int(config["job_rate_limit"]?.integer ?? 0)
            }
            // In the store, so that the limit holds for all managers together.
            var rates = JobRates(try store.jobLevels.of(Array(wanted.keys)))
            guard rates.take(wanted, at: .microseconds(try store.commonTime().microseconds)) else { return false }
            for (cluster, level) in rates.levels { try store.jobLevels.set(level, of: cluster) }
            return true
        }
        guard isAllowed else { throw Refusal(.tooMany, .text("rate limit exceeded")) }
    }

    private func preheat(_ arguments: JSONObject, _ clusters: [Int64]) async throws -> JobPlan {
        // Nobody's registry is asked for what nobody can do.
        try await store.read { store in
            _ = try JobPlan.receivers(.preheat, try Self.wanted(clusters, store), store)
        }
        guard arguments["type"] != "image" else {
            let order = ImageOrder(arguments)
            try sources.check(order.url)
            return .preheat(arguments, image: try await images.parts(of: order))
        }
        for url in arguments["urls"].flatMap({ [String]($0) }) ?? [] { try sources.check(url) }
        if let url = arguments["url"]?.string, !url.isEmpty { try sources.check(url) }
        return .preheat(arguments, image: nil)
    }

    func insert(_ order: Order, _ arguments: JSONObject, _ plan: JobPlan) async throws -> Shown {
        let job = Job(
            taskID: "group_" + Self.uuid(), bio: order.bio, type: order.type.rawValue,
            args: JobSecrets.masked(arguments).text, userID: order.userID)
        return try await store.write { [vault] store in
            let (clusters, parts) = try plan.parts(
                forClusters: try Self.wanted(order.schedulerClusters, store), store, vault)
            let stored = try store.jobs.create(
                job, schedulerClusters: clusters, seedPeerClusters: Self.unique(order.seedPeerClusters))
            try store.jobParts.add(parts, to: stored.id)
            try JobResults.refresh(stored.id, store)
            return try Self.shown(try store.jobs.find(stored.id), store)
        }
    }

    /// Those that an order names; all if it names none.
    static func wanted(_ clusters: [Int64], _ store: Transaction) throws -> [Int64] {
        guard clusters.isEmpty else { return unique(clusters) }
        return try store.schedulerClusters.all().map(\.id)
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

    // MARK: Jobs that are there

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

    /// Takes a job's parts from whoever works on them; it has failed then. A job that has ended stays as it is.
    package func cancel(_ id: Int64, by name: String) async throws -> Shown {
        try await store.write { store in
            let job = try store.jobs.find(id)
            let open = try store.jobParts.of(job: id).filter { !$0.state.isFinal }
            for part in open { try store.jobParts.note(part.id, .failure, error: "cancelled by \(name)") }
            if !open.isEmpty { try JobResults.refresh(id, store) }
            if open.isEmpty, job.state != .success, job.state != .failure {
                _ = try store.jobs.update(id, set: [.state: "FAILURE"])
            }
            return try Self.shown(try store.jobs.find(id), store)
        }
    }

    /// Removes the row, and takes its parts from whoever works on them.
    package func delete(_ id: Int64) async throws { try await store.write { try $0.jobs.delete(id) } }
}
