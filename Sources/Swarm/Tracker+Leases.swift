import MinionCore

/// Who may read what from the source.
extension Tracker {
    /// What a peer may get a lease for.
    private enum Claim {
        /// Pieces that nobody has and nobody is reading.
        case free
        /// A piece that somebody is reading, much more slowly than others do.
        case overdue(lease: Int, PieceIndex)
        /// A piece that others claim to have; this peer says that they do not give it.
        case contested(PieceIndex)
    }

    /// A lease counts as overdue when it has brought nothing for so many times as long as others take for a piece.
    private static let overdueFactor = 3
    /// The same as long as it is not known how long that is, and at least.
    private static let overdueAfter = (unknown: Duration.seconds(2), least: Duration.milliseconds(500))

    /// Gives what is free to waiting peers. The lease of `pending`, whose report is being answered, goes into `reply`;
    /// others are answered at once.
    mutating func grantLeases(
        in task: inout TrackedTask, at now: Instant, pending: PeerID?, _ reply: inout TrackerReply
    ) {
        while let (peer, claim) = nextHolder(in: task, at: now),
            let lease = grant(claim, to: peer, in: &task, at: now)
        {
            if peer == pending {
                reply.lease = lease
                continue
            }
            guard let held = task.endHold(of: peer) else { continue }
            var answer = TrackerReply()
            answer.lease = lease
            fill(&answer, for: peer, in: &task, at: now)
            actions.append(.reply(ticket: held.ticket, answer))
        }
    }

    /// Who gets the next lease, and for what: of those that wait for one, the peer whose uplink is least in debt.
    private func nextHolder(in task: TrackedTask, at now: Instant) -> (PeerID, Claim)? {
        guard let version = task.version, !task.isShared else { return nil }
        let isOpen = task.leases.count < (version.hasRanges ? openLeases(in: task) : 1)
        var best: (id: PeerID, rank: Double, claim: Claim)?
        func consider(_ queue: PeerQueue<Double>) {
            var found: Claim?
            let next = queue.first { id, _ in
                guard let peer = task.peers[id], peer.openLeases < limits.openLeasesPerPeer,
                    !peer.isSuspect(among: task.peers.count),
                    // How fast it is has to be seen before it gets more than one.
                    peer.openLeases == 0 || peer.sourceRate > 0
                else { return false }
                found = claim(of: id, peer, in: task, isOpen: isOpen, at: now)
                return found != nil
            }
            guard let next, let found, next.rank < best?.rank ?? .infinity else { return }
            best = (next.id, next.rank, found)
        }
        // Most have nothing to hope for most of the time; then nobody is looked at, however many wait.
        if isOpen, !task.free.isEmpty {
            // Seeds come first where nobody's uplink is less in debt, which is so in the beginning. More would do harm:
            // with leases for four seeds before all others, a hundred equal hosts took 1.4 times as long.
            consider(task.waiting.seeds)
            consider(task.waiting.servers)
            if task.servingReaders == 0 { consider(task.waiting.takers) }
        }
        if isOpen && !task.free.isEmpty || hasOverdueLease(task, at: now) {
            consider(task.waiting.stuck)
        } else if isOpen {
            consider(task.waiting.contesters)
        }
        return best.map { ($0.id, $0.claim) }
    }

    /// How long a lease may bring nothing before it is overdue.
    private func overduePatience(in task: TrackedTask) -> Duration {
        task.leaseTime.map { max($0 * Self.overdueFactor, Self.overdueAfter.least) } ?? Self.overdueAfter.unknown
    }

    private func hasOverdueLease(_ task: TrackedTask, at now: Instant) -> Bool {
        let patience = overduePatience(in: task)
        return task.leases.contains { now - $0.lastProgress > patience }
    }

    private func claim(of id: PeerID, _ peer: TrackedPeer, in task: TrackedTask, isOpen: Bool, at now: Instant)
        -> Claim?
    {
        let serves = peer.introduction.canUpload
        // What a peer reads that serves nobody has to be read again for the others.
        if isOpen, serves || task.servingReaders == 0 || peer.stuckReports > 0, !task.free.isEmpty,
            serves || peer.have.map({ task.free.hasPiece(missingFrom: $0) }) ?? true
        {
            return .free
        }
        guard peer.stuckReports > 0, peer.openLeases == 0 else { return nil }
        let have = peer.have ?? PieceSet(capacity: task.copies.count)
        let patience = overduePatience(in: task)
        for (index, lease) in task.leases.enumerated() where lease.holder != id && now - lease.lastProgress > patience {
            if task.version?.hasRanges == true, let piece = lease.pieces.first(where: { !have.contains($0) }) {
                return .overdue(lease: index, piece)
            }
        }
        // Whoever was stuck before the last piece was published may not be any more; it will say so soon enough.
        guard isOpen, peer.stuckReports > 1, peer.lastSeen > task.lastPublished,
            let piece = have.inverted.first(where: { !task.isLeased($0) })
        else { return nil }
        return .contested(piece)
    }

    /// How many leases may be open: about one for each peer, since a source's connection gets only its share of a receiver
    /// that is busy with neighbours. Fewer while there is little to exchange yet and while there is little left: many
    /// pieces read at once all arrive late, and one after the other they travel on sooner.
    private func openLeases(in task: TrackedTask) -> Int {
        let beginning = limits.openLeasesPerPeer + task.published / 2
        let end = limits.openLeasesPerPeer + task.free.count / 2
        return max(limits.openLeasesPerPeer, min(limits.openLeases, task.readers, beginning, end))
    }

    private mutating func grant(_ claim: Claim, to id: PeerID, in task: inout TrackedTask, at now: Instant) -> Lease? {
        guard var peer = task.peers[id], let layout = task.layout, let version = task.version else { return nil }
        let run: Range<PieceIndex>
        var isTakenOver = false
        switch claim {
        case .free:
            let wanted =
                peer.introduction.canUpload
                ? task.free : task.free.subtracting(peer.have ?? PieceSet(capacity: layout.count))
            guard let start = wanted.first() else { return nil }
            // Who has to read from the front in any case reads everything that is free, and no further.
            let end = version.hasRanges ? wanted.firstMissing(from: start) : wanted.runs.last?.upperBound
            run = start..<min(end ?? layout.count, start + runLength(for: peer, in: task, layout: layout))
        case .overdue(let lease, let piece):
            isTakenOver = true
            run = piece..<piece + 1
            task.settle(piece, by: task.leases[lease].holder, isDone: false, at: now)
        case .contested(let piece):
            run = version.hasRanges ? piece..<piece + 1 : piece..<layout.count
        }
        var pieces = PieceSet(capacity: layout.count)
        pieces.insert(run)
        if task.free.contains(run.lowerBound) { pieces.formIntersection(task.free) }
        task.free.subtract(pieces)
        let bytes = layout.bytes(in: pieces)
        let slowest: Double = max(peer.sourceRate, 256 * 1024)
        let patience = limits.leasePatience + Duration.inSeconds(2 * Double(layout.pieceSize) / slowest)
        task.leases.append(
            TrackedLease(holder: id, pieces: pieces, lastProgress: now, expires: now + patience, patience: patience))
        let start = max(peer.virtualFinish, task.virtualTime)
        task.virtualTime = start
        peer.virtualFinish = start + Double(bytes) / uplink(of: peer, in: task)
        peer.openLeases += 1
        peer.wantsLease = false
        peer.stuckReports = 0
        task.peers[id] = peer
        task.endClaim(of: id)
        return Lease(run, seconds: patience.inSeconds, isTakenOver: isTakenOver)
    }

    /// As much as the peer reads in a fraction of a second, so that what one holds never keeps the others waiting; no
    /// more than a fair part of what is left, if there are others.
    private func runLength(for peer: TrackedPeer, in task: TrackedTask, layout: PieceLayout) -> Int {
        guard task.version?.hasRanges == true else { return layout.count }
        let span = Int(peer.sourceRate * limits.leaseSpan.inSeconds / Double(layout.pieceSize))
        let fairPart = task.readers <= 1 ? task.free.count : task.free.count / (4 * task.readers)
        return max(1, min(span, fairPart, 1024))
    }

    /// What the peer's uplink carries; for one that does not know yet, the mean of those that do.
    private func uplink(of peer: TrackedPeer, in task: TrackedTask) -> Double {
        if peer.uplink > 0 { return peer.uplink }
        return task.waiting.meanUplink ?? 1e6
    }
}
