import MinionCore
import Swarm

/// The invariants. What an event has touched is checked at once, everything now and then.
extension Simulation {
    /// More events than this are never waiting: a few for each host, for each of its transfers and streams.
    private var eventLimit: Int { 1000 + hosts.count * 2000 }

    func violate(_ what: String) {
        guard violations.count < 10 else { return }
        violations.append(what)
    }

    // MARK: After an event

    /// Limits of one host.
    func check(_ host: SimulatedHost) {
        let configuration = host.download.configuration
        // A piece may be asked of two at a time when the first is slow.
        if host.requests.count > 2 * configuration.piecesInFlight {
            violate("host \(host.index) has \(host.requests.count) requests under way")
        } else if host.requests.count > configuration.piecesInFlight,
            Set(host.requests.map { requests[$0].piece }).count > configuration.piecesInFlight
        {
            violate("host \(host.index) asks for more than \(configuration.piecesInFlight) pieces at a time")
        }
        if host.subscriptions.count > configuration.neighbourLimit {
            violate("host \(host.index) has \(host.subscriptions.count) neighbours")
        }
        let reads = host.fetches.count { !fetches[$0].isStat && !fetches[$0].isEnding }
        if reads > configuration.sourceReads {
            violate("host \(host.index) has \(reads) reads of the source under way")
        }
        if host.download.requestCount != host.requests.count {
            violate(
                "host \(host.index) believes to have \(host.download.requestCount) requests under way, "
                    + "but has \(host.requests.count)")
        }
        if host.download.neighbourCount != host.subscriptions.count {
            violate(
                "host \(host.index) believes to have \(host.download.neighbourCount) neighbours, "
                    + "but has \(host.subscriptions.count)")
        }
    }

    /// One piece that something has just happened to.
    func checkPiece(_ piece: PieceIndex, of host: SimulatedHost) {
        guard host.isRunning, host.isOpen else { return }
        if host.download.have.contains(piece), !host.stored.contains(piece) {
            violate("host \(host.index) counts piece \(piece) as its own, which it has not verified")
        }
    }

    func checkCompletion(_ host: SimulatedHost) {
        if !host.isOpen || !host.stored.isComplete || host.stored.count != layout(of: host.version).count {
            violate("host \(host.index) says that it is complete with \(host.stored.count) pieces")
        }
    }

    /// A download may fail only for a reason.
    func checkFailure(_ failure: DownloadFailure, of host: SimulatedHost) {
        guard isChecked else { return }
        let isExplained: Bool
        switch failure {
        case .source: isExplained = hasSourceFailed || versions.count > 1 || scenario.source.isEverSlow
        case .noPeers: isExplained = !canExpectHelp(host)
        case .trackerUnreachable: isExplained = !scenario.tracker.faults.isEmpty
        case .refused: isExplained = false
        case .incomplete: isExplained = host.plan.holds.map { $0.lacks > 0 } ?? false
        case .outdated: isExplained = versions.count > 1
        }
        if !isExplained { violate("host \(host.index) fails without a reason: \(failure)") }
    }

    // MARK: The tracker

    func check(_ reply: TrackerReply, to peer: PeerID) {
        if let version = reply.version {
            guard let number = versions.firstIndex(where: { $0.isSameContent(as: version) }) else {
                return violate("the tracker names a version that the source never had")
            }
            if ledger?.validator != version.validator {
                ledger = LeaseLedger(
                    validator: version.validator, pieces: layout(of: number).count,
                    silence: scenario.tracker.limits.activePeerExpiry)
            }
        }
        if let lease = reply.lease {
            if reply.version == nil { violate("the tracker grants a lease without naming the version") }
            if let conflict = ledger?.grant(lease, to: peer, at: now) {
                violate(
                    "the tracker leases piece \(conflict.piece) to \(name(of: peer)), while \(name(of: conflict.holder)) "
                        + "holds it")
            }
        }
        if reply.neighbours.count > scenario.tracker.limits.neighboursPerReply {
            violate("the tracker names \(reply.neighbours.count) neighbours at once")
        }
        if reply.neighbours.contains(where: { $0.id == peer }) {
            violate("the tracker introduces \(name(of: peer)) to itself")
        }
    }

    private func name(of peer: PeerID) -> String { host(of: peer).map { "host \($0.index)" } ?? "peer \(peer)" }

    func checkStrayReply(_ ticket: UInt64) {
        if forgotten.remove(ticket) == nil { violate("the tracker answers a report twice, or one that was never made") }
    }

    // MARK: Everything

    func checkEverything() {
        for host in hosts where host.isRunning {
            if host.isOpen, host.download.have.capacity == host.stored.capacity {
                if host.download.have.hasPiece(missingFrom: host.stored) {
                    violate("host \(host.index) counts pieces as its own that it has not verified")
                }
                if host.offered.hasPiece(missingFrom: host.stored.intersection(host.proven)) {
                    violate("host \(host.index) offers pieces that it has not got or cannot prove")
                }
            }
            let limits = scenario.uploadLimits
            if host.uploads.active.count > limits.slots || host.uploads.waitingCount > limits.waiting {
                violate("host \(host.index) exceeds its upload slots or its queue")
            }
            let lanes = host.subscribers.reduce(0) { $0 + subscriptions[Int($1.subscription)].lane.count }
            if host.uploads.active.count + host.uploads.waitingCount > lanes {
                violate("host \(host.index) keeps upload slots for requests that are gone")
            }
            if host.subscribers.count > subscriberLimit(of: host) {
                violate("host \(host.index) has too many subscribers")
            }
        }
        let longest = scenario.tracker.limits.longestWait.inSeconds
        for holder in tickets.values where trackerState == .up {
            let waited = Double(now - holder.since) / 1e9
            if waited > min(holder.wait, longest) + 1 {
                violate("the tracker has not answered host \(holder.host) for \(waited) s")
                break
            }
        }
        // Between a change and the computation of the rates that follow from it, no time passes.
        if network.isSettled, network.largestExcess() > 1e-6 { violate("a link carries more than it can") }
        if queue.count > eventLimit { violate("\(queue.count) events are waiting") }
    }

    // MARK: Liveness

    /// At the end: whoever could finish has finished. Whether a failure had a reason has been looked at when it happened.
    func checkLiveness() {
        for host in hosts where host.completedAt == nil && host.isRunning && canExpectHelp(host) {
            violate("host \(host.index) has not finished after \(Duration.nanoseconds(now).brief)")
        }
    }

    /// Whether a host can reach the source, or somebody good who is complete.
    private func canExpectHelp(_ host: SimulatedHost) -> Bool {
        if host.plan.canFetch, sourceFailure == nil, network.capacity(of: sourceLink) > 0 { return true }
        return trackerState == .up
            && hosts.contains { other in
                other !== host && other.isRunning && other.completedAt != nil && other.isGood
                    && other.version == host.version
            }
    }

    /// What a host has and waits for, for people who look for the reason of a failure.
    package func describe(_ index: Int) -> String {
        let host = hosts[index]
        let download = host.download
        var text = "host \(index): \(host.state), \(download.phase), version \(host.version), "
        text += "has \(download.have.count) of \(download.have.capacity) pieces (offers \(host.offered.count)), "
        text += "\(host.requests.count) requests, \(host.fetches.count) reads, "
        text += "\(download.connectedNeighbours) of \(download.neighbourCount) neighbours connected"
        let missing = download.have.inverted.prefix(8).map(String.init).joined(separator: " ")
        if !missing.isEmpty { text += ", lacks \(missing)…" }
        if download.isTrackerLost { text += ", tracker lost" }
        if host.isStalled { text += ", uplink stalled" }
        if host.plan.lies { text += ", lies" }
        if host.plan.corrupts { text += ", sends damaged data" }
        if !host.plan.canFetch { text += ", may not read the source" }
        if !host.plan.canUpload { text += ", does not upload" }
        let wake = download.nextWake == .never ? "never" : Duration.nanoseconds(download.nextWake.nanoseconds).brief
        return text + ", wakes at \(wake)"
    }

    /// The run's end for people: what did not hold, what each unfinished host waits for, and the last events.
    package func explanation(lines: Int = 60) -> String {
        var text = violations.map { "violated: \($0)" }
        text.append("at \(Duration.nanoseconds(now).brief):")
        let unfinished = hosts.filter { $0.completedAt == nil }
        text += (unfinished.isEmpty ? hosts : unfinished).prefix(40).map { describe(Int($0.index)) }
        if let summary = tracker.summary(of: taskID) {
            text.append(
                "tracker: \(trackerState), \(summary.peers) peers, \(summary.completePeers) complete, "
                    + "\(summary.openLeases) leases open")
        }
        text.append("the last events:")
        text += trace.lines(last: lines)
        return text.joined(separator: "\n")
    }
}

extension SimulatedHost {
    /// Whether others can get what it has.
    var isGood: Bool { plan.canUpload && !plan.lies && !plan.corrupts && !isStalled }
}

extension SourcePlan {
    /// Whether its connections hang at some time.
    var isEverSlow: Bool { faults.contains { $0.what == .slows(0) } }
}

extension PieceSet {
    func intersection(_ other: PieceSet) -> PieceSet {
        var result = self
        result.formIntersection(other)
        return result
    }
}
