import Fleet
import HTTPFront
import Logging
import MinionCore
import NIOCore
import Swarm
import Synchronization
import Wire

/// Runs a `HostTable` and the parts of jobs on the real clock: hands them reports, brings answers to those who wait for
/// them, and knows what the manager is to be told.
final class HostDriver: Sendable {
    struct Waiter {
        var continuation: CheckedContinuation<HostReply?, Never>
        var connection: ConnectionID
    }

    struct State {
        var table: HostTable
        var runs: [String: JobRun] = [:]
        /// Parts that have ended and of which the manager does not know that.
        var ended: [String: JobPartReport] = [:]
        var gate = JoinGate()
        var news: SchedulerNews?
        /// Why this scheduler is none of its cluster's.
        var refusal: String?
        /// Nil until it is known where the scheduler listens.
        var facts: SchedulerFacts?
        /// The row's id at the manager.
        var id: Int64 = 0
        /// Up to which change of the table the manager has been told; nil: of nothing.
        var told: UInt64?
        var answered = Instant.zero
        /// Whether something has happened that the manager is to know before the next regular report.
        var isUrgent = false
        var waiters: [UInt64: Waiter] = [:]
        var held: [ConnectionID: UInt64] = [:]
        /// The host that reported on a connection, and the connection that a host reported on last.
        var hostOf: [ConnectionID: PeerID] = [:]
        var connectionOf: [PeerID: ConnectionID] = [:]
        var alarm: Scheduled<Void>?
        var alarmTime = Instant.never
        var isStopped = false
    }

    /// What is to be done once the lock is released.
    struct Effects {
        var replies: [(CheckedContinuation<HostReply?, Never>, HostReply?)] = []
        var log: [(level: Logger.Level, message: String, metadata: Logger.Metadata)] = []
    }

    let configuration: FleetConfiguration
    let tracker: TrackerDriver
    let logger: Logger
    /// Drawn at random: tells this scheduler from the one that ran before.
    let incarnation = Hex.padded(UInt64.random(in: .min ... .max))
    let state: Mutex<State>
    private let eventLoop: any EventLoop
    private let tickets = Atomic<UInt64>(0)

    /// - Parameter eventLoop: where the timer runs.
    init(_ configuration: FleetConfiguration, tracker: TrackerDriver, eventLoop: any EventLoop, logger: Logger) {
        self.configuration = configuration
        self.tracker = tracker
        self.eventLoop = eventLoop
        self.logger = logger
        state = Mutex(State(table: HostTable(limits: configuration.hosts)))
    }

    /// The time on the clock that the tracker lives by as well.
    var now: Instant { tracker.now }

    // MARK: Hosts

    enum Admission: Hashable {
        case open
        /// No manager has told yet who may come in.
        case notReady
        /// This scheduler is none of its cluster's.
        case refused(String)
        case wrongToken
    }

    /// Whether the scheduler serves anybody; why not, if it does not.
    var refusal: String? { state.withLock { $0.refusal } }

    /// Whether somebody may come in who shows a token. A host that could, and shows a bad one now on its connection, is
    /// gone.
    func admission(of id: PeerID, token: Substring, on connection: ConnectionID) async -> Admission {
        var admission = admission(token)
        // A token may be so new that its news are still on their way.
        let end = now + configuration.keepAlive + .milliseconds(300)
        while admission == .wrongToken, token.hasPrefix("mnj_"), now < end, !Task.isCancelled {
            state.withLock { $0.isUrgent = true }
            try? await Task.sleep(for: .milliseconds(100))
            admission = self.admission(token)
        }
        guard admission == .wrongToken else { return admission }
        perform { state, now, effects in
            guard state.hostOf[connection] == id else { return }
            state.apply(state.table.leave(id), at: now, &effects)
        }
        return .wrongToken
    }

    /// Hands a report to the table and waits for the answer, which may be held back. Nil if the connection was lost or
    /// the task cancelled meanwhile.
    func reply(to report: HostReport, from id: PeerID, connection: ConnectionID) async -> HostReply? {
        let ticket = tickets.add(1, ordering: .relaxed).newValue
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                perform { state, now, effects in
                    guard !state.isStopped, state.refusal == nil else {
                        // Elsewhere there may be more to hear.
                        var reply = HostReply()
                        reply.nextReportSeconds = 1
                        return effects.replies.append((continuation, reply))
                    }
                    state.waiters[ticket] = Waiter(continuation: continuation, connection: connection)
                    state.held[connection] = ticket
                    state.apply(state.table.receive(report, from: id, ticket: ticket, at: now), at: now, &effects)
                    guard state.table.membership(of: id, secret: report.secret) == .confirmed else { return }
                    state.hostOf[connection] = id
                    state.connectionOf[id] = connection
                }
                if Task.isCancelled { abandon(ticket) }
            }
        } onCancel: {
            abandon(ticket)
        }
    }

    private func admission(_ token: Substring) -> Admission {
        let (news, refusal, gate) = state.withLock { ($0.news, $0.refusal, $0.gate) }
        if let refusal { return .refused(refusal) }
        guard news != nil else { return .notReady }
        return gate.admits(token, at: Self.wallTime) ? .open : .wrongToken
    }

    private func abandon(_ ticket: UInt64) {
        let waiter = state.withLock { $0.removeWaiter(ticket) }
        waiter?.continuation.resume(returning: nil)
    }

    func leave(_ id: PeerID, secret: String) -> HostTable.Membership {
        let membership = state.withLock { $0.table.membership(of: id, secret: secret) }
        guard membership == .confirmed else { return membership }
        perform { state, now, effects in state.apply(state.table.leave(id), at: now, &effects) }
        return membership
    }

    /// The client is gone: nobody waits for the answer any more.
    func connectionClosed(_ connection: ConnectionID) {
        perform { state, now, effects in
            if let ticket = state.held[connection], let waiter = state.removeWaiter(ticket) {
                effects.replies.append((waiter.continuation, nil))
            }
            guard let id = state.hostOf.removeValue(forKey: connection) else { return }
            guard state.connectionOf[id] == connection else { return }
            state.connectionOf[id] = nil
            state.table.connectionClosed(of: id, at: now)
        }
    }

    /// How many hosts there are, how many of them are seeds, and how many parts of jobs are under way.
    var load: (hosts: Int, seeds: Int, jobs: Int) {
        state.withLock { ($0.table.count, $0.table.seedCount, $0.runs.count) }
    }

    // MARK: Stopping

    /// Answers everybody who waits, and from now on everybody at once. The manager is told with the next report.
    func stop() {
        perform { state, now, effects in
            state.isStopped = true
            state.isUrgent = true
            state.apply(state.table.answerAll(), at: now, &effects)
        }
    }

    var isStopped: Bool { state.withLock { $0.isStopped } }

    // MARK: The state

    /// Changes the state, does what follows from that, and sets the alarm for the next time that something is due.
    func perform(_ body: (inout State, Instant, inout Effects) -> Void) {
        let now = now
        let effects = state.withLock { state in
            var effects = Effects()
            body(&state, now, &effects)
            setAlarm(&state, at: now)
            return effects
        }
        for (continuation, reply) in effects.replies { continuation.resume(returning: reply) }
        for entry in effects.log { logger.log(level: entry.level, "\(entry.message)", metadata: entry.metadata) }
    }

    private func setAlarm(_ state: inout State, at now: Instant) {
        var wake = state.table.nextWake
        if !state.runs.isEmpty { wake = min(wake, now + .milliseconds(200)) }
        guard !state.isStopped, wake < state.alarmTime else { return }
        state.alarm?.cancel()
        state.alarmTime = wake
        state.alarm = eventLoop.scheduleTask(in: .nanoseconds(max(0, (wake - now).nanoseconds))) { [weak self] in
            self?.wakeUp()
        }
    }

    private func wakeUp() {
        perform { state, now, effects in
            state.alarm = nil
            state.alarmTime = .never
            state.apply(state.table.timer(at: now), at: now, &effects)
            state.tendRuns(at: now, &effects)
        }
    }
}

extension HostDriver.State {
    mutating func removeWaiter(_ ticket: UInt64) -> HostDriver.Waiter? {
        guard let waiter = waiters.removeValue(forKey: ticket) else { return nil }
        if held[waiter.connection] == ticket { held[waiter.connection] = nil }
        return waiter
    }

    /// Does what the table says, and what follows from that for the jobs, and so on.
    mutating func apply(_ actions: [HostTable.Action], at now: Instant, _ effects: inout HostDriver.Effects) {
        var pending = actions[...]
        while let action = pending.popFirst() {
            switch action {
            case .reply(let ticket, let reply):
                if let waiter = removeWaiter(ticket) { effects.replies.append((waiter.continuation, reply)) }
            case .joined(let host):
                isUrgent = true
                effects.log.append(
                    (.debug, "host joined", ["host": "\(host.name)", "address": "\(host.address)", "id": "\(host.id)"]))
                for id in runs.keys.sorted() {
                    guard let orders = runs[id]?.hostJoined(host, at: now) else { continue }
                    pending += carryOut(orders, of: id, at: now)
                }
            case .left(let host):
                isUrgent = true
                connectionOf[host] = nil
                effects.log.append((.debug, "host left", ["id": "\(host)"]))
                for id in runs.keys.sorted() {
                    guard let orders = runs[id]?.hostLeft(host, at: now) else { continue }
                    pending += carryOut(orders, of: id, at: now)
                }
            case .progress(let progress, let host):
                guard let id = JobRun.part(ofOrder: progress.id),
                    let orders = runs[id]?.note(progress, from: host, at: now)
                else { continue }
                pending += carryOut(orders, of: id, at: now)
            }
        }
        settleRuns(&effects)
    }

    /// Brings a job's orders to the hosts; what the table says to that.
    mutating func carryOut(_ orders: [JobRun.Action], of run: String, at now: Instant) -> [HostTable.Action] {
        var pending = orders[...]
        var actions: [HostTable.Action] = []
        while let next = pending.popFirst() {
            switch next {
            case .order(let order, let host):
                let (isTaken, told) = table.order(order, to: host, at: now)
                actions += told
                if !isTaken, let more = runs[run]?.hostLeft(host, at: now) { pending += more }
            case .withdraw(let order, let host): actions += table.withdraw(order, from: host, at: now)
            }
        }
        return actions
    }

    /// Lets the jobs look at the time, and at the hosts if they wait for some.
    mutating func tendRuns(at now: Instant, _ effects: inout HostDriver.Effects) {
        guard !runs.isEmpty else { return }
        let hosts = runs.values.contains(where: \.wantsHosts) ? table.jobHosts : []
        for id in runs.keys.sorted() {
            guard let isWaiting = runs[id]?.wantsHosts else { continue }
            let orders = isWaiting ? runs[id]?.choose(from: hosts, at: now) : runs[id]?.timer(at: now)
            apply(carryOut(orders ?? [], of: id, at: now), at: now, &effects)
        }
        settleRuns(&effects)
    }

    /// Puts what has ended where it waits for the manager.
    private mutating func settleRuns(_ effects: inout HostDriver.Effects) {
        for (id, run) in runs where run.state != .running {
            runs[id] = nil
            let report = run.report
            ended[id] = report
            isUrgent = true
            effects.log.append(
                (
                    .info, "job ended",
                    ["part": "\(id)", "state": "\(report.state.rawValue)", "error": "\(report.error)"]
                ))
        }
    }
}
