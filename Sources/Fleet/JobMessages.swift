/// A part of a job that one scheduler does: a preheat in one cluster, a question to one scheduler.
package struct JobPart: Codable, Hashable, Sendable {
    package enum Work: Codable, Hashable, Sendable {
        case preheat(PreheatWork)
        /// Which hosts have a task; its id.
        case findTask(task: String)
        /// Remove it from their caches.
        case deleteTask(task: String)
    }

    /// `task_<uuid>`
    package var id: String
    package var work: Work
    /// How often it has been given to a scheduler before this time.
    package var attempts: Int
    /// Seconds that are left to it.
    package var timeoutSeconds: Double

    package init(id: String, work: Work, attempts: Int = 0, timeoutSeconds: Double) {
        self.id = id
        self.work = work
        self.attempts = attempts
        self.timeoutSeconds = timeoutSeconds
    }
}

/// What to preheat, and where.
package struct PreheatWork: Codable, Hashable, Sendable {
    package enum Scope: String, Codable, Sendable {
        case singleSeedPeer = "single_seed_peer"
        case allSeedPeers = "all_seed_peers"
        case allPeers = "all_peers"
    }

    package var urls: [String]
    package var headers: [String: String] = [:]
    package var tag = ""
    package var application = ""
    package var ignoredParameters: [String] = []
    package var pieceLength: Int64?
    package var scope = Scope.singleSeedPeer
    /// Which of the hosts in scope: those with these addresses, else so many, else so many of a hundred, else all.
    package var addresses: [String] = []
    package var count: Int?
    package var percentage: Int?
    /// URLs at a time.
    package var concurrentTasks = 8
    /// Hosts at a time for each.
    package var concurrentPeers = 500

    package init(urls: [String]) { self.urls = urls }
}

/// How far a scheduler is with its part of a job.
package struct JobPartReport: Codable, Hashable, Sendable {
    package enum State: String, Codable, Sendable { case running, succeeded, failed }

    /// What came of one URL, or of a removal, on one host.
    package struct HostResult: Codable, Hashable, Sendable {
        package var url: String
        package var hostName: String
        package var address: String
        package var isSeed: Bool
        /// Nil if it went well.
        package var failure: String?

        package init(url: String, hostName: String, address: String, isSeed: Bool, failure: String? = nil) {
            self.url = url
            self.hostName = hostName
            self.address = address
            self.isSeed = isSeed
            self.failure = failure
        }
    }

    /// A host that has a task, or a part of it.
    package struct Holder: Codable, Hashable, Sendable {
        package var id: String
        package var hostName: String
        package var address: String
        package var isSeed: Bool
        package var isFinished: Bool
        /// Seconds since 1970.
        package var since: Double
        package var updated: Double

        package init(
            id: String, hostName: String, address: String, isSeed: Bool, isFinished: Bool, since: Double,
            updated: Double
        ) {
            self.id = id
            self.hostName = hostName
            self.address = address
            self.isSeed = isSeed
            self.isFinished = isFinished
            self.since = since
            self.updated = updated
        }
    }

    /// How far one host is, for people.
    package struct HostProgress: Codable, Hashable, Sendable {
        package var hostName: String
        package var address: String
        package var bytes: Int64
        /// Nil until known.
        package var size: Int64?

        package init(hostName: String, address: String, bytes: Int64, size: Int64?) {
            self.hostName = hostName
            self.address = address
            self.bytes = bytes
            self.size = size
        }
    }

    package var id: String
    package var state: State
    /// Why it failed as a whole; empty if it did not.
    package var error = ""
    package var results: [HostResult] = []
    package var holders: [Holder] = []
    /// At most 1,000, the slowest first.
    package var progress: [HostProgress] = []
    /// Bytes that have arrived on all hosts together, and those that all are to have as far as is known.
    package var bytes: Int64 = 0
    package var bytesExpected: Int64 = 0

    package init(id: String, state: State) {
        self.id = id
        self.state = state
    }
}
