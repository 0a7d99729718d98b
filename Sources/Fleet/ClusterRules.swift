/// What a cluster's configuration asks of its schedulers and hosts. It reaches them while they run.
package struct ClusterRules: Codable, Hashable, Sendable {
    package var clusterID: Int64
    package var clusterName: String
    /// Neighbours that one answer of a scheduler names to a downloading peer, at most.
    package var candidateParentLimit: Int
    /// Peers of a task that a scheduler looks at to choose them.
    package var filterParentLimit: Int
    package var seeds: HostRules
    package var peers: HostRules
    package var applications: [ApplicationRule]

    package init(
        clusterID: Int64, clusterName: String, candidateParentLimit: Int = 3, filterParentLimit: Int = 40,
        seeds: HostRules = HostRules(loadLimit: 2000), peers: HostRules = HostRules(loadLimit: 200),
        applications: [ApplicationRule] = []
    ) {
        self.clusterID = clusterID
        self.clusterName = clusterName
        self.candidateParentLimit = candidateParentLimit
        self.filterParentLimit = filterParentLimit
        self.seeds = seeds
        self.peers = peers
        self.applications = applications
    }
}

/// What one kind of host keeps to.
package struct HostRules: Codable, Hashable, Sendable {
    /// Uploads at a time, served and waiting together; the next one is told to go elsewhere.
    package var loadLimit: Int
    /// Pieces that one download asks of neighbours at a time; nil: as many as the host's own setting says.
    package var concurrentPieces: Int?
    package var blockList: BlockList

    package init(loadLimit: Int, concurrentPieces: Int? = nil, blockList: BlockList = BlockList()) {
        self.loadLimit = loadLimit
        self.concurrentPieces = concurrentPieces
        self.blockList = blockList
    }
}

/// How urgent downloads for an application are.
package struct ApplicationRule: Codable, Hashable, Sendable {
    package struct URLRule: Codable, Hashable, Sendable {
        /// A regular expression that is searched in the URL.
        package var pattern: String
        /// 0…20
        package var priority: Int

        package init(pattern: String, priority: Int) {
            self.pattern = pattern
            self.priority = priority
        }
    }

    package var name: String
    /// Of URLs that no rule matches, 0…20.
    package var priority: Int
    package var urls: [URLRule]

    package init(name: String, priority: Int, urls: [URLRule] = []) {
        self.name = name
        self.priority = priority
        self.urls = urls
    }
}

/// What is refused, by kind of task and by what is done with it.
package struct BlockList: Codable, Hashable, Sendable {
    /// An entry that matches is enough.
    package struct Entries: Codable, Hashable, Sendable {
        package var applications: [String] = []
        /// Regular expressions that are searched in the URL.
        package var urls: [String] = []
        package var tags: [String] = []
        package var priorities: [Int] = []

        package init() {}

        package var isEmpty: Bool { applications.isEmpty && urls.isEmpty && tags.isEmpty && priorities.isEmpty }
    }

    package enum Kind: String, Codable, CodingKeyRepresentable, CaseIterable, Sendable {
        /// What a URL names.
        case task
        /// What somebody shares without a source.
        case persistentTask
        /// What is shared and kept on several hosts.
        case persistentCacheTask
    }

    package var downloads: [Kind: Entries] = [:]
    package var uploads: [Kind: Entries] = [:]

    package init() {}
}
