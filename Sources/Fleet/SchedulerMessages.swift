/// What a scheduler says of itself to a manager.
package struct SchedulerFacts: Codable, Hashable, Sendable {
    package var hostName: String
    /// Where hosts reach it; empty: the address that the report came from.
    package var address: String
    package var port: Int
    /// Whether it is reached by HTTPS.
    package var isSecure: Bool
    package var site: String
    package var location: String
    /// `schedule` and `preheat`.
    package var features: [String]
    package var version: String
    /// Drawn at random at its start: tells it from the one before, and from another that claims the same name.
    package var incarnation: String

    package init(
        hostName: String, address: String, port: Int, isSecure: Bool = false, site: String = "", location: String = "",
        features: [String] = ["schedule", "preheat"], version: String, incarnation: String
    ) {
        self.hostName = hostName
        self.address = address
        self.port = port
        self.isSecure = isSecure
        self.site = site
        self.location = location
        self.features = features
        self.version = version
        self.incarnation = incarnation
    }
}

/// A host as its scheduler sees it.
package struct HostState: Codable, Hashable, Sendable {
    /// Of the node's present run, 16 hexadecimal digits.
    package var id: String
    package var facts: HostFacts
    package var counters: HostCounters
    /// False when it is gone.
    package var isActive: Bool

    package init(id: String, facts: HostFacts, counters: HostCounters, isActive: Bool) {
        self.id = id
        self.facts = facts
        self.counters = counters
        self.isActive = isActive
    }
}

/// The one message from a scheduler to its manager, once in each `keepAliveSeconds`: `POST /internal/v1/schedulers`.
package struct SchedulerReport: Codable, Hashable, Sendable {
    package var facts: SchedulerFacts
    /// How long the manager waits thrice before it holds the scheduler for dead.
    package var keepAliveSeconds = 1.0
    /// `SchedulerNews.tag` of what it knows; empty at first.
    package var known = ""
    /// Hosts that came, changed or went since the last report that was answered; in the first one, all.
    package var hosts: [HostState] = []
    /// Whether `hosts` are all that there are: the others of this scheduler are gone.
    package var hasAllHosts = false
    /// Of all parts of jobs that it has claimed; a part that is not here any more has been given up.
    package var jobs: [JobPartReport] = []
    /// How many more parts of jobs it would take.
    package var wantsJobs = 0
    /// It stops in good order.
    package var isLeaving = false

    package init(facts: SchedulerFacts) { self.facts = facts }
}

/// The manager's answer.
package struct SchedulerReply: Codable, Hashable, Sendable {
    /// Why it may not be a scheduler of the cluster: it turns hosts and peers away from then on, and tries again later.
    package var refusal: String?
    /// The row's id.
    package var id: Int64 = 0
    /// Nil if the scheduler knows all this.
    package var news: SchedulerNews?
    /// Parts of jobs that are the scheduler's now.
    package var jobs: [JobPart] = []
    /// Parts that it is to give up.
    package var withdrawn: [String] = []
    /// The next report is to have all hosts: what the manager knew of them is not sure any more.
    package var wantsAllHosts = false
    /// Ids of hosts that an operator has removed.
    package var removedHosts: [String] = []

    package init() {}
}

/// What a scheduler has to know of its cluster.
package struct SchedulerNews: Codable, Hashable, Sendable {
    /// Changes when anything here does.
    package var tag: String
    package var rules: ClusterRules
    /// Hashes of the join tokens that its hosts may show, as 64 hexadecimal digits of SHA-256.
    package var joinTokens: [JoinTokenHash]
    /// Base URLs of the cluster's schedulers that are alive, itself among them.
    package var schedulers: [String]

    package init(tag: String, rules: ClusterRules, joinTokens: [JoinTokenHash], schedulers: [String]) {
        self.tag = tag
        self.rules = rules
        self.joinTokens = joinTokens
        self.schedulers = schedulers
    }
}

/// A join token that a scheduler accepts without knowing it.
package struct JoinTokenHash: Codable, Hashable, Sendable {
    package var hash: String
    /// Seconds since 1970; nil: never.
    package var expires: Double?

    package init(hash: String, expires: Double? = nil) {
        self.hash = hash
        self.expires = expires
    }
}
