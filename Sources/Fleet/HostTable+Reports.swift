package import MinionCore

/// What hosts report, and what they are answered.
extension HostTable {
    /// A report that has come. One of somebody else's with the same id is refused.
    package mutating func receive(
        _ report: HostReport, from id: PeerID, ticket: UInt64, at now: Instant
    ) -> [Action] {
        perform { table in
            if let refusal = table.admit(report, id, at: now) {
                table.actions.append(.reply(ticket: ticket, refusal))
                return
            }
            table.release(id)
            table.note(report, from: id, at: now)
            let deadline = now + table.wait(for: report, of: id)
            table.hosts[id]?.held = (ticket, deadline)
            table.settle(id, at: now)
        }
    }

    /// The answer for somebody who is not let in.
    mutating func admit(_ report: HostReport, _ id: PeerID, at now: Instant) -> HostReply? {
        var reply = HostReply()
        reply.nextReportSeconds = limits.peerInterval.inSeconds
        guard !isRemoved.contains(id) else {
            reply.refusal = "an operator has removed this host from its cluster; start its node again to come back"
            return reply
        }
        if let secret = hosts[id]?.secret {
            guard secret != report.secret else { return nil }
            reply.refusal = "the host's secret is wrong"
            return reply
        }
        guard let facts = report.facts else {
            reply.mustIntroduce = true
            reply.nextReportSeconds = 0
            return reply
        }
        guard hosts.count < limits.hosts else {
            reply.refusal = "the scheduler has \(limits.hosts) hosts already"
            return reply
        }
        replaceLost(facts)
        var host = Host(facts: facts, secret: report.secret)
        host.isOwn = isOwn(id)
        host.countersTold = now
        hosts[id] = host
        departed[id] = nil
        noteChange(of: id)
        lastMove = changes
        actions.append(.joined(JobHost(id: id, facts: facts)))
        return nil
    }

    /// A node that has been started again comes back under a new id, often before its former self is given up.
    mutating func replaceLost(_ facts: HostFacts) {
        let lost = hosts.filter { _, host in
            host.facts.hostName == facts.hostName && host.facts.endpoint.host == facts.endpoint.host
                && host.isLost
        }
        for id in lost.keys.sorted() { depart(id) }
    }

    mutating func note(_ report: HostReport, from id: PeerID, at now: Instant) {
        guard var host = hosts.removeValue(forKey: id) else { return }
        var isChanged = false
        if let facts = report.facts, facts != host.facts {
            host.facts = facts
            isChanged = true
        }
        if report.counters != host.counters {
            host.counters = report.counters
            host.hasNewCounters = true
        }
        if host.hasNewCounters, now >= host.countersTold + limits.countersInterval {
            host.hasNewCounters = false
            host.countersTold = now
            isChanged = true
        }
        host.known = report.known
        host.isHolding = report.waitSeconds > 0
        host.isLost = false
        host.reported = Set(report.progress.map(\.id))
        for progress in report.progress {
            guard let index = host.orders.firstIndex(where: { $0.id == progress.id }) else { continue }
            if progress.state != .running { host.orders.remove(at: index) }
            actions.append(.progress(progress, from: id))
        }
        host.expires = now + interval(of: host) * limits.missedReports
        hosts[id] = host
        if isChanged { noteChange(of: id) }
    }

    func interval(of host: Host) -> Duration {
        host.facts.isSeed ? limits.seedInterval : limits.peerInterval
    }

    func wait(for report: HostReport, of id: PeerID) -> Duration {
        guard let host = hosts[id] else { return .zero }
        let isBusy = !host.orders.isEmpty || host.known != tag(for: host)
        return min(.inSeconds(report.waitSeconds), isBusy ? limits.busyInterval : interval(of: host))
    }

    // MARK: Answers

    /// Answers a host's held report if there is something to say.
    mutating func settle(_ id: PeerID, at now: Instant) {
        guard let host = hosts[id] else { return }
        if let held = host.held, held.deadline <= now || hasSomethingToSay(to: host) { answer(id) }
        guard let host = hosts[id] else { return }
        let next = min(host.held?.deadline ?? .never, host.expires)
        due[id] = next
        nextWake = min(nextWake, max(next, now + Self.sweep))
    }

    /// What a host has been told before and does not take up is no reason to answer it at once again and again.
    func hasSomethingToSay(to host: Host) -> Bool {
        let tag = tag(for: host)
        if let tag, host.known != tag, host.offeredTag != tag { return true }
        if host.orders.contains(where: { !host.reported.contains($0.id) && !host.offered.contains($0.id) }) {
            return true
        }
        return host.reported.contains { id in
            !host.disowned.contains(id) && !host.orders.contains { $0.id == id }
        }
    }

    mutating func answer(_ id: PeerID) {
        guard var host = hosts.removeValue(forKey: id), let held = host.held else { return }
        var reply = HostReply()
        reply.orders = host.orders
        reply.nextReportSeconds = (host.orders.isEmpty ? interval(of: host) : limits.busyInterval).inSeconds
        if let tag = tag(for: host), host.known != tag, let news { reply.news = hostNews(news, tag, for: host) }
        let orders = Set(host.orders.map(\.id))
        host.offeredTag = tag(for: host)
        host.offered = orders
        host.disowned = host.reported.subtracting(orders)
        host.held = nil
        hosts[id] = host
        actions.append(.reply(ticket: held.ticket, reply))
    }

    /// A newer report makes the one that is held pointless.
    mutating func release(_ id: PeerID) {
        guard let held = hosts[id]?.held else { return }
        hosts[id]?.held = nil
        var reply = HostReply()
        reply.nextReportSeconds = limits.busyInterval.inSeconds
        actions.append(.reply(ticket: held.ticket, reply))
    }

    func tag(for host: Host) -> String? {
        news.map { $0.tag + (host.facts.isSeed ? "-seed" : "-peer") }
    }

    func hostNews(_ news: SchedulerNews, _ tag: String, for host: Host) -> HostNews {
        HostNews(
            tag: tag, clusterName: news.rules.clusterName,
            rules: host.facts.isSeed ? news.rules.seeds : news.rules.peers, applications: news.rules.applications,
            schedulers: news.schedulers)
    }
}
