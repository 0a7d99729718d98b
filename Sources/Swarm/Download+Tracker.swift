package import MinionCore

/// What is told to the tracker, and what its answers mean.
extension Download {
    /// Reports follow each other no faster than this, however much happens.
    private static let reportGap = Duration.milliseconds(5)
    /// The same as long as nobody waits for this peer's pieces.
    private static let lonelyReportGap = Duration.milliseconds(100)
    /// Reports that may be unanswered at a time.
    private static let outstandingLimit = 3
    /// The longest list in a report.
    private static let listLimit = 1024
    /// Who shares a file reports at least as often: a tracker that has lost its memory knows nobody else who has it.
    private static let sharedReport = Duration.seconds(5)
    /// When to ask again a tracker that refused to take in what is complete.
    private static let refusedPause = Duration.seconds(30)
    /// How long a tracker may be silent before the download helps itself.
    static let trackerGrace = Duration.seconds(3)

    // MARK: Reports

    mutating func reportIfDue(at now: Instant) {
        guard configuration.hasTracker, now >= reportTime(at: now) else { return }
        sendReport(at: now)
    }

    /// When the next report is due.
    func reportTime(at now: Instant) -> Instant {
        // Who has read the whole body to learn the version tells both at once, or another would be sent to read it again.
        if phase == .opening, statOutcome != nil, version?.hasRanges == false { return .never }
        // Who only serves has nothing to say before it knows what it has.
        if phase == .opening, configuration.servesOnly { return .never }
        if trackerFailures > 0, outstandingReports == 0 { return nextReport }
        if isReportUrgent, outstandingReports < Self.outstandingLimit {
            let isLonely = neighbours.isEmpty && phase == .running && peerCount <= 1 && !needsLease
            return lastReport + (isLonely ? Self.lonelyReportGap : Self.reportGap)
        }
        return outstandingReports == 0 ? nextReport : .never
    }

    private mutating func sendReport(at now: Instant) {
        var report = PeerReport()
        report.secret = configuration.introduction.secret
        if !isIntroduced { report.introduction = configuration.introduction }
        report.version = version
        report.stat = statOutcome
        if version != nil, phase != .opening {
            // The whole set is told when joining, when complete, and now and then.
            if !isIntroduced || phase == .complete || now >= lastHaveReport + .seconds(2) {
                // What somebody comes with has its proofs in a moment, and nobody shall read it from the source meanwhile.
                report.have = Hex.text((configuration.servesOnly ? have : offered).bytes)
                lastHaveReport = now
            }
            let unsent = unproven.filter { !$0.value.isSent }.keys.sorted().prefix(Self.listLimit)
            for piece in unsent {
                guard let hash = unproven[piece]?.hash else { continue }
                report.fetched.append(PieceProof(piece: piece, hash: hash))
                unproven[piece] = (hash, true)
            }
            report.returned = Array(returned.prefix(Self.listLimit))
            returned.removeFirst(report.returned.count)
        }
        report.dropped = Array(dropped.prefix(64))
        dropped.removeFirst(report.dropped.count)
        report.uplink = uplink
        report.sourceRate = sourceRate.bytesPerSecond
        report.bytesFromSource = bytesFromSource + sourceBytesUnderWay
        report.bytesFromPeers = bytesFromPeers
        switch phase {
        case .running:
            report.wantsLease = needsLease && now >= sourceFrom
            report.wantsNeighbours = max(0, configuration.neighbours - neighbours.count)
            report.isStuck = isStuck(at: now)
            if report.isStuck { lastStuckReport = now }
            // A peer with nothing to wait for lets the tracker rest.
            report.waitSeconds = reads.isEmpty ? 2 : 1
        case .starting:
            // One that never answers shows the sooner, the less it is allowed to wait.
            report.waitSeconds = isStatting || !hasMetTracker ? 0 : isLonely ? 1 : 5
            report.wantsNeighbours = configuration.neighbours
        case .opening, .complete, .failed: break
        }
        isReportUrgent = unproven.contains { !$0.value.isSent } || !returned.isEmpty
        outstandingReports += 1
        lastReport = now
        actions.append(.report(report))
    }

    // MARK: Answers

    mutating func trackerReplied(_ reply: TrackerReply, at now: Instant) {
        outstandingReports = max(0, outstandingReports - 1)
        hasMetTracker = true
        trackerFailures = 0
        trackerLostSince = nil
        nextReport = now + .inSeconds(min(max(reply.nextReportSeconds, 0.01), 3600))
        if isShared, configuration.servesOnly { nextReport = min(nextReport, now + Self.sharedReport) }
        if let why = reply.refusal {
            guard phase == .complete else { return fail(.refused(why)) }
            nextReport = max(nextReport, now + Self.refusedPause)
            return
        }
        if reply.mustIntroduce {
            isIntroduced = false
            isReportUrgent = true
            for piece in unproven.keys { unproven[piece]?.isSent = false }
            // A tracker that has forgotten everything may have given leases to others since.
            return
        }
        isIntroduced = true
        peerCount = reply.peerCount
        if reply.mustStat, !isStatting, configuration.mayUseSource, phase == .starting || phase == .running {
            isStatting = true
            actions.append(.statSource)
        }
        if let version = reply.version {
            statOutcome = nil
            if configuration.servesOnly, let own = self.version, !own.isSameContent(as: version) {
                return fail(.outdated)
            }
            // What is complete stays what it is, even if the source has moved on.
            if phase != .complete, !isStatting || self.version == nil { adopt(version, at: now) }
            guard phase != .failed else { return }
        }
        settle(reply)
        guard phase != .failed else { return }
        if let lease = reply.lease { take(lease, at: now) }
        for info in reply.neighbours { connect(info, at: now, isInvited: true) }
        // While it waits for something, a download always has a report with the tracker.
        if phase == .running || phase == .starting {
            nextReport = min(nextReport, now + .milliseconds(isStatting ? 2000 : 20))
        }
    }

    /// Whether there is nobody to have anything from, as far as it is known.
    var isLonely: Bool { !configuration.mayUseSource && isIntroduced && peerCount <= 1 }

    /// Enters what the tracker says of the hashes that it was told.
    private mutating func settle(_ reply: TrackerReply) {
        var offers: [PieceProof] = []
        for proof in reply.accepted where unproven[proof.piece]?.hash == proof.hash && have.contains(proof.piece) {
            unproven[proof.piece] = nil
            offered.insert(proof.piece)
            offers.append(proof)
        }
        if !offers.isEmpty { actions.append(.offer(offers)) }
        for piece in reply.rejected where unproven[piece] != nil {
            unproven[piece] = nil
            if configuration.servesOnly { return fail(.outdated) }
            guard phase == .running, have.remove(piece) else { continue }
            actions.append(.discard(piece))
        }
    }

    mutating func trackerFailed(at now: Instant) {
        outstandingReports = max(0, outstandingReports - 1)
        trackerFailures += 1
        if trackerLostSince == nil { trackerLostSince = now }
        for piece in unproven.keys { unproven[piece]?.isSent = false }
        let backOff =
            min(0.1 * Double(1 << min(trackerFailures, 6)), 5) * Double.random(in: 0.75...1.25, using: &random)
        nextReport = now + .inSeconds(backOff)
        isReportUrgent = false
        if !configuration.mayUseSource, phase == .starting, isTrackerGone(at: now) {
            fail(.trackerUnreachable)
        }
    }

    /// Whether to go on without the tracker, or whether there never was one.
    package func isTrackerGone(at now: Instant) -> Bool {
        guard configuration.hasTracker else { return true }
        guard let lost = trackerLostSince else { return false }
        // One that has never answered is not waited for.
        return hasMetTracker ? now - lost >= Self.trackerGrace : trackerFailures >= 2
    }
}
