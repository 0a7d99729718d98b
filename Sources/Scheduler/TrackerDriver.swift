import HTTPFront
import Logging
import MinionCore
import NIOCore
import Swarm
import Synchronization
import Wire

/// Runs a `Tracker` on the real clock: hands it reports, brings its answers to those who wait for them, signs.
final class TrackerDriver: Sendable {
    fileprivate struct Waiter {
        var continuation: CheckedContinuation<TrackerReply?, Never>
        var connection: ConnectionID?
    }

    fileprivate struct State {
        var tracker: Tracker
        var waiters: [UInt64: Waiter] = [:]
        /// The report that is held on a connection; HTTP/1.1 has one request at a time.
        var held: [ConnectionID: UInt64] = [:]
        /// The tasks that the log knows of, with the time at which each came up.
        var tasks: [TaskID: (resource: String, since: Instant)] = [:]
        var alarm: Scheduled<Void>?
        var alarmTime = Instant.never
        var isStopped = false
    }

    /// What is to be done once the lock is released.
    fileprivate struct Effects {
        var replies: [(CheckedContinuation<TrackerReply?, Never>, TrackerReply?)] = []
        var created: (TaskID, resource: String)?
        var finished: [(TaskID, resource: String, lived: Duration)] = []
    }

    let publicKeyHex: String
    private let key: TrackerKey
    private let logger: Logger
    private let eventLoop: any EventLoop
    private let origin = ContinuousClock.now
    private let tickets = Atomic<UInt64>(0)
    private let state: Mutex<State>

    /// - Parameter eventLoop: where the tracker's timer runs.
    init(limits: TrackerLimits, seed: UInt64, key: TrackerKey, eventLoop: any EventLoop, logger: Logger) {
        self.key = key
        self.eventLoop = eventLoop
        self.logger = logger
        publicKeyHex = key.publicKeyHex
        state = Mutex(State(tracker: Tracker(limits: limits, seed: seed)))
    }

    /// The time on the clock that the tracker lives by.
    var now: Instant { Instant(nanoseconds: (ContinuousClock.now - origin).nanoseconds) }

    // MARK: Reports

    /// Hands a report to the tracker and waits for the answer, which may be held back. Nil if the connection was lost
    /// or the task cancelled meanwhile.
    func reply(
        to report: PeerReport, from peer: PeerID, task: TaskID, connection: ConnectionID? = nil
    ) async -> TrackerReply? {
        let ticket = tickets.add(1, ordering: .relaxed).newValue
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waiter = Waiter(continuation: continuation, connection: connection)
                perform(.report(report, from: peer, task: task, ticket: ticket), waiter: (ticket, waiter))
                if Task.isCancelled { abandon(ticket) }
            }
        } onCancel: {
            abandon(ticket)
        }
        guard var reply = answer else {
            logger.debug("report abandoned", metadata: ["task": "\(task)", "peer": "\(peer)"])
            return nil
        }
        if let introduction = report.introduction {
            reply.key = publicKeyHex
            logger.debug(
                "peer joined",
                metadata: ["task": "\(task)", "peer": "\(peer)", "endpoint": "\(introduction.endpoint)"])
        }
        sign(&reply, task: task)
        return reply
    }

    private func sign(_ reply: inout TrackerReply, task: TaskID) {
        guard !reply.accepted.isEmpty else { return }
        guard let version = reply.version else {
            logger.error("pieces were accepted without a version", metadata: ["task": "\(task)"])
            reply.accepted = []
            return
        }
        let context = ProofContext(task: task, version: version)
        for index in reply.accepted.indices { reply.accepted[index] = key.sign(reply.accepted[index], in: context) }
    }

    /// The client is gone: nobody waits for the answer any more.
    func connectionClosed(_ connection: ConnectionID) {
        if let ticket = state.withLock({ $0.held.removeValue(forKey: connection) }) { abandon(ticket) }
    }

    private func abandon(_ ticket: UInt64) {
        let waiter = state.withLock { $0.removeWaiter(ticket) }
        waiter?.continuation.resume(returning: nil)
    }

    func leave(_ peer: PeerID, task: TaskID, secret: String) -> Tracker.Membership {
        let membership = state.withLock { $0.tracker.membership(of: peer, in: task, secret: secret) }
        guard membership == .confirmed else { return membership }
        perform(.leave(peer, task: task, secret: secret))
        logger.debug("peer left", metadata: ["task": "\(task)", "peer": "\(peer)"])
        return membership
    }

    // MARK: Questions

    var summaries: [TaskSummary] { state.withLock { $0.tracker.summaries } }
    func summary(of task: TaskID) -> TaskSummary? { state.withLock { $0.tracker.summary(of: task) } }
    func peerPage(of task: TaskID, after: PeerID?, limit: Int) -> PeerPage? {
        let now = now
        return state.withLock { $0.tracker.peerPage(of: task, after: after, limit: limit, at: now) }
    }

    /// The peers of a task, up to ten thousand of them.
    func peers(of task: TaskID) -> [PeerSummary] {
        var found: [PeerSummary] = []
        var after: PeerID?
        while found.count < 10_000, let page = peerPage(of: task, after: after, limit: 1000) {
            found += page.peers
            guard let next = page.next else { break }
            after = next
        }
        return found
    }

    var resources: Set<String> { state.withLock { $0.tracker.resources } }

    func introductions(ofResource resource: String) -> [PeerIntroduction] {
        state.withLock { $0.tracker.introductions(ofResource: resource) }
    }

    // MARK: While it runs

    /// What changes the limits from the next report on.
    func changeLimits(_ change: (inout TrackerLimits) -> Void) { state.withLock { change(&$0.tracker.limits) } }

    /// Answers everybody who waits, so that they ask again.
    func answerAll() {
        let waiters = state.withLock { state in
            state.held = [:]
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.continuation.resume(returning: TrackerReply()) }
    }

    // MARK: Stopping

    /// Answers everybody who waits, and from now on everybody at once.
    func stop() {
        state.withLock { state in
            state.isStopped = true
            state.alarm?.cancel()
            state.alarm = nil
        }
        answerAll()
    }

    // MARK: The tracker

    /// Hands an event to the tracker, does what it says, and sets the alarm for the next time that it has something to do.
    private func perform(_ event: TrackerEvent, waiter: (ticket: UInt64, Waiter)? = nil) {
        let now = now
        let effects = state.withLock { state in
            if state.isStopped { return Effects(replies: waiter.map { [($0.1.continuation, TrackerReply())] } ?? []) }
            let effects = state.handle(event, at: now, waiter: waiter)
            setAlarm(&state, at: now)
            return effects
        }
        for (continuation, reply) in effects.replies { continuation.resume(returning: reply) }
        if let (task, resource) = effects.created {
            logger.info("task created", metadata: ["task": "\(task)", "resource": "\(resource)"])
        }
        for (task, resource, lived) in effects.finished {
            logger.info(
                "task finished", metadata: ["task": "\(task)", "resource": "\(resource)", "lived": "\(lived.brief)"])
        }
    }

    /// An alarm that is set is never put off: it comes too early at worst, and the tracker wants it before long anyway.
    private func setAlarm(_ state: inout State, at now: Instant) {
        let wake = state.tracker.nextWake
        guard wake < state.alarmTime else { return }
        state.alarm?.cancel()
        state.alarmTime = wake
        let delay = TimeAmount.nanoseconds(max(0, (wake - now).nanoseconds))
        state.alarm = eventLoop.scheduleTask(in: delay) { [weak self] in self?.wakeUp() }
    }

    private func wakeUp() {
        state.withLock { state in
            state.alarm = nil
            state.alarmTime = .never
        }
        perform(.timer)
    }
}

extension TrackerDriver.State {
    fileprivate mutating func removeWaiter(_ ticket: UInt64) -> TrackerDriver.Waiter? {
        guard let waiter = waiters.removeValue(forKey: ticket) else { return nil }
        if let connection = waiter.connection, held[connection] == ticket { held[connection] = nil }
        return waiter
    }

    fileprivate mutating func handle(
        _ event: TrackerEvent, at now: Instant, waiter: (ticket: UInt64, waiter: TrackerDriver.Waiter)?
    ) -> TrackerDriver.Effects {
        var effects = TrackerDriver.Effects()
        var isAnswered = false
        for action in tracker.handle(event, at: now) {
            switch action {
            case .reply(let ticket, let reply):
                if let waiter, ticket == waiter.ticket {
                    isAnswered = true
                    effects.replies.append((waiter.waiter.continuation, reply))
                } else if let other = removeWaiter(ticket) {
                    effects.replies.append((other.continuation, reply))
                }
            }
        }
        if let (ticket, waiter) = waiter, !isAnswered {
            waiters[ticket] = waiter
            if let connection = waiter.connection { held[connection] = ticket }
        }
        noteTasks(of: event, at: now, &effects)
        return effects
    }

    /// Compares the tracker's tasks with those that the log knows of.
    private mutating func noteTasks(of event: TrackerEvent, at now: Instant, _ effects: inout TrackerDriver.Effects) {
        switch event {
        case .report(let report, _, let task, _):
            guard let introduction = report.introduction, tasks[task] == nil, tracker.hasTask(task) else { return }
            tasks[task] = (introduction.resource, now)
            effects.created = (task, introduction.resource)
        case .leave(_, let task, _):
            noteEnd(of: task, at: now, &effects)
        case .timer:
            for task in tasks.keys where !tracker.hasTask(task) { noteEnd(of: task, at: now, &effects) }
        }
    }

    private mutating func noteEnd(of task: TaskID, at now: Instant, _ effects: inout TrackerDriver.Effects) {
        guard !tracker.hasTask(task), let known = tasks.removeValue(forKey: task) else { return }
        effects.finished.append((task, known.resource, now - known.since))
    }
}
