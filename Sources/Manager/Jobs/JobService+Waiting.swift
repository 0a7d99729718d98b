import Fleet
import ManagerStore

extension JobService {
    /// How long schedulers have to report.
    private static let syncLimit = Duration.seconds(10)
    private static let look = Duration.milliseconds(200)
    /// How long a search for one layer may take.
    private static let searchLimit = Duration.seconds(300)

    /// Waits until every scheduler of some clusters has reported since; no clusters means all. Schedulers tell of each
    /// change within a second anyway.
    func syncPeers(of clusters: [Int64]) async throws {
        let before = try await reports(clusters)
        guard !before.isEmpty else { throw Refusal.noActiveSchedulers }
        let deadline = ContinuousClock.now + Self.syncLimit
        var waiting = before
        while true {
            try await Task.sleep(for: Self.look)
            let now = try await reports(clusters)
            // Who has gone meanwhile is not waited for.
            waiting = waiting.filter { id, last in now[id] == last }
            guard !waiting.isEmpty else { return }
            guard ContinuousClock.now < deadline else {
                let ids = waiting.keys.sorted().map(String.init).joined(separator: ", ")
                throw Refusal(
                    .conflict, "no report of scheduler \(ids) within \(Self.syncLimit.components.seconds) seconds")
            }
        }
    }

    /// When active schedulers reported last.
    private func reports(_ clusters: [Int64]) async throws -> [Int64: Timestamp?] {
        try await store.read { store in
            let active = try store.schedulers.active(inClusters: try Self.wanted(clusters, store))
            return Dictionary(uniqueKeysWithValues: active.map { ($0.id, $0.lastKeepAliveAt) })
        }
    }

    // MARK: Images

    /// Which peers have the layers of an image: searches for each, some at a time.
    func distribution(_ arguments: JSONObject, clusters: [Int64]) async throws -> JSONObject {
        do {
            try await store.read { store in
                _ = try JobPlan.receivers(.find, try Self.wanted(clusters, store), store)
            }
        } catch let refusal as Refusal where refusal.body == Refusal.noActiveSchedulers.body {
            throw Refusal(.conflict, "find schedulers in clusters failed: active schedulers not found")
        }
        let order = ImageOrder(arguments)
        try sources.check(order.url)
        let image: ImageParts
        do {
            image = try await images.parts(of: order)
        } catch {
            guard case .errors(let text) = error.body else { throw error }
            throw Refusal.invalid("get image layers failed: \(text)")
        }
        guard !image.urls.isEmpty else { throw Refusal.invalid("no valid image layers found") }
        let atATime = max(1, Int(arguments["concurrent_layer_count"]?.integer ?? 8))
        var found: [(url: String, peers: [JSONObject])] = []
        try await withThrowingTaskGroup(of: (String, [JSONObject]).self) { group in
            for (index, url) in image.urls.enumerated() {
                if index >= atATime, let next = try await group.next() { found.append(next) }
                group.addTask {
                    (url, try await self.peers(with: url, image, arguments, order.headers, clusters: clusters))
                }
            }
            for try await next in group { found.append(next) }
        }
        return Self.distribution(image.urls, found)
    }

    /// The peers that have a layer.
    private func peers(
        with url: String, _ image: ImageParts, _ arguments: JSONObject, _ headers: [(name: String, value: String)],
        clusters: [Int64]
    ) async throws -> [JSONObject] {
        var search = arguments
        for key in ["platform", "username", "password", "headers", "concurrent_layer_count"] { search[key] = nil }
        search["url"] = .string(url)
        var order = Order(.getTask, search)
        order.schedulerClusters = clusters
        // What needs credentials is another task than what does not.
        var all = headers.filter { $0.name.lowercased() != "authorization" }
        if let authorization = image.authorization { all.append(("Authorization", authorization)) }
        let task = JobPlan.task(search, headers: all)
        let job = try await insert(order, search, JobPlan(.findTask(task: task), search)).job
        let deadline = ContinuousClock.now + Self.searchLimit
        while ContinuousClock.now < deadline {
            try await Task.sleep(for: Self.look)
            let now = try await store.read { try $0.jobs.findIfAny(job.id) }
            guard let now, now.state != .failure else { return [] }
            if now.state == .success { return Self.peers(in: now) }
        }
        return []
    }

    private static func peers(in job: Job) -> [JSONObject] {
        let result = (try? JSONParser.parse(job.result))?.object
        return (result?["job_states"]?.array ?? []).flatMap { state in
            (state.object?["results"]?.array ?? []).flatMap { item -> [JSONObject] in
                let cluster = item.object?["scheduler_cluster_id"] ?? 0
                return (item.object?["peers"]?.array ?? []).compactMap { peer in
                    guard let peer = peer.object, peer["host_type"] == "normal", peer["IsFinished"] == true else {
                        return nil
                    }
                    return [
                        "ip": peer["ip"] ?? "", "hostname": peer["hostname"] ?? "", "scheduler_cluster_id": cluster,
                    ]
                }
            }
        }
    }

    private static func distribution(_ urls: [String], _ found: [(url: String, peers: [JSONObject])]) -> JSONObject {
        let places = Dictionary(urls.enumerated().map { ($1, $0) }) { first, _ in first }
        var layers: [JSONObject: [String]] = [:]
        for (url, peers) in found.sorted(by: { places[$0.url, default: 0] < places[$1.url, default: 0] }) {
            // Several schedulers may know the same peer.
            for peer in Set(peers) { layers[peer, default: []].append(url) }
        }
        let sorted = layers.sorted { $0.key.text < $1.key.text }
        return [
            "image": ["layers": .array(urls.map { ["url": .string($0)] })],
            "peers": .array(
                sorted.map { peer, urls in
                    [
                        "ip": peer["ip"] ?? "", "hostname": peer["hostname"] ?? "",
                        "cached_layers": .array(urls.map { ["url": .string($0)] }),
                        "scheduler_cluster_id": peer["scheduler_cluster_id"] ?? 0,
                    ]
                }),
        ]
    }
}
