package import Fleet
import Logging
package import ManagerStore
import MinionCore
import Synchronization

/// The fleet as its schedulers tell of it. All of it lies in the store, so that any of several managers can answer any
/// report.
package final class FleetService: Sendable {
    /// How long a part of a job is left to a scheduler that does not report.
    static let lease = Duration.seconds(10)
    /// How often a part is given to a scheduler.
    static let attempts = 5
    /// How often what hosts have done is written, if nothing else of them changes.
    static let trafficInterval = Duration.seconds(10)

    let store: Store
    let vault: JobVault
    let logger: Logger
    /// What hosts have done and is not written yet, by run.
    private let traffic = Mutex<[String: Sighting]>([:])

    init(store: Store, vault: JobVault, logger: Logger) {
        self.store = store
        self.vault = vault
        self.logger = logger
    }

    /// Takes a scheduler's report, and tells it what it has to know. To be called once in each of its
    /// `keepAliveSeconds`, one report after the other.
    ///
    /// - Parameters:
    ///   - address: where the report came from; empty if it came from within the process.
    ///   - identity: by which token it came, or that it is the process's own.
    /// - Throws: `Refusal` 422 for a report that cannot be; `StoreError`. A scheduler that may not be one gets an answer
    ///   with a `refusal`.
    package func receive(
        _ report: SchedulerReport, from address: String, identity: JoinIdentity
    ) async throws -> SchedulerReply {
        let report = try ReportCheck.checked(report, from: address)
        let outcome = try await store.write { [vault] store in
            var reception = try Reception(store, report, identity, vault)
            return try reception.receive()
        }
        var reply = outcome.reply
        note(outcome.traffic, settled: outcome.settled)
        if let change = outcome.change {
            logger.info(
                "scheduler \(change)",
                metadata: [
                    "scheduler": "\(reply.id)", "host": "\(report.facts.hostName)",
                    "address": "\(report.facts.address)",
                    "cluster": "\(outcome.cluster)",
                ])
        }
        guard reply.refusal == nil, !report.isLeaving else { return reply }
        let (news, removed) = try await store.read { store in
            (
                try ClusterNews.load(outcome.cluster, store),
                try store.removedInstances.hosts(ofCluster: outcome.cluster)
            )
        }
        if news.tag != report.known { reply.news = news }
        reply.removedHosts = removed
        return reply
    }

    // MARK: Traffic

    private func note(_ sightings: [Sighting], settled: Set<String>) {
        guard !sightings.isEmpty || !settled.isEmpty else { return }
        traffic.withLock { traffic in
            for run in settled { traffic[run] = nil }
            for sighting in sightings { traffic[sighting.run] = sighting }
        }
    }

    /// Writes what hosts have done since the last time.
    package func writeTraffic() async throws {
        let sightings = traffic.withLock { traffic in
            defer { traffic = [:] }
            return traffic.values.sorted { $0.run < $1.run }
        }
        for start in stride(from: 0, to: sightings.count, by: 200) {
            let part = sightings[start..<min(start + 200, sightings.count)]
            try await store.write { store in
                for sighting in part { try store.setTraffic(sighting) }
            }
        }
    }

    // MARK: Changes by hand

    /// Changes a scheduler's row. One that is moved to another cluster tells of its hosts there.
    package func updateScheduler(_ id: Int64, _ changes: [Scheduler.Column: SQLValue]) async throws -> Scheduler {
        try await store.write { store in
            let before = try store.schedulers.find(id)
            let after = try store.schedulers.update(id, set: changes)
            guard after.schedulerClusterID != before.schedulerClusterID, after.state == .active else { return after }
            // It is active again, and all that it knows is asked for, with its next report.
            try store.schedulers.deactivate(id)
            return try store.schedulers.find(id)
        }
    }

    /// Removes a scheduler's row. The process behind it may not come back before it is restarted.
    package func removeScheduler(_ id: Int64) async throws {
        try await store.write { store in
            let row = try store.schedulers.find(id)
            if row.state == .active {
                try store.removedInstances.add(
                    .scheduler, run: row.run, hostName: row.hostName, ip: row.ip, cluster: row.schedulerClusterID)
                try store.forgetHosts(of: id)
            }
            try store.schedulers.delete(id)
        }
    }

    /// Removes a seed peer's row; the same holds as for schedulers.
    package func removeSeedPeer(_ id: Int64) async throws {
        try await store.write { store in
            let row = try store.seedPeers.find(id)
            if row.state == .active, let reporter = try store.schedulers.findIfAny(row.sighting.schedulerID) {
                try store.removedInstances.add(
                    .seedPeer, run: row.sighting.run, hostName: row.hostName, ip: row.ip,
                    cluster: reporter.schedulerClusterID)
            }
            try store.seedPeers.delete(id)
        }
    }

    /// Removes a peer's row; the same holds as for schedulers.
    package func removePeer(_ id: Int64) async throws {
        try await store.write { store in
            let row = try store.peers.find(id)
            if row.state == .active {
                try store.removedInstances.add(
                    .peer, run: row.sighting.run, hostName: row.hostName, ip: row.ip, cluster: row.schedulerClusterID)
            }
            try store.peers.delete(id)
        }
    }
}
