package import MinionCore

/// What a host says of itself when it joins a cluster.
package struct HostFacts: Codable, Hashable, Sendable {
    package var hostName: String
    /// Where its piece server listens. The host may be empty: then it is the address that the report came from.
    package var endpoint: Endpoint
    /// The data centre; empty if unknown.
    package var site: String
    /// `asia|cn|hz`; empty if unknown.
    package var location: String
    package var isSeed: Bool
    /// Whether others may get anything from it.
    package var canUpload: Bool
    package var version: String
    package var commit = ""
    package var system = ""
    package var platform = ""
    package var platformFamily = ""
    package var platformVersion = ""
    package var kernelVersion = ""
    package var buildPlatform = ""

    package init(
        hostName: String, endpoint: Endpoint, site: String = "", location: String = "", isSeed: Bool = false,
        canUpload: Bool = true, version: String
    ) {
        self.hostName = hostName
        self.endpoint = endpoint
        self.site = site
        self.location = location
        self.isSeed = isSeed
        self.canUpload = canUpload
        self.version = version
    }
}

/// What a host has done since it started.
package struct HostCounters: Codable, Hashable, Sendable {
    package var bytesFromSource: Int64 = 0
    package var bytesFromPeers: Int64 = 0
    package var bytesSent: Int64 = 0
    /// At this moment.
    package var downloads = 0
    package var uploads = 0
    /// Uploads that were told to go elsewhere because the host's load limit was reached.
    package var uploadsRefused = 0

    package init() {}
}

/// The one message from a host to each scheduler of its cluster: `POST /v1/hosts/<id>`. The id is drawn at random when
/// the host's node starts, so it tells a restarted node from the one before.
package struct HostReport: Codable, Hashable, Sendable {
    /// In the first report, and when the scheduler asks for it.
    package var facts: HostFacts?
    /// Drawn at random by the host, the same in all of its reports.
    package var secret: String
    /// `HostNews.tag` of what it knows; empty at first.
    package var known = ""
    package var counters = HostCounters()
    /// Of orders that are under way, and of those that have ended until the scheduler no longer repeats them.
    package var progress: [OrderProgress] = []
    /// For how long the scheduler may keep the answer back until there is something to say, in seconds.
    package var waitSeconds = 0.0

    package init(secret: String) { self.secret = secret }
}

/// The scheduler's answer.
package struct HostReply: Codable, Hashable, Sendable {
    /// The scheduler does not know the host (any more): send the facts.
    package var mustIntroduce = false
    /// Why the host may not be a part of the cluster; it goes on as a node of nobody's, and tries again later.
    package var refusal: String?
    /// Nil if the host knows all this.
    package var news: HostNews?
    /// Everything that is ordered and that the host has not reported the end of. Orders that the host knows are no news;
    /// what it works on and is not here is withdrawn.
    package var orders: [HostOrder] = []
    /// Report again after this long at the latest, in seconds.
    package var nextReportSeconds = 10.0

    package init() {}
}

/// What a host keeps to.
package struct HostNews: Codable, Hashable, Sendable {
    /// Changes when anything here does.
    package var tag: String
    package var clusterName: String
    package var rules: HostRules
    package var applications: [ApplicationRule]
    /// Base URLs of the cluster's schedulers that are alive; each task has its order of them, see `SchedulerRing`.
    package var schedulers: [String]

    package init(
        tag: String, clusterName: String, rules: HostRules, applications: [ApplicationRule], schedulers: [String]
    ) {
        self.tag = tag
        self.clusterName = clusterName
        self.rules = rules
        self.applications = applications
        self.schedulers = schedulers
    }
}

/// Something that a host is to do.
package struct HostOrder: Codable, Hashable, Sendable {
    package enum Action: Codable, Hashable, Sendable {
        /// Bring content into the cache.
        case fetch(FetchOrder)
        /// Remove a task from the cache; its id.
        case delete(task: String)
    }

    /// The same order has the same id whichever scheduler gives it.
    package var id: String
    package var action: Action

    package init(id: String, action: Action) {
        self.id = id
        self.action = action
    }
}

/// What to bring into the cache.
package struct FetchOrder: Codable, Hashable, Sendable {
    package var url: String
    package var headers: [String: String] = [:]
    package var tag = ""
    package var application = ""
    package var ignoredParameters: [String] = []
    package var pieceLength: Int64?
    /// Whether this host may read the source: one that may not gets everything from others.
    package var mayUseSource = true
    /// Seconds after which the order has failed.
    package var timeoutSeconds: Double

    package init(url: String, timeoutSeconds: Double) {
        self.url = url
        self.timeoutSeconds = timeoutSeconds
    }
}

/// How far a host is with an order.
package struct OrderProgress: Codable, Hashable, Sendable {
    package enum State: String, Codable, Sendable { case running, succeeded, failed }

    package var id: String
    package var state: State
    /// Bytes that are there.
    package var bytes: Int64 = 0
    /// Nil until known.
    package var size: Int64?
    package var bytesFromSource: Int64 = 0
    /// Why it failed, one line.
    package var message = ""

    package init(id: String, state: State) {
        self.id = id
        self.state = state
    }
}

/// A host's question to a manager before it knows any scheduler: `POST /internal/v1/route`.
package struct RouteQuestion: Codable, Hashable, Sendable {
    package var hostName: String
    /// Empty: the address that the question came from.
    package var address: String
    package var site: String
    package var location: String
    package var isSeed: Bool
    package var version: String

    package init(
        hostName: String, address: String = "", site: String = "", location: String = "", isSeed: Bool = false,
        version: String
    ) {
        self.hostName = hostName
        self.address = address
        self.site = site
        self.location = location
        self.isSeed = isSeed
        self.version = version
    }
}

/// The manager's answer: the cluster that fits best, among those with a scheduler that is alive.
package struct RouteAnswer: Codable, Hashable, Sendable {
    /// A cluster that was considered.
    package struct Candidate: Codable, Hashable, Sendable {
        package var id: Int64
        package var name: String
        /// 0…1
        package var score: Double
        /// What counted, in words: `its CIDR 10.0.0.0/8 has 10.1.2.3`.
        package var reasons: [String]
        /// Base URLs.
        package var schedulers: [String]

        package init(id: Int64, name: String, score: Double, reasons: [String], schedulers: [String]) {
            self.id = id
            self.name = name
            self.score = score
            self.reasons = reasons
            self.schedulers = schedulers
        }
    }

    /// The address that the host was matched by.
    package var address: String
    /// Best first; the first one's schedulers are the host's, and the next one's if none of them answers.
    package var clusters: [Candidate]
    /// The manager's clock, in seconds since 1970.
    package var time: Double

    package init(address: String, clusters: [Candidate], time: Double) {
        self.address = address
        self.clusters = clusters
        self.time = time
    }
}
