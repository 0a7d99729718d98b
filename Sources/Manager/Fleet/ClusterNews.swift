import Crypto
import Fleet
import FoundationEssentials
import ManagerStore
import MinionCore

/// What a cluster's schedulers and hosts have to know, as it lies in the store.
enum ClusterNews {
    /// Peers that are looked at where the cluster does not say how many.
    private static let filterLimit = 40

    /// Throws `StoreError.notFound` if there is no such cluster.
    static func load(_ id: Int64, _ store: Transaction) throws -> SchedulerNews {
        let cluster = try store.schedulerClusters.find(id)
        let seedCluster = try store.links.seedPeerClusters(of: [id])[id]?.first
        let tokens = try store.joinTokens.good(forCluster: id).map {
            JoinTokenHash(
                hash: Hex.text($0.tokenHash), expires: $0.expiredAt.map { Double($0.microseconds) / 1_000_000 })
        }
        let rules = rules(cluster, seedCluster, try store.applications.all())
        var news = SchedulerNews(
            tag: "", rules: rules, joinTokens: tokens,
            schedulers: urls(of: try store.schedulers.active(inClusters: [id])))
        news.tag = try tag(of: news)
        return news
    }

    /// Base URLs of those that can schedule; of all, if none says that it does.
    static func urls(of schedulers: [Scheduler]) -> [String] {
        let able = schedulers.filter { $0.features.contains("schedule") }
        return (able.isEmpty ? schedulers : able).map { scheduler in
            let endpoint = Endpoint(host: scheduler.ip, port: scheduler.port)
            return (scheduler.isSecure ? "https://" : "http://") + endpoint.description
        }
    }

    private static func tag(of news: SchedulerNews) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return Hex.text(SHA256.hash(data: try encoder.encode(news)).prefix(12))
    }

    static func rules(
        _ cluster: SchedulerCluster, _ seedCluster: SeedPeerCluster?, _ applications: [Application]
    ) -> ClusterRules {
        let config = object(cluster.config)
        let seeds = object(seedCluster?.config ?? "{}")
        let peers = ClusterShapes.peerConfig.complete(cluster.clientConfig)
        var ofSeeds = BlockList(json: seeds["block_list"])
        ofSeeds.add(BlockList(json: object(cluster.seedClientConfig)["block_list"]))
        return ClusterRules(
            clusterID: cluster.id, clusterName: cluster.name,
            candidateParentLimit: number(config, "candidate_parent_limit") ?? 3,
            filterParentLimit: number(config, "filter_parent_limit") ?? filterLimit,
            seeds: HostRules(loadLimit: number(seeds, "load_limit") ?? 2000, blockList: ofSeeds),
            peers: HostRules(
                loadLimit: number(peers, "load_limit") ?? 200,
                concurrentPieces: number(peers, "concurrent_piece_count"),
                blockList: BlockList(json: peers["block_list"])),
            applications: applications.map(rule))
    }

    private static func rule(_ application: Application) -> ApplicationRule {
        let priority = object(application.priority)
        let urls = (priority["urls"]?.array ?? []).compactMap { entry -> ApplicationRule.URLRule? in
            guard let entry = entry.object, let pattern = entry["regex"]?.string else { return nil }
            return ApplicationRule.URLRule(pattern: pattern, priority: Int(entry["value"]?.integer ?? 0))
        }
        return ApplicationRule(
            name: application.name, priority: Int(priority["value"]?.integer ?? 0), urls: urls)
    }

    /// Nil where nothing is said, which 0 stands for.
    private static func number(_ object: JSONObject, _ key: String) -> Int? {
        object[key]?.integer.flatMap { Int(exactly: $0) }.flatMap { $0 > 0 ? $0 : nil }
    }

    private static func object(_ json: String) -> JSONObject { (try? JSONParser.parse(json))?.object ?? [:] }
}

extension BlockList {
    /// Reads what a cluster's configuration says; what is missing blocks nothing.
    init(json: JSONValue?) {
        self.init()
        let kinds: [(String, Kind)] = [
            ("task", .task), ("persistent_task", .persistentTask), ("persistent_cache_task", .persistentCacheTask),
        ]
        for (key, kind) in kinds {
            guard let part = json?.object?[key]?.object else { continue }
            let (download, upload) = (Entries(json: part["download"]), Entries(json: part["upload"]))
            if !download.isEmpty { downloads[kind] = download }
            if !upload.isEmpty { uploads[kind] = upload }
        }
    }

    /// Blocks also what another list blocks.
    mutating func add(_ other: BlockList) {
        downloads.merge(other.downloads) { $0.with($1) }
        uploads.merge(other.uploads) { $0.with($1) }
    }
}

extension BlockList.Entries {
    fileprivate init(json: JSONValue?) {
        self.init()
        let object = json?.object ?? [:]
        applications = object["applications"].flatMap { [String]($0) } ?? []
        urls = object["urls"].flatMap { [String]($0) } ?? []
        tags = object["tags"].flatMap { [String]($0) } ?? []
        priorities = object["priorities"].flatMap { [Int]($0) } ?? []
    }

    fileprivate func with(_ other: Self) -> Self {
        var all = self
        all.applications += other.applications.filter { !applications.contains($0) }
        all.urls += other.urls.filter { !urls.contains($0) }
        all.tags += other.tags.filter { !tags.contains($0) }
        all.priorities += other.priorities.filter { !priorities.contains($0) }
        return all
    }
}
