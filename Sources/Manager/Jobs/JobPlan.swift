import Crypto
import Fleet
import ManagerStore
import MinionCore

/// What a job has schedulers do, by its arguments.
struct JobPlan: Sendable {
    enum Receivers: Sendable {
        /// One scheduler of each cluster, whichever takes it.
        case oneOfEachCluster
        /// Every scheduler.
        case all
    }

    var work: JobPart.Work
    var timeout: Duration

    var kind: JobVault.Kind {
        switch work {
        case .preheat: .preheat
        case .findTask: .find
        case .deleteTask: .delete
        }
    }

    var receivers: Receivers { kind == .preheat ? .oneOfEachCluster : .all }

    init(_ work: JobPart.Work, _ arguments: JSONObject) {
        self.work = work
        timeout = .nanoseconds(max(1, arguments["timeout"]?.integer ?? JobArguments.timeout))
    }

    /// A preheat; `image` is what its image is made of, if it is one.
    static func preheat(_ arguments: JSONObject, image: ImageParts?) -> JobPlan {
        var urls = arguments["urls"].flatMap { [String]($0) } ?? []
        if let url = arguments["url"]?.string, !url.isEmpty { urls.append(url) }
        var work = PreheatWork(urls: image?.urls ?? urls)
        for member in arguments["headers"]?.object?.members ?? [] {
            guard let value = member.value.string else { continue }
            if image != nil, member.key.lowercased() == "authorization" { continue }
            work.headers[member.key] = value
        }
        if let authorization = image?.authorization { work.headers["Authorization"] = authorization }
        work.tag = arguments["tag"]?.string ?? ""
        work.application = arguments["application"]?.string ?? ""
        work.ignoredParameters = ignored(arguments)
        work.pieceLength = arguments["piece_length"]?.integer.flatMap { $0 > 0 ? $0 : nil }
        work.scope = arguments["scope"]?.string.flatMap { PreheatWork.Scope(rawValue: $0) } ?? .singleSeedPeer
        work.addresses = arguments["ips"].flatMap { [String]($0) } ?? []
        work.count = number(arguments, "count")
        work.percentage = number(arguments, "percentage")
        work.concurrentTasks = number(arguments, "concurrent_task_count") ?? work.concurrentTasks
        work.concurrentPeers = number(arguments, "concurrent_peer_count") ?? work.concurrentPeers
        return JobPlan(.preheat(work), arguments)
    }

    /// The id of the task that a search or a removal is for.
    static func task(_ arguments: JSONObject, headers: [(name: String, value: String)] = []) -> String {
        let text = { (key: String) in arguments[key]?.string ?? "" }
        if !text("url").isEmpty {
            let identity = TaskIdentity(
                url: text("url"), ignoring: Set(ignored(arguments)), tag: text("tag"),
                application: text("application"), headers: headers)
            return Hex.text(SHA256.hash(data: identity.canonicalBytes))
        }
        let content = text("content_for_calculating_task_id")
        return content.isEmpty ? text("task_id") : Hex.text(SHA256.hash(data: Array(content.utf8)))
    }

    private static func ignored(_ arguments: JSONObject) -> [String] {
        let names = (arguments["filtered_query_params"]?.string ?? "").split(separator: "&").map(String.init)
        return Set(names).sorted()
    }

    private static func number(_ arguments: JSONObject, _ key: String) -> Int? {
        arguments[key]?.integer.flatMap { Int(exactly: $0) }.flatMap { $0 > 0 ? $0 : nil }
    }
}

extension JobPlan {
    /// The clusters in which somebody can do it, each as often as it gets a part, and those parts. Throws `Refusal` if
    /// nobody can anywhere.
    func parts(
        forClusters clusters: [Int64], _ store: Transaction, _ vault: JobVault
    ) throws -> (clusters: [Int64], parts: [StoredPart]) {
        let due = try store.commonTime().advanced(by: timeout)
        let schedulers = try Self.receivers(kind, clusters, store)
        let targets: [(cluster: Int64, scheduler: Int64)] =
            switch receivers {
            case .all: schedulers.map { ($0.schedulerClusterID, $0.id) }
            case .oneOfEachCluster: Set(schedulers.map(\.schedulerClusterID)).sorted().map { ($0, 0) }
            }
        let parts = try targets.map { target in
            let id = "task_" + JobService.uuid()
            return StoredPart(
                id: id, kind: kind.rawValue, schedulerClusterID: target.cluster, schedulerID: target.scheduler,
                dueAt: due, work: try vault.seal(work, part: id))
        }
        return (targets.map(\.cluster), parts)
    }

    /// Schedulers that can do such work in some clusters. Throws `Refusal` if there are none.
    @discardableResult
    static func receivers(_ kind: JobVault.Kind, _ clusters: [Int64], _ store: Transaction) throws -> [Scheduler] {
        let active = try store.schedulers.active(inClusters: clusters)
        guard kind == .preheat else {
            guard !active.isEmpty else { throw Refusal.noActiveSchedulers }
            return active
        }
        let able = active.filter { $0.features.contains("preheat") }
        guard !able.isEmpty else { throw Refusal.noCandidateSchedulers }
        return able
    }
}

extension Refusal {
    static var noActiveSchedulers: Refusal { Refusal(.conflict, "active schedulers not found") }
    static var noCandidateSchedulers: Refusal { Refusal(.conflict, "candidate schedulers not found") }
}
