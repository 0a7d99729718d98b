import MinionCore
import Swarm

/// A report on its way to the tracker.
struct ReportInTransit {
    let host: Int32
    let life: UInt32
    let peer: PeerID
    let report: PeerReport
}

/// An answer of the tracker on its way.
struct ReplyInTransit {
    let host: Int32
    let life: UInt32
    let reply: TrackerReply
}

/// Who waits for the answer to a report that the tracker has, and since when.
struct TicketHolder {
    let host: Int32
    let life: UInt32
    let peer: PeerID
    let since: Int64
    let wait: Double
}

/// The tracker and the way to it.
extension Simulation {
    /// How long a peer waits for a tracker that does not answer, beyond what it allowed it to wait.
    private static let trackerTimeout: Int64 = 5_000_000_000

    func send(_ report: PeerReport, from host: SimulatedHost) {
        trace.add(.asksTracker, host.index, at: now)
        let key = reports.insert(ReportInTransit(host: host.index, life: host.life, peer: host.peer, report: report))
        queue.push(.reportArrives(key), at: now + trackerDelay(host))
    }

    func reportArrives(_ key: Pool<ReportInTransit>.Key) {
        guard let item = reports.remove(key) else { return }
        let host = hosts[Int(item.host)]
        switch trackerState {
        case .closed:
            return queue.push(.reportFails(item.host, life: item.life), at: now + trackerDelay(host))
        case .hanging:
            return queue.push(.reportFails(item.host, life: item.life), at: now + Self.trackerTimeout)
        case .up: break
        }
        counts.reports += 1
        if isChecked { ledger?.note(item.report, from: item.peer, at: now) }
        let ticket = nextTicket
        nextTicket += 1
        tickets[ticket] = TicketHolder(
            host: item.host, life: item.life, peer: item.peer, since: now, wait: item.report.waitSeconds)
        askTracker(.report(item.report, from: item.peer, task: taskID, ticket: ticket))
    }

    func leaveArrives(_ host: SimulatedHost, life: UInt32) {
        guard trackerState == .up, host.life == life else { return }
        ledger?.release(host.peer)
        askTracker(.leave(host.peer, task: taskID, secret: host.secret))
    }

    func trackerTimer() {
        guard trackerTimerAt == now else { return }
        trackerTimerAt = .max
        if tracker.nextWake.nanoseconds <= now { askTracker(.timer) } else { scheduleTracker() }
    }

    private func askTracker(_ event: TrackerEvent) {
        for case .reply(let ticket, let reply) in tracker.handle(event, at: Instant(nanoseconds: now)) {
            answer(ticket, reply)
        }
        scheduleTracker()
    }

    private func scheduleTracker() {
        let wake = max(tracker.nextWake.nanoseconds, now)
        guard wake < trackerTimerAt else { return }
        trackerTimerAt = wake
        queue.push(.trackerTimer, at: wake)
    }

    private func answer(_ ticket: UInt64, _ reply: TrackerReply) {
        // Those who have stopped waiting are answered to nobody.
        guard let holder = tickets.removeValue(forKey: ticket) else { return checkStrayReply(ticket) }
        if isChecked { check(reply, to: holder.peer) }
        guard trackerState == .up else { return }
        counts.replies += 1
        var reply = reply
        for index in reply.accepted.indices where reply.accepted[index].signature.isEmpty {
            reply.accepted[index].signature = Self.signature
        }
        let key = replies.insert(ReplyInTransit(host: holder.host, life: holder.life, reply: reply))
        queue.push(.replyArrives(key), at: now + trackerDelay(hosts[Int(holder.host)]))
    }

    func replyArrives(_ key: Pool<ReplyInTransit>.Key) {
        guard let item = replies.remove(key) else { return }
        let host = hosts[Int(item.host)]
        guard host.isRunning, host.life == item.life else { return }
        if let lease = item.reply.lease {
            trace.add(.getsLease, host.index, piece: lease.first, to: lease.first + lease.count, at: now)
        } else {
            trace.add(.trackerAnswers, host.index, at: now)
        }
        deliver(.trackerReplied(item.reply), to: host)
    }

    // MARK: Faults

    func apply(_ fault: TrackerFault) {
        trace.add(.trackerFault, -1, at: now)
        switch fault {
        case .restarts:
            tracker = Tracker(limits: scenario.tracker.limits, seed: random.next())
            ledger = nil
            failTickets(after: 0)
        case .closes:
            trackerState = .closed
            failTickets(after: 0)
        case .hangs:
            trackerState = .hanging
            failTickets(after: Self.trackerTimeout)
        case .recovers: trackerState = .up
        }
    }

    /// Those who wait for an answer will get none.
    private func failTickets(after delay: Int64) {
        for ticket in tickets.keys.sorted() {
            guard let holder = tickets.removeValue(forKey: ticket) else { continue }
            forgotten.insert(ticket)
            let host = hosts[Int(holder.host)]
            queue.push(.reportFails(holder.host, life: holder.life), at: now + delay + trackerDelay(host))
        }
    }
}
