import MinionCore
import Swarm

/// The answer to a stat, on its way.
struct StatAnswer {
    let host: Int32
    let life: UInt32
    let outcome: StatOutcome
}

/// The server that the file comes from.
extension Simulation {
    // MARK: Stat

    func statArrives(_ host: SimulatedHost) {
        counts.stats += 1
        if host.plan.holds != nil { violate("host \(host.index) asks the source and only serves") }
        if let kind = sourceFailure {
            return answerStat(host, .failed(SourceFailure(kind, "the source fails")))
        }
        guard scenario.source.hasLength else {
            // Nobody knows the size before the body has ended.
            let pieces = layout(of: sourceVersion).count
            guard pieces > 0 else { return answerStat(host, .version(versions[sourceVersion])) }
            let key = fetches.insert(
                SimulatedFetch(
                    host: host.index, run: 0..<pieces, version: sourceVersion, isStat: true, nextPiece: 0, lastMove: now
                ))
            host.fetches.append(key)
            startFlow(key)
            return
        }
        answerStat(host, .version(versions[sourceVersion]))
    }

    private func answerStat(_ host: SimulatedHost, _ outcome: StatOutcome) {
        let key = statAnswers.insert(StatAnswer(host: host.index, life: host.life, outcome: outcome))
        queue.push(.statAnswered(key), at: now + sourceDelay(host))
    }

    func statAnswered(_ key: Pool<StatAnswer>.Key) {
        guard let answer = statAnswers.remove(key) else { return }
        let host = hosts[Int(answer.host)]
        guard host.isRunning, host.life == answer.life else { return }
        deliver(.sourceStat(answer.outcome), to: host)
    }

    // MARK: Reads

    func fetch(_ run: Range<PieceIndex>, by host: SimulatedHost) {
        trace.add(.reads, host.index, piece: run.lowerBound, to: run.upperBound, at: now)
        guard host.plan.canFetch else { return violate("host \(host.index) reads the source, which it may not") }
        guard host.plan.holds == nil else { return violate("host \(host.index) reads the source and only serves") }
        guard !scenario.source.isAbsent else { return violate("host \(host.index) reads a file that has no source") }
        guard host.isOpen, !run.isEmpty, run.lowerBound >= 0, run.upperBound <= host.stored.capacity else {
            return violate("host \(host.index) reads pieces \(run), which do not exist")
        }
        let key = fetches.insert(
            SimulatedFetch(
                host: host.index, run: run, version: host.version, isStat: false, nextPiece: run.lowerBound,
                lastMove: now))
        host.fetches.append(key)
        queue.push(.fetchArrives(key), at: now + sourceDelay(host))
        startWatching(host)
    }

    func fetchArrives(_ key: Pool<SimulatedFetch>.Key) {
        guard let fetch = fetches.ifPresent(key), !fetch.isEnding else { return }
        if let kind = sourceFailure { return fail(key, SourceFailure(kind, "the source fails")) }
        guard fetch.version == sourceVersion else {
            return fail(key, SourceFailure(.changed, "the source has changed"))
        }
        startFlow(key)
    }

    private func startFlow(_ key: Pool<SimulatedFetch>.Key) {
        let fetch = fetches[key]
        let layout = layout(of: fetch.version)
        let skipped = scenario.source.hasRanges ? 0 : layout.range(of: fetch.run.lowerBound).lowerBound
        fetches[key].skipped = skipped
        fetches[key].flow = network.add(
            from: sourceLink, to: hosts[Int(fetch.host)].downlinkID,
            bytes: Double(skipped + layout.length(of: fetch.nextPiece)),
            owner: .init(kind: .fetch, slot: key.slot), at: now)
        startWatching(hosts[Int(fetch.host)])
    }

    /// A piece has left the source whole.
    func fetchMoved(_ slot: Int32) {
        let key = fetches.key(at: slot)
        let fetch = fetches[key]
        let host = hosts[Int(fetch.host)]
        let layout = layout(of: fetch.version)
        let arrival = now + sourceDelay(host)
        let length = layout.length(of: fetch.nextPiece)
        sourceBytes += length + fetch.skipped
        fetches[key].skipped = 0
        fetches[key].sent += length
        fetches[key].lastPassed = 0
        fetches[key].lastMove = now
        if !fetch.isStat { queue.push(.sourcePieceArrives(key, piece: Int32(fetch.nextPiece)), at: arrival) }
        fetches[key].nextPiece += 1
        if fetches[key].nextPiece < fetch.run.upperBound {
            network.extend(fetch.flow, bytes: Double(layout.length(of: fetch.nextPiece + 1)), at: now)
        } else {
            network.remove(fetch.flow, at: now)
            fetches[key].flow = -1
            fetches[key].isEnding = true
            queue.push(.fetchEnds(key), at: arrival)
        }
    }

    func sourcePieceArrives(_ key: Pool<SimulatedFetch>.Key, piece: PieceIndex) {
        guard let fetch = fetches.ifPresent(key) else { return }
        let host = hosts[Int(fetch.host)]
        trace.add(.hasRead, host.index, piece: piece, at: now)
        let length = layout(of: fetch.version).length(of: piece)
        fetches[key].arrived += length
        host.bytesFromSource += length
        host.stored.insert(piece)
        tellProgress(key, bytes: fetch.arrived + length, to: host)
        guard fetches.contains(key) else { return }
        deliver(.sourcePiece(piece, hashes[fetch.version][piece]), to: host)
        if isChecked { checkPiece(piece, of: host) }
    }

    func fetchEnds(_ key: Pool<SimulatedFetch>.Key) {
        guard let fetch = fetches.remove(key) else { return }
        let host = hosts[Int(fetch.host)]
        host.fetches.removeAll { $0 == key }
        guard fetch.isStat else {
            trace.add(.readEnds, host.index, piece: fetch.run.lowerBound, to: fetch.run.upperBound, at: now)
            return deliver(.sourceEnded(fetch.run, fetch.failure), to: host)
        }
        if let failure = fetch.failure { return deliver(.sourceStat(.failed(failure)), to: host) }
        // The body has been stored while it was read, for `.open` to find.
        host.spooled = fetch.version
        host.bytesFromSource += layout(of: fetch.version).size
        deliver(.sourceStat(.version(versions[fetch.version])), to: host)
    }

    /// Ends a read; the host learns of it after the delay.
    private func fail(_ key: Pool<SimulatedFetch>.Key, _ failure: SourceFailure) {
        endFlow(key)
        fetches[key].failure = failure
        fetches[key].isEnding = true
        queue.push(.fetchEnds(key), at: now + sourceDelay(hosts[Int(fetches[key].host)]))
    }

    private func endFlow(_ key: Pool<SimulatedFetch>.Key) {
        guard fetches[key].flow >= 0 else { return }
        sourceBytes += Int64(network.passed(fetches[key].flow, at: now))
        network.remove(fetches[key].flow, at: now)
        fetches[key].flow = -1
    }

    func cancelFetch(_ run: Range<PieceIndex>, by host: SimulatedHost) {
        guard let key = host.fetches.first(where: { !fetches[$0].isStat && fetches[$0].run == run }) else { return }
        trace.add(.stopsReading, host.index, piece: run.lowerBound, to: run.upperBound, at: now)
        dropFetch(key)
    }

    /// Forgets a read; the host is not told.
    func dropFetch(_ key: Pool<SimulatedFetch>.Key) {
        endFlow(key)
        hosts[Int(fetches[key].host)].fetches.removeAll { $0 == key }
        fetches.remove(key)
    }

    func watchFetch(_ key: Pool<SimulatedFetch>.Key, of host: SimulatedHost) {
        guard let fetch = fetches.ifPresent(key), fetch.flow >= 0 else { return }
        let passed = fetch.sent + Int64(network.passed(fetch.flow, at: now))
        if passed > fetch.lastPassed {
            fetches[key].lastPassed = passed
            fetches[key].lastMove = now
        } else if now - fetch.lastMove > Self.readTimeout {
            return fail(key, SourceFailure(.connection, "the source has stopped"))
        }
        tellProgress(key, bytes: max(fetch.sent, passed - fetch.skipped), to: host)
    }

    /// Tells a host of bytes from the source that it has not been told of; `bytes` is the sum since the read began.
    private func tellProgress(_ key: Pool<SimulatedFetch>.Key, bytes: Int64, to host: SimulatedHost) {
        let fetch = fetches[key]
        guard bytes > fetch.told else { return }
        fetches[key].told = bytes
        deliver(.sourceProgress(bytes: bytes - fetch.told), to: host)
    }

    // MARK: Faults

    func apply(_ fault: SourceFault) {
        trace.add(.sourceFault, -1, at: now)
        switch fault {
        case .fails(let kind):
            sourceFailure = kind
            hasSourceFailed = true
            breakReads(with: SourceFailure(.interrupted, "the source has broken the connection"))
        case .recovers: sourceFailure = nil
        case .changes(let size):
            addVersion(size: size)
            breakReads(with: SourceFailure(.changed, "the source has changed"))
        case .slows(let factor):
            network.setCapacity(sourceLink, factor * scenario.source.up.bytesPerSecond / Bound.framing, at: now)
        }
    }

    private func breakReads(with failure: SourceFailure) {
        for host in hosts {
            for key in host.fetches where fetches[key].flow >= 0 { fail(key, failure) }
        }
    }

    // MARK: Flows

    func flowFinished(_ flow: FlowNetwork.Flow) {
        let owner = network.owner(of: flow)
        switch owner.kind {
        case .request: requestSent(owner.slot)
        case .fetch: fetchMoved(owner.slot)
        }
    }
}
