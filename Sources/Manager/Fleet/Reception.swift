import Fleet
import ManagerStore
import MinionCore

/// What one report of a scheduler does to the store: the work of one transaction.
struct Reception {
    struct Outcome {
        var reply = SchedulerReply()
        var cluster: Int64 = 0
        /// What became of the scheduler, for the log; nil if nothing did.
        var change: String?
        /// What hosts have done, to be written a little later.
        var traffic: [Sighting] = []
        /// Runs of hosts of which all is written.
        var settled: Set<String> = []
    }

    let store: Transaction
    let report: SchedulerReport
    let identity: JoinIdentity
    let vault: JobVault
    /// By the clock that all managers share.
    let now: Timestamp
    var outcome = Outcome()

    init(_ store: Transaction, _ report: SchedulerReport, _ identity: JoinIdentity, _ vault: JobVault) throws {
        self.store = store
        self.report = report
        self.identity = identity
        self.vault = vault
        now = try store.commonTime()
    }

    mutating func receive() throws -> Outcome {
        guard try !store.removedInstances.has(.scheduler, run: report.facts.incarnation) else {
            return refused("this scheduler has been removed from its cluster; restart it to let it join again")
        }
        let known = try store.schedulers.with(run: report.facts.incarnation)
        guard !report.isLeaving else {
            if let known { try leave(known) }
            return outcome
        }
        let scheduler: Scheduler
        if let known {
            scheduler = try goOn(known)
        } else {
            let cluster = try home()
            let old = try row(in: cluster)
            if let old, isAlive(old) {
                return refused(
                    """
                    another scheduler named \(old.hostName) at \(old.ip):\(old.port) reports to the manager; stop it, or \
                    give this one another --host-name
                    """)
            }
            scheduler = try join(cluster, replacing: old)
        }
        (outcome.reply.id, outcome.cluster) = (scheduler.id, scheduler.schedulerClusterID)
        try takeHosts(scheduler)
        try takeParts(scheduler)
        return outcome
    }

    private mutating func refused(_ reason: String) -> Outcome {
        outcome.reply.refusal = reason
        return outcome
    }

    // MARK: The scheduler

    /// The row that the scheduler had before it was restarted.
    private func row(in cluster: Int64) throws -> Scheduler? {
        try store.schedulers.first(where: [
            .hostName: .of(report.facts.hostName), .ip: .of(report.facts.address), .schedulerClusterID: .of(cluster),
        ])
    }

    /// Whether somebody else is that scheduler at this moment.
    private func isAlive(_ row: Scheduler) -> Bool {
        guard row.state == .active, !row.run.isEmpty, let last = row.lastKeepAliveAt else { return false }
        return now.duration(since: last) < .milliseconds(2 * row.keepAlive)
    }

    /// The cluster of a scheduler that is new: that of its token, else where it was, else the one that its place fits best.
    private func home() throws -> Int64 {
        if let cluster = identity.cluster { return try store.schedulerClusters.find(cluster).id }
        let before = try store.schedulers.first(where: [
            .hostName: .of(report.facts.hostName), .ip: .of(report.facts.address),
        ])
        if let before { return before.schedulerClusterID }
        let clusters = try store.schedulerClusters.all()
        if case .own = identity {
            let first = clusters.first { $0.id == 1 } ?? clusters.first { $0.isDefault } ?? clusters.first
            if let first { return first.id }
        } else {
            let facts = report.facts
            let conditions = ClusterMatch.Conditions(
                ip: facts.address, hostName: facts.hostName, idc: facts.site, location: facts.location)
            let candidates = clusters.map {
                ClusterMatch.Candidate(
                    id: $0.id, scopes: ClusterMatch.Scopes(json: $0.scopes), isDefault: $0.isDefault,
                    hasSchedulers: true)
            }
            if let best = try? ClusterMatch.ranked(candidates, for: conditions).first { return best.candidate.id }
        }
        return try store.schedulerClusters.createCluster(
            SchedulerCluster(name: "cluster-1", isDefault: true), with: SeedPeerCluster(name: "cluster-1")
        ).0.id
    }

    private mutating func join(_ cluster: Int64, replacing old: Scheduler?) throws -> Scheduler {
        let facts = report.facts
        let milliseconds = Int((report.keepAliveSeconds * 1000).rounded())
        let config: JSONObject = ["manager_keep_alive_interval": .integer(Int64(milliseconds) * 1_000_000)]
        outcome.change = old == nil ? "joined" : "came back"
        guard let old else {
            return try store.schedulers.insert(
                Scheduler(
                    hostName: facts.hostName, idc: facts.site, location: facts.location, ip: facts.address,
                    port: facts.port, state: .active, features: facts.features, config: config.text,
                    lastKeepAliveAt: now, schedulerClusterID: cluster, run: facts.incarnation, version: facts.version,
                    isSecure: facts.isSecure, keepAlive: milliseconds))
        }
        try store.forgetHosts(of: old.id)
        return try store.schedulers.update(
            old.id,
            set: [
                .idc: .of(facts.site), .location: .of(facts.location), .port: .of(facts.port), .state: "active",
                .features: .of(facts.features), .config: .of(config.text), .lastKeepAliveAt: .of(now),
                .run: .of(facts.incarnation), .version: .of(facts.version), .isSecure: .of(facts.isSecure),
                .keepAlive: .of(milliseconds),
            ])
    }

    private mutating func goOn(_ row: Scheduler) throws -> Scheduler {
        guard row.state == .active else {
            outcome.change = "reports again"
            outcome.reply.wantsAllHosts = !report.hasAllHosts
            return try store.schedulers.update(row.id, set: [.state: "active", .lastKeepAliveAt: .of(now)])
        }
        try store.schedulers.markAlive(row.id, now: now)
        return row
    }

    private mutating func leave(_ row: Scheduler) throws {
        (outcome.reply.id, outcome.cluster) = (row.id, row.schedulerClusterID)
        outcome.change = "left"
        try store.schedulers.deactivate(row.id)
        // What it brings to its end with the last report counts.
        try takeParts(row)
        for part in try store.jobParts.unfinished(inCluster: row.schedulerClusterID) where part.holderID == row.id {
            try store.jobParts.release(part.id)
        }
    }
}
