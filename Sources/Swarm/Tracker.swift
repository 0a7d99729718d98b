package import MinionCore

/// What happens to a tracker.
package enum TrackerEvent: Sendable {
    /// `ticket` names the report, so that its answer can be told from others'; unique, chosen by the driver.
    case report(PeerReport, from: PeerID, task: TaskID, ticket: UInt64)
    case leave(PeerID, task: TaskID, secret: String)
    /// The time that `nextWake` named has come.
    case timer
}

/// What a tracker does. Signing what it accepts is the driver's part.
package enum TrackerAction: Sendable {
    case reply(ticket: UInt64, TrackerReply)
}

/// Who has what, who may read the source, and who should know whom: the rules of a tracker, without input or output.
///
/// A peer always has one report under way. The answer is held back until there is something to say, so that a lease
/// goes out the moment it is free, to the waiting peer whose uplink is least in debt.
package struct Tracker: Sendable {
    /// They hold from the next event on.
    package var limits: TrackerLimits
    private var tasks: [TaskID: TrackedTask] = [:]
    var random: SeededGenerator
    var actions: [TrackerAction] = []
    /// When to send `.timer`.
    package private(set) var nextWake = Instant.never

    /// How often held reports, leases and silent peers are looked at.
    private static let sweep = Duration.milliseconds(100)

    package init(limits: TrackerLimits = TrackerLimits(), seed: UInt64) {
        self.limits = limits
        random = SeededGenerator(seed: seed)
    }

    package mutating func handle(_ event: TrackerEvent, at now: Instant) -> [TrackerAction] {
        actions.removeAll(keepingCapacity: true)
        switch event {
        case .report(let report, let peer, let task, let ticket):
            receive(report, from: peer, task: task, ticket: ticket, at: now)
        case .leave(let peer, let task, let secret):
            if let known = tasks[task]?.peers[peer], known.introduction.secret == secret {
                remove(peer, from: task, at: now)
            }
        case .timer: break
        }
        // Reports must not put the sweep off, or a busy tracker would never come to it.
        if nextWake <= now {
            sweep(at: now)
            nextWake = now + Self.sweep
        }
        nextWake = tasks.isEmpty ? .never : min(nextWake, now + Self.sweep)
        return actions
    }

    var taskIDs: [TaskID] { Array(tasks.keys) }
    func task(_ id: TaskID) -> TrackedTask? { tasks[id] }

    // MARK: Reports

    private mutating func receive(
        _ report: PeerReport, from peer: PeerID, task id: TaskID, ticket: UInt64, at now: Instant
    ) {
        var reply = TrackerReply()
        // Taking the task out of the table while it is changed keeps its arrays from being copied.
        let isNew = tasks[id] == nil
        var task =
            tasks.removeValue(forKey: id) ?? TrackedTask(id: id, resource: report.introduction?.resource ?? "")
        defer { if !task.peers.isEmpty { tasks[id] = task } }
        if let refusal = admit(report, from: peer, to: &task, isNew: isNew, at: now) {
            switch refusal {
            case .mustIntroduce: reply.mustIntroduce = true
            case .refused(let why): reply.refusal = why
            }
            actions.append(.reply(ticket: ticket, reply))
            return
        }
        release(peer, of: &task)
        note(report, from: peer, in: &task, at: now)
        var mustTell: [PeerID] = []
        if let stat = report.stat { mustTell = note(stat, from: peer, in: &task, at: now) }
        let isLearned = adopt(report, from: peer, in: &task, at: now)
        if task.peers[peer]?.isCurrent == true {
            noteHave(report, from: peer, in: &task)
            noteFetched(report, from: peer, in: &task, reply: &reply, at: now)
        }
        for accused in report.dropped { accuse(accused, by: peer, in: &task) }
        for other in mustTell where other != peer { answer(other, in: &task, at: now) }
        if isLearned {
            for other in task.waiting.uninformed { answerOrHold(other, in: &task, reply: TrackerReply(), at: now) }
        }
        task.hold(
            HeldReport(ticket: ticket, deadline: now + min(limits.longestWait, .inSeconds(report.waitSeconds))),
            of: peer)
        grantLeases(in: &task, at: now, pending: peer, &reply)
        answerOrHold(peer, in: &task, reply: reply, at: now)
    }

    private enum Refusal {
        case mustIntroduce
        case refused(String)
    }

    /// Lets a peer in that introduces itself, and says what is wrong with one that may not report.
    private func admit(
        _ report: PeerReport, from peer: PeerID, to task: inout TrackedTask, isNew: Bool, at now: Instant
    ) -> Refusal? {
        if let secret = task.peers[peer]?.introduction.secret {
            guard secret == report.secret else { return .refused("the peer's secret is wrong") }
            if let introduction = report.introduction { task.introduceAgain(peer, introduction) }
            return nil
        }
        guard let introduction = report.introduction else { return .mustIntroduce }
        guard introduction.secret == report.secret else { return .refused("the peer's secret is wrong") }
        guard !isNew || tasks.count < limits.tasks else { return .refused("the tracker has too many tasks") }
        guard task.peers.count < limits.peersPerTask else { return .refused("the task has too many peers") }
        task.add(
            peer, TrackedPeer(introduction: introduction, at: now), expiry: now + limits.shortestExpiry)
        return nil
    }

    private func note(_ report: PeerReport, from peer: PeerID, in task: inout TrackedTask, at now: Instant) {
        guard var known = task.peers[peer] else { return }
        known.lastSeen = now
        known.uplink = report.uplink
        known.sourceRate = report.sourceRate
        known.wantsLease = report.wantsLease && known.introduction.canFetch
        known.wantsNeighbours = report.wantsNeighbours
        known.stuckReports = report.isStuck ? known.stuckReports + 1 : 0
        if report.bytesFromSource != known.bytesFromSource || !report.fetched.isEmpty {
            for index in task.leases.indices where task.leases[index].holder == peer {
                task.leases[index].expires = now + task.leases[index].patience
            }
            if task.statHolder?.peer == peer { task.statHolder = (peer, now + limits.statPatience) }
        }
        // Who is stuck reads nothing: a lease that it still has here has never reached it.
        if report.isStuck { task.endLeases(of: peer, grantedBefore: now + .seconds(-1)) }
        known.openLeases = task.peers[peer]?.openLeases ?? 0
        known.bytesFromSource = report.bytesFromSource
        known.bytesFromPeers = report.bytesFromPeers
        task.peers[peer] = known
    }

    /// Takes the outcome of a stat and returns the peers that have been waiting for it.
    private func note(
        _ stat: StatOutcome, from peer: PeerID, in task: inout TrackedTask, at now: Instant
    ) -> [PeerID] {
        if task.statHolder?.peer == peer { task.statHolder = nil }
        switch stat {
        case .version(let version):
            guard let layout = version.layout else { return [] }
            // What somebody shares under a name comes before what a source has under it.
            guard !task.isShared || !task.hasCompletePeer else { return [] }
            task.confirmed = now
            // Cut in another way, it is still the same: the first who told of it has chosen.
            if let known = task.version, known.validator == version.validator, known.size == version.size {
                task.confirmVersion(version)
            } else {
                task.setVersion(version, layout: layout)
            }
        case .failed:
            task.peers[peer]?.mayStatFrom = now + .seconds(2)
            // What the source cannot confirm is still better than nothing.
            if task.version != nil { task.confirmed = now }
        }
        return task.waiting.all
    }

    /// Settles whether the peer works on the task's version. True if the task has got its version from this report.
    private func adopt(_ report: PeerReport, from peer: PeerID, in task: inout TrackedTask, at now: Instant) -> Bool {
        var isLearned = false
        if let version = report.version, let layout = version.layout, takes(version, of: report, in: task) {
            // Of a tracker that has lost its memory, or that somebody comes to who has everything.
            task.setVersion(version, layout: layout)
            task.confirmed = version.freshSeconds > 0 ? now : now + .nanoseconds(-1)
            isLearned = true
        }
        guard let version = task.version else { return false }
        task.peers[peer]?.isCurrent = report.version.map { $0.isSameContent(as: version) } ?? false
        return isLearned
    }

    /// Whether a version that a peer works on is to be the task's: there is none yet, or the present one is of a shared
    /// file of which pieces are lost, and somebody comes who shares another.
    private func takes(_ version: TaskVersion, of report: PeerReport, in task: TrackedTask) -> Bool {
        guard let known = task.version else { return true }
        guard task.isShared, version.isShared, !task.free.isEmpty, !known.isSameContent(as: version),
            let bytes = report.have.flatMap(Hex.bytes), let layout = version.layout
        else { return false }
        return PieceSet(capacity: layout.count, bytes: bytes)?.isComplete ?? false
    }

    private func noteHave(_ report: PeerReport, from peer: PeerID, in task: inout TrackedTask) {
        guard let text = report.have, let bytes = Hex.bytes(text), let known = task.peers[peer],
            !known.isSuspect(among: task.peers.count),
            let have = PieceSet(capacity: task.copies.count, bytes: bytes)
        else { return }
        task.setHave(have, of: peer)
    }

    private func noteFetched(
        _ report: PeerReport, from peer: PeerID, in task: inout TrackedTask, reply: inout TrackerReply, at now: Instant
    ) {
        for piece in report.returned { task.settle(piece, by: peer, isDone: false, at: now) }
        for item in report.fetched where task.hashes.indices.contains(item.piece) {
            if let known = task.hashes[item.piece], known != item.hash {
                reply.rejected.append(item.piece)
                task.settle(item.piece, by: peer, isDone: false, at: now)
                continue
            }
            task.publish(item.piece, item.hash, at: now)
            task.addPiece(item.piece, of: peer)
            task.settle(item.piece, by: peer, isDone: true, at: now)
            reply.accepted.append(PieceProof(piece: item.piece, hash: item.hash))
        }
    }

    /// Notes a complaint. When enough peers complain, the accused is introduced to nobody, what it says that it has does
    /// not count, and its leases go to others.
    private func accuse(_ accused: PeerID, by peer: PeerID, in task: inout TrackedTask) {
        guard accused != peer, var known = task.peers[accused], !known.accusers.contains(peer),
            known.accusers.count < 8
        else { return }
        known.accusers.append(peer)
        task.peers[accused] = known
        guard known.isSuspect(among: task.peers.count) else { return }
        task.endClaim(of: accused)
        task.endLeases(of: accused)
        if let have = known.have {
            task.loseHave(of: accused)
            if known.introduction.canUpload { task.uncount(have) }
        }
    }

    // MARK: Answers

    /// Answers a held report with what there is to say, which may be nothing.
    private mutating func answer(_ peer: PeerID, in task: inout TrackedTask, at now: Instant) {
        guard let held = task.endHold(of: peer) else { return }
        var reply = TrackerReply()
        fill(&reply, for: peer, in: &task, at: now)
        actions.append(.reply(ticket: held.ticket, reply))
    }

    private mutating func answerOrHold(
        _ peer: PeerID, in task: inout TrackedTask, reply: TrackerReply, at now: Instant
    ) {
        guard let held = task.peers[peer]?.held else { return }
        var reply = reply
        fill(&reply, for: peer, in: &task, at: now)
        let saysSomething =
            reply.mustStat || reply.lease != nil || !reply.accepted.isEmpty || !reply.rejected.isEmpty
            || !reply.neighbours.isEmpty || (reply.version != nil && task.peers[peer]?.isCurrent == false)
        guard saysSomething || held.deadline <= now else { return }
        _ = task.endHold(of: peer)
        actions.append(.reply(ticket: held.ticket, reply))
    }

    /// Puts everything but leases and proofs into a reply.
    mutating func fill(_ reply: inout TrackerReply, for peer: PeerID, in task: inout TrackedTask, at now: Instant) {
        guard let known = task.peers[peer] else { return }
        reply.peerCount = task.peers.count
        reply.nextReportSeconds = (known.isActive ? limits.activeReport : limits.idleReport).inSeconds
        if let version = task.version {
            let isFresh = now <= task.confirmed + .inSeconds(version.freshSeconds)
            if known.isCurrent || isFresh || !known.introduction.canFetch {
                reply.version = version
                // A cache keeps it for as long as nobody needs to ask, which is what is left by now.
                let left = task.confirmed + .inSeconds(version.freshSeconds) - now
                reply.version?.freshSeconds = max(0, left.inSeconds)
                reply.neighbours = introduce(to: peer, in: &task)
                return
            }
        }
        guard known.introduction.canFetch, now >= known.mayStatFrom, task.statHolder.map({ $0.expires <= now }) ?? true
        else { return }
        task.statHolder = (peer, now + limits.statPatience)
        reply.mustStat = true
    }

    /// A newer report makes the one that is held pointless.
    private mutating func release(_ peer: PeerID, of task: inout TrackedTask) {
        guard let held = task.endHold(of: peer) else { return }
        var reply = TrackerReply()
        reply.nextReportSeconds = limits.activeReport.inSeconds
        reply.peerCount = task.peers.count
        actions.append(.reply(ticket: held.ticket, reply))
    }

    // MARK: Time

    private mutating func remove(_ peer: PeerID, from id: TaskID, at now: Instant) {
        guard var task = tasks.removeValue(forKey: id) else { return }
        release(peer, of: &task)
        task.remove(peer)
        sweep(&task, at: now)
        if !task.peers.isEmpty { tasks[id] = task }
    }

    /// Looks at all tasks in which something may be due.
    private mutating func sweep(at now: Instant) {
        for id in taskIDs where tasks[id]?.isQuiet(at: now) == false {
            guard var task = tasks.removeValue(forKey: id) else { continue }
            sweep(&task, at: now)
            if !task.peers.isEmpty { tasks[id] = task }
        }
    }

    /// Forgets who is silent, takes back leases without progress, and answers what has been held long enough.
    private mutating func sweep(_ task: inout TrackedTask, at now: Instant) {
        task.removeExpired(at: now, lookAgainAfter: limits.shortestExpiry) { [limits] peer in
            peer.lastSeen + (peer.isActive ? limits.activePeerExpiry : limits.peerExpiry)
        }
        for index in task.leases.indices.reversed() where task.leases[index].expires < now { task.endLease(at: index) }
        if let holder = task.statHolder, holder.expires < now { task.statHolder = nil }
        var none = TrackerReply()
        grantLeases(in: &task, at: now, pending: nil, &none)
        for peer in task.popDue(at: now) { answer(peer, in: &task, at: now) }
        // Somebody has to ask the source; whoever waits for the version will do.
        guard task.statHolder == nil else { return }
        for peer in task.waiting.uninformed {
            answerOrHold(peer, in: &task, reply: TrackerReply(), at: now)
            if task.statHolder != nil { break }
        }
    }
}
