import MinionCore

/// When the source is asked, and what its answers mean.
extension Download {
    /// Stats tried before somebody else may try, or the download fails.
    private static let statAttempts = 3
    /// The same when the source asks to come back later.
    private static let busyAttempts = 6
    /// Reads that failed in a row before the download gives up, if there is nobody else to turn to.
    private static let readAttempts = 5
    /// How much of the source a download reads at a time that has no tracker to share with, as a time.
    private static let aloneSpan = Duration.milliseconds(500)

    // MARK: Stat

    /// Finds the version: by the tracker, or by asking the source when there is no tracker.
    mutating func begin(at now: Instant) {
        guard !configuration.servesOnly else { return fail(.incomplete) }
        if let retry = statRetry {
            guard now >= retry else { return }
            statRetry = nil
            isStatting = true
            actions.append(.statSource)
            return
        }
        guard !isStatting else { return }
        if !configuration.mayUseSource {
            // The last that was heard of others must not be much older than that.
            let isAlone = isLonely && now - started > configuration.lonePatience
            if isAlone || now - started > configuration.patience {
                fail(isTrackerLost ? .trackerUnreachable : .noPeers)
            }
        } else if isTrackerGone(at: now), now >= sourceFrom {
            isStatting = true
            actions.append(.statSource)
        } else if let failure = lastSourceFailure, now - started > configuration.patience {
            fail(.source(failure))
        }
    }

    mutating func sourceStatted(_ outcome: StatOutcome, at now: Instant) {
        isStatting = false
        switch outcome {
        case .version(let version):
            sourceFailures = 0
            if configuration.hasTracker {
                statOutcome = outcome
                isReportUrgent = true
            }
            if phase != .complete { adopt(version, at: now) }
        case .failed(let failure):
            lastSourceFailure = failure
            sourceFailures += 1
            sourceFrom = now + pause(after: failure)
            let attempts = failure.kind == .busy ? Self.busyAttempts : Self.statAttempts
            if phase == .starting, isFinal(failure) { return fail(.source(failure)) }
            if phase == .starting, sourceFailures < attempts {
                statRetry = sourceFrom
                return
            }
            let isAlone = !configuration.hasTracker || isTrackerGone(at: now) || peerCount <= 1
            if phase == .starting, isAlone { return fail(.source(failure)) }
            if configuration.hasTracker {
                statOutcome = outcome
                isReportUrgent = true
            }
        }
    }

    /// Whether another try cannot help.
    private func isFinal(_ failure: SourceFailure) -> Bool {
        switch failure.kind {
        case .refused, .malformed: true
        case .nameResolution, .connection, .interrupted, .busy, .changed: false
        }
    }

    private mutating func pause(after failure: SourceFailure) -> Duration {
        let backOff = min(0.1 * Double(1 << min(sourceFailures, 6)), 5) * Double.random(in: 0.75...1.25, using: &random)
        return .inSeconds(min(max(failure.retryAfterSeconds ?? 0, backOff), 30))
    }

    // MARK: Reads

    /// Whether this download could use (another) lease.
    var needsLease: Bool {
        guard phase == .running, canRead else { return false }
        return have.union(asked).union(reading).count < have.capacity
    }

    private var canRead: Bool {
        configuration.mayUseSource && !isSourceClosed && !isStatting && !isShared
            && reads.count + leasesAhead.count < readLimit
    }

    private var readLimit: Int { version?.hasRanges == true ? sourceReads : 1 }

    mutating func take(_ lease: Lease, at now: Instant) {
        guard phase == .running, let run = lease.pieces(of: have.capacity) else { return }
        isAbandoned = false
        guard configuration.mayUseSource, !isSourceClosed, !reads.contains(where: { $0.run.overlaps(run) }),
            !leasesAhead.contains(where: { $0.overlaps(run) })
        else {
            returned.append(contentsOf: run)
            return
        }
        guard reads.count < readLimit else {
            // Asked for by a report that was on its way when another brought one.
            leasesAhead.append(run)
            for piece in run where !have.contains(piece) { reading.insert(piece) }
            return
        }
        read(run, isLeased: true, at: now)
    }

    /// Starts on leases that have had to wait; gives them back if the source is not to be read now.
    private mutating func readAhead(at now: Instant) {
        while let run = leasesAhead.first, reads.count < readLimit {
            leasesAhead.removeFirst()
            for piece in run where !reads.contains(where: { $0.pieces.contains(piece) }) { reading.remove(piece) }
            if isSourceClosed || now < sourceFrom {
                returned.append(contentsOf: run)
            } else {
                read(run, isLeased: true, at: now)
            }
        }
    }

    private mutating func read(_ run: Range<PieceIndex>, isLeased: Bool, at now: Instant) {
        var pieces = PieceSet(capacity: have.capacity)
        pieces.insert(run)
        pieces.subtract(have)
        guard let first = pieces.first(), let end = pieces.runs.last?.upperBound else {
            if isLeased { returned.append(contentsOf: run) }
            return
        }
        if reads.isEmpty { sourceRate.resume(at: now) }
        let trimmed = first..<end
        reads.append(SourceRead(pieces: pieces, run: trimmed, isLeased: isLeased, lastProgress: now))
        reading.formUnion(pieces)
        actions.append(.fetchSource(trimmed))
    }

    mutating func sourceProgressed(_ bytes: Int64, at now: Instant) {
        sourceBytesUnderWay += bytes
        sourceRate.add(bytes, at: now)
    }

    mutating func sourceBrought(_ piece: PieceIndex, _ hash: PieceHash, at now: Instant) {
        guard phase == .running, let layout, piece >= 0, piece < layout.count else { return }
        sourceBytesUnderWay = max(0, sourceBytesUnderWay - layout.length(of: piece))
        sourceFailures = 0
        var isLeased = false
        for index in reads.indices where reads[index].pieces.remove(piece) {
            reads[index].lastProgress = now
            isLeased = reads[index].isLeased
        }
        reading.remove(piece)
        guard have.insert(piece) else {
            // A neighbour was faster; the lease must not stay open for it.
            if isLeased { returned.append(piece) }
            isReportUrgent = configuration.hasTracker
            return
        }
        if isLeased { piecesByLease += 1 } else { piecesWithoutLease += 1 }
        bytesFromSource += layout.length(of: piece)
        lastPiece = now
        cancelRequests(for: piece)
        guard configuration.hasTracker else { return }
        unproven[piece] = (hash, false)
        isReportUrgent = true
    }

    mutating func sourceEnded(_ run: Range<PieceIndex>, _ failure: SourceFailure?, at now: Instant) {
        guard let index = reads.firstIndex(where: { $0.run == run }) else { return }
        let read = reads.remove(at: index)
        if reads.isEmpty { sourceBytesUnderWay = 0 }
        reading.subtract(read.pieces)
        if read.isLeased { returned.append(contentsOf: read.pieces) }
        isReportUrgent = configuration.hasTracker
        defer { readAhead(at: now) }
        guard let failure else { return }
        lastSourceFailure = failure
        sourceFailures += 1
        sourceFrom = now + pause(after: failure)
        switch failure.kind {
        case .changed:
            guard !isStatting else { return }
            isStatting = true
            actions.append(.statSource)
        case .refused:
            isSourceClosed = true
        case .nameResolution, .connection, .interrupted, .busy, .malformed:
            break
        }
    }

    /// Reads the source without a lease when the tracker is gone or does not help: what no neighbour has, from a place of its own, so that
    /// hosts which do this at the same time do not all read the same.
    mutating func readSourceAlone(at now: Instant) {
        guard canRead, isAbandoned || isTrackerGone(at: now), now >= sourceFrom, let layout, let version else { return }
        let wanted = have.union(asked).union(reading).inverted
        let isAlone = !neighbours.values.contains { $0.have.map { !$0.isEmpty } ?? false }
        let start: PieceIndex?
        if isAlone {
            start = wanted.first()
        } else {
            let from = Int.random(in: 0..<max(1, wanted.capacity), using: &random)
            // What neighbours offer has come from nobody if this download is abandoned.
            let (isAbandoned, copies) = (isAbandoned, rarity.copies)
            let isUseful = { (piece: PieceIndex) in isAbandoned || copies[piece] == 0 }
            start = wanted.first { $0 >= from && isUseful($0) } ?? wanted.first(where: isUseful)
        }
        guard let start else { return }
        guard version.hasRanges else { return read(start..<layout.count, isLeased: false, at: now) }
        let span = Int(sourceRate.bytesPerSecond * Self.aloneSpan.inSeconds / Double(layout.pieceSize))
        var end = start + 1
        while end < layout.count, end - start < span, wanted.contains(end), isAlone || rarity.copies[end] == 0 {
            end += 1
        }
        read(start..<end, isLeased: false, at: now)
    }

    // MARK: Standstill

    func isStuck(at now: Instant) -> Bool {
        idleSince.map { now - $0 >= .milliseconds(500) } ?? false
    }

    /// Notices when nothing moves any more: says so to the tracker, makes room for better neighbours, and in the end fails
    /// with the best reason that there is.
    mutating func watchForStandstill(at now: Instant) {
        guard phase == .running, !have.isComplete else { return }
        guard requests.isEmpty, reads.isEmpty, !isStatting else {
            idleSince = nil
            return
        }
        let since = idleSince ?? now
        idleSince = since
        if isStuck(at: now), now - lastStuckReport >= .seconds(1), configuration.hasTracker {
            isReportUrgent = true
            dropUselessNeighbours(at: now)
        }
        let mayRead = configuration.mayUseSource && !isShared
        let hasSource = mayRead && !isSourceClosed
        let hasHelp = neighbours.values.contains { $0.have?.hasPiece(missingFrom: have) ?? false }
        let idle = now - since
        if let failure = lastSourceFailure, mayRead, !hasHelp,
            isSourceClosed ? idle > .seconds(3) : sourceFailures >= Self.readAttempts
        {
            fail(.source(failure))
        } else if !hasSource, !hasHelp, isIntroduced, peerCount <= 1, idle > configuration.lonePatience {
            fail(.noPeers)
        } else if idle > configuration.patience, hasSource, sourceFailures == 0 {
            // What is missing is leased to somebody slow, or the tracker does not trust this peer: it helps itself.
            isAbandoned = true
        } else if idle > configuration.patience {
            if let failure = lastSourceFailure, hasSource { return fail(.source(failure)) }
            fail(!hasSource && isTrackerLost ? .trackerUnreachable : .noPeers)
        }
    }
}
