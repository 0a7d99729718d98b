import Fleet
import HTTPFront
import Logging
import MinionCore
import Swarm
import Synchronization
import Wire

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a manager is told, and what it says.
extension HostDriver {
    /// A report, and what of it the manager knows once it has answered.
    struct Outgoing {
        var report: SchedulerReport
        fileprivate var upTo: UInt64
        fileprivate var ended: [String]
    }

    /// Tells where the scheduler listens, without which no manager can be told of it.
    func listening(on endpoints: ListeningEndpoints, version: String) {
        guard let (scheme, endpoint) = endpoints.first else { return }
        let isAnywhere = endpoint.host.isEmpty || endpoint.host == "0.0.0.0" || endpoint.host == "::"
        var facts = SchedulerFacts(
            hostName: configuration.hostName,
            address: configuration.advertisedHost ?? (isAnywhere ? configuration.ownAddress : endpoint.host),
            port: configuration.advertisedPort ?? endpoint.port, version: version, incarnation: incarnation)
        facts.isSecure = scheme == "https"
        facts.site = configuration.site
        facts.location = configuration.location
        state.withLock { $0.facts = facts }
    }

    /// Whether something has happened that the manager is to know before the next regular report.
    var isUrgent: Bool { state.withLock { $0.isUrgent } }

    /// What the manager is to know. Nil before the scheduler listens.
    func makeReport() -> Outgoing? {
        let now = now
        return state.withLock { state in
            guard let facts = state.facts else { return nil }
            // It may have held this scheduler for dead, and its hosts with it.
            if now > state.answered + configuration.keepAlive * 5 / 2 { state.told = nil }
            state.isUrgent = false
            var report = SchedulerReport(facts: facts)
            report.keepAliveSeconds = configuration.keepAlive.inSeconds
            report.known = state.news?.tag ?? ""
            let (hosts, upTo) = state.table.states(since: state.told)
            report.hosts = hosts
            report.hasAllHosts = state.told == nil
            report.jobs = state.runs.values.map(\.report) + state.ended.values
            let isIdle = state.isStopped || state.refusal != nil || state.news == nil
            report.wantsJobs = isIdle ? 0 : max(0, configuration.jobs - state.runs.count)
            report.isLeaving = state.isStopped
            return Outgoing(report: report, upTo: upTo, ended: Array(state.ended.keys))
        }
    }

    /// No manager has answered: the next report says everything again.
    func noteFailure() {
        state.withLock { state in
            state.told = nil
            state.table.forgetDeparted(upTo: .max)
        }
    }

    /// Does what a manager says.
    func receive(_ reply: SchedulerReply, to outgoing: Outgoing) {
        let starts = reply.refusal == nil ? reply.jobs.map { ($0, find($0.work)) } : []
        var wasRefused = false
        perform { state, now, effects in
            state.answered = now
            state.told = outgoing.upTo
            state.id = reply.id
            state.table.forgetDeparted(upTo: outgoing.upTo)
            for id in outgoing.ended { state.ended[id] = nil }
            if let refusal = reply.refusal {
                wasRefused = state.refusal == nil
                state.refusal = refusal
                state.told = nil
                state.cancelRuns(Array(state.runs.keys), at: now, &effects)
                state.ended = [:]
                return state.apply(state.table.answerAll(), at: now, &effects)
            }
            if state.refusal != nil {
                state.refusal = nil
                state.told = nil
            }
            if reply.wantsAllHosts { state.told = nil }
            if let news = reply.news { take(news, &state, at: now, &effects) }
            state.apply(state.table.remove(reply.removedHosts.compactMap { PeerID(hex: $0) }), at: now, &effects)
            state.cancelRuns(reply.withdrawn, at: now, &effects)
            for (part, found) in starts where state.runs[part.id] == nil && state.ended[part.id] == nil {
                begin(part, found, &state, at: now)
                effects.log.append((.info, "job begins", ["part": "\(part.id)", "attempt": "\(part.attempts + 1)"]))
            }
            state.tendRuns(at: now, &effects)
        }
        // Who waits is to look for another scheduler.
        if wasRefused { tracker.answerAll() }
    }

    private func take(_ news: SchedulerNews, _ state: inout State, at now: Instant, _ effects: inout Effects) {
        if state.news == nil {
            effects.log.append(
                (.info, "cluster joined", ["cluster": "\(news.rules.clusterName)", "id": "\(news.rules.clusterID)"]))
        }
        state.news = news
        state.gate = JoinGate(news.joinTokens)
        tracker.changeLimits { limits in
            limits.neighboursPerReply = max(1, news.rules.candidateParentLimit)
            limits.peersLookedAt = max(1, news.rules.filterParentLimit)
        }
        let ownURL = state.facts?.url ?? ""
        state.apply(state.table.setNews(news, ownURL: ownURL, at: now), at: now, &effects)
    }

    // MARK: Jobs

    private func begin(_ part: JobPart, _ found: [Found], _ state: inout State, at now: Instant) {
        switch part.work {
        case .preheat(let work):
            let cluster = state.news?.rules.clusterID ?? 0
            state.runs[part.id] = JobRun(
                preheating: work, part: part, place: "cluster \(cluster) scheduler \(state.facts?.address ?? "")",
                settled: .zero + configuration.settling, limits: configuration.run, at: now
            ) { Self.task($0, of: work) }
        case .deleteTask(let task):
            state.runs[part.id] = JobRun(
                deleting: task, part: part, on: found.map(\.host), limits: configuration.run, at: now)
        case .findTask:
            var report = JobPartReport(id: part.id, state: .succeeded)
            report.holders = found.map(\.holder)
            state.ended[part.id] = report
            state.isUrgent = true
        }
    }

    /// The id of the task that a host makes of a URL of a preheat.
    private static func task(_ url: String, of work: PreheatWork) -> String {
        TaskID(
            of: TaskIdentity(
                url: url, ignoring: Set(work.ignoredParameters), tag: work.tag, application: work.application,
                headers: work.headers.map { ($0.key, $0.value) })
        ).hex
    }

    /// A host that has a task.
    struct Found {
        var host: JobHost
        var holder: JobPartReport.Holder
    }

    /// The hosts of a task that some work is about, one entry each.
    private func find(_ work: JobPart.Work) -> [Found] {
        let name: String
        switch work {
        case .preheat: return []
        case .findTask(let task), .deleteTask(let task): name = task
        }
        guard let task = TaskID(hex: name) else { return [] }
        let time = Self.wallTime
        let hosts = state.withLock { $0.table.byEndpoint }
        var found: [PeerID: Found] = [:]
        for peer in tracker.peers(of: task) {
            guard let host = hosts[peer.endpoint], peer.pieces > 0 || peer.complete else { continue }
            found[host.id] = Found(
                host: host,
                holder: JobPartReport.Holder(
                    id: peer.id.hex, hostName: host.name, address: host.address, isSeed: host.isSeed,
                    isFinished: peer.complete, since: time - peer.ageSeconds, updated: time))
        }
        return found.values.sorted { $0.host < $1.host }
    }

    /// In seconds since 1970.
    static var wallTime: Double { Date().timeIntervalSince1970 }
}

extension HostDriver.State {
    mutating func cancelRuns(_ ids: [String], at now: Instant, _ effects: inout HostDriver.Effects) {
        for id in ids {
            let orders = runs[id]?.cancel() ?? []
            // Nobody wants to know what came of it.
            let actions = carryOut(orders, of: id, at: now)
            runs[id] = nil
            ended[id] = nil
            apply(actions, at: now, &effects)
        }
    }
}

extension SchedulerFacts {
    /// The base URL by which hosts know the scheduler.
    package var url: String { "\(isSecure ? "https" : "http")://\(Endpoint(host: address, port: port))" }
}
