package import MinionCore

/// How a job goes on.
extension JobRun {
    static let gone = "host has gone"

    /// The id of a unit's order; the second attempt has another, or the host would repeat what came of the first.
    func orderID(_ unit: Int, _ attempt: Int) -> String { "\(id)/\(unit)/\(attempt)" }

    /// The id of the job's part that an order belongs to; nil if it is no order of a job.
    package static func part(ofOrder order: String) -> String? {
        guard let last = order.lastIndex(of: "/"), let first = order[..<last].lastIndex(of: "/") else { return nil }
        return String(order[..<first])
    }

    /// The unit and the attempt that an order of this job is; nil if it is none.
    private func parse(_ order: String) -> (unit: Int, attempt: Int)? {
        guard order.hasPrefix(id + "/") else { return nil }
        let parts = order.dropFirst(id.count + 1).split(separator: "/")
        guard parts.count == 2, let unit = Int(parts[0]), let attempt = Int(parts[1]), units.indices.contains(unit)
        else { return nil }
        return (unit, attempt)
    }

    /// Begins units, and gives hosts their orders, as many at a time as may be.
    mutating func advance(at now: Instant) {
        while state == .running {
            while active.count < concurrentUnits, next < units.count {
                active.append(next)
                next += 1
            }
            var hasEnded = false
            for unit in active {
                while units[unit].running.count < concurrentHosts, !units[unit].waiting.isEmpty {
                    start(unit, on: units[unit].waiting.removeFirst(), at: now)
                }
                if units[unit].isEnded { hasEnded = true }
            }
            active.removeAll { units[$0].isEnded }
            if active.isEmpty, next == units.count { return conclude() }
            guard hasEnded else { return }
        }
    }

    private mutating func start(_ unit: Int, on place: Int, attempt number: Int = 1, at now: Instant) {
        targets[place].isUsed = true
        units[unit].running[place] = Attempt(number: number)
        if targets[place].isThere { give(unit, number, to: place, at: now) }
    }

    private mutating func give(_ unit: Int, _ number: Int, to place: Int, at now: Instant) {
        var action = units[unit].action
        if case .fetch(var order) = action {
            order.timeoutSeconds = max(1, (deadline - now).inSeconds)
            action = .fetch(order)
        }
        actions.append(.order(HostOrder(id: orderID(unit, number), action: action), to: targets[place].host.id))
    }

    // MARK: What happens

    /// A host tells how far it is. What it tells of orders that are not its own, or not any more, is passed over.
    package mutating func note(_ progress: OrderProgress, from host: PeerID, at now: Instant) -> [Action] {
        perform { run in
            guard run.state == .running, let place = run.places[host], run.targets[place].isThere,
                let (unit, number) = run.parse(progress.id), let attempt = run.units[unit].running[place],
                attempt.number == number
            else { return }
            run.count(progress, of: unit, on: place, attempt)
            switch progress.state {
            case .running: return
            case .succeeded: run.succeed(unit, on: place)
            case .failed:
                let message = progress.message.isEmpty ? "it failed, and does not say why" : progress.message
                run.fail(unit, on: place, message, mayRetry: number < run.limits.attempts, at: now)
            }
            run.advance(at: now)
        }
    }

    private mutating func count(_ progress: OrderProgress, of unit: Int, on place: Int, _ attempt: Attempt) {
        var attempt = attempt
        let bytes = max(0, progress.bytes)
        targets[place].bytes &+= bytes &- attempt.bytes
        attempt.bytes = bytes
        if let size = progress.size, size >= 0 {
            targets[place].size &+= size &- (attempt.size ?? 0)
            attempt.size = size
            units[unit].size = size
        }
        units[unit].running[place] = attempt
    }

    private mutating func succeed(_ unit: Int, on place: Int) {
        units[unit].running[place] = nil
        results.append(result(unit, place, nil))
        // Others have failed, and it has been done all the same.
        units[unit].failures = []
        units[unit].spare = []
    }

    private mutating func fail(
        _ unit: Int, on place: Int, _ message: String, mayRetry: Bool = false, at now: Instant
    ) {
        guard let attempt = units[unit].running.removeValue(forKey: place) else { return }
        targets[place].bytes &-= attempt.bytes
        targets[place].size &-= attempt.size ?? 0
        if mayRetry { return start(unit, on: place, attempt: attempt.number + 1, at: now) }
        units[unit].failures.append(result(unit, place, message))
        // The next one, preferably one that is there.
        if !units[unit].spare.isEmpty {
            let index = units[unit].spare.firstIndex { targets[$0].isThere } ?? 0
            return start(unit, on: units[unit].spare.remove(at: index), at: now)
        }
        results += units[unit].failures
        units[unit].failures = []
    }

    private func result(_ unit: Int, _ place: Int, _ failure: String?) -> JobPartReport.HostResult {
        let host = targets[place].host
        return JobPartReport.HostResult(
            url: units[unit].url, hostName: host.name, address: host.address, isSeed: host.isSeed, failure: failure)
    }

    /// A host is gone. What it did is given to another, if there is one; else it may come back within a while.
    package mutating func hostLeft(_ host: PeerID, at now: Instant) -> [Action] {
        perform { run in
            guard run.state == .running, let place = run.places[host] else { return }
            guard run.targets[place].isThere else { return }
            run.targets[place].lost = now
            for unit in run.active
            where run.units[unit].running[place] != nil
                && run.units[unit].spare.contains(where: { run.targets[$0].isThere })
            {
                run.fail(unit, on: place, Self.gone, at: now)
            }
            run.advance(at: now)
        }
    }

    /// A host has come: one that was gone does again what it did.
    package mutating func hostJoined(_ host: JobHost, at now: Instant) -> [Action] {
        perform { run in
            guard run.state == .running, run.hasHosts,
                let place = run.places[host.id]
                    ?? run.targets.firstIndex(where: { !$0.isThere && $0.host.isSameMachine(as: host) })
            else { return }
            run.places[run.targets[place].host.id] = nil
            run.places[host.id] = place
            run.targets[place].host = host
            run.targets[place].lost = nil
            for unit in run.active {
                guard let attempt = run.units[unit].running[place] else { continue }
                run.give(unit, attempt.number, to: place, at: now)
            }
        }
    }

    /// Gives up whom nobody waits for any longer.
    package mutating func timer(at now: Instant) -> [Action] {
        perform { run in
            guard run.state == .running, run.hasHosts else { return }
            guard now < run.deadline else { return run.giveUp(run.timeoutText) }
            for unit in run.active {
                for place in run.units[unit].running.keys.sorted() {
                    guard let lost = run.targets[place].lost, now >= lost + run.limits.returnPatience else { continue }
                    run.fail(unit, on: place, Self.gone, at: now)
                }
            }
            run.advance(at: now)
        }
    }

    /// The job is not wanted any more: takes back what is under way.
    package mutating func cancel() -> [Action] {
        perform { run in if run.state == .running { run.giveUp("it was cancelled") } }
    }

    // MARK: Ends

    /// Everything that is not done fails for the same reason.
    private mutating func giveUp(_ reason: String) {
        guard hasHosts else { return end(.failed, reason) }
        for unit in units.indices where unit >= next || active.contains(unit) {
            results += units[unit].failures
            for (place, attempt) in units[unit].running.sorted(by: { $0.key < $1.key }) {
                actions.append(.withdraw(order: orderID(unit, attempt.number), from: targets[place].host.id))
                results.append(result(unit, place, reason))
            }
            for place in units[unit].waiting { results.append(result(unit, place, reason)) }
            units[unit].running = [:]
            units[unit].waiting = []
        }
        active = []
        next = units.count
        conclude()
    }

    private mutating func conclude() {
        let failures = results.lazy.filter { $0.failure != nil }
        let worst = failures.first.map { "\($0.hostName.isEmpty ? $0.address : $0.hostName): \($0.failure ?? "")" }
        switch scope {
        case nil: end(.succeeded)
        case .singleSeedPeer:
            if let worst { end(.failed, worst) } else { end(.succeeded) }
        case .allSeedPeers, .allPeers:
            if results.contains(where: { $0.failure == nil }) {
                end(.succeeded)
            } else {
                end(.failed, worst ?? "there was no host")
            }
        }
    }

    // MARK: Reports

    /// How far it is, for the manager; its results once it has ended.
    package var report: JobPartReport {
        var report = JobPartReport(id: id, state: state)
        report.error = error
        if state != .running {
            let failures = results.filter { $0.failure != nil }
            let successes = results.filter { $0.failure == nil }
            report.results = Array((failures + successes).prefix(limits.results))
        }
        guard scope != nil else { return report }
        let used = targets.filter(\.isUsed)
        report.bytes = used.reduce(0) { $0 &+ $1.bytes }
        let size = units.reduce(Int64(0)) { $0 &+ ($1.size ?? 0) }
        report.bytesExpected = scope == .singleSeedPeer ? size : size &* Int64(targets.count)
        let share = { (target: Target) in target.size > 0 ? Double(target.bytes) / Double(target.size) : 0 }
        report.progress = used.sorted { share($0) < share($1) }.prefix(limits.progress).map { target in
            JobPartReport.HostProgress(
                hostName: target.host.name, address: target.host.address, bytes: target.bytes,
                size: target.size > 0 ? target.size : nil)
        }
        return report
    }
}
