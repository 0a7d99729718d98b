import Fleet
import MinionCore
import Synchronization
import Wire

/// A host's conversation with one scheduler: it reports, and the scheduler holds the answer back until it has something to
/// say. Downloads know nothing of it.
final class HostLink: Sendable {
    /// What the link shows to its scheduler, and whom it tells of answers.
    struct Ends: Sendable {
        var exchange: FleetExchange
        /// 16 hexadecimal digits.
        var host: String
        var secret: String
        var timing: FleetTiming
        /// Where others reach the host, if this scheduler is asked.
        var facts: @Sendable (_ scheduler: String) -> HostFacts
        var counters: @Sendable () -> HostCounters
        /// Of the orders that this scheduler gave.
        var progress: @Sendable (_ scheduler: String) -> [OrderProgress]
        var isBusy: @Sendable () -> Bool
        var heard: @Sendable (HostReply, HostLink) -> Void
    }

    enum Standing: Hashable, Sendable {
        /// It has not answered yet.
        case joining
        case answering
        /// It does not want this host.
        case refused(String)
        /// It does not answer, or not as a scheduler of a fleet does.
        case down(String)
    }

    private struct State {
        var standing = Standing.joining
        var pending: Task<HostReply, any Error>?
        /// The next report is not to be held back.
        var isUrgent = false
        var loop: Task<Void, Never>?
        var hasJoined = false
    }

    let scheduler: String
    private let ends: Ends
    private let state = Mutex(State())

    init(_ scheduler: String, _ ends: Ends) {
        self.scheduler = scheduler
        self.ends = ends
    }

    var standing: Standing { state.withLock { $0.standing } }

    /// Begins to report. `end` has to be called in the end.
    func start() {
        state.withLock { $0.loop = Task { await run() } }
    }

    /// Has it report now, though an answer is being held back.
    func hurry() {
        let pending = state.withLock { state in
            state.isUrgent = true
            return state.standing == .answering ? state.pending : nil
        }
        pending?.cancel()
    }

    /// Ends the conversation; with `goodbye` the scheduler is told so, which takes a second at most.
    func end(goodbye: Bool) async {
        let (loop, hasJoined) = state.withLock { ($0.loop, $0.hasJoined) }
        loop?.cancel()
        await loop?.value
        guard goodbye, hasJoined else { return }
        await ends.exchange.leave(
            scheduler, at: path, secretField: HeaderName.secret, secret: ends.secret, limit: .seconds(1))
    }

    private var path: String { "/v1/hosts/\(ends.host)" }

    // MARK: - The conversation

    private func run() async {
        var mustIntroduce = true
        var known = ""
        /// How long answers may be held back; the scheduler says so.
        var hold = Duration.zero
        var failures = 0
        /// Answers in a row that came at once.
        var hasty = 0
        while !Task.isCancelled {
            var report = HostReport(secret: ends.secret)
            if mustIntroduce { report.facts = ends.facts(scheduler) }
            report.known = known
            report.counters = ends.counters()
            report.progress = ends.progress(scheduler)
            let isUrgent = state.withLock { state in
                defer { state.isUrgent = false }
                return state.isUrgent
            }
            let wait =
                mustIntroduce || isUrgent ? .zero : ends.isBusy() ? min(hold, ends.timing.orderProgress) : hold
            report.waitSeconds = wait.inSeconds
            let start = SteadyClock.now
            do {
                let reply = try await exchange(report)
                failures = 0
                if let reason = reply.refusal {
                    note(.refused(reason))
                    mustIntroduce = true
                    known = ""
                    try await Task.sleep(for: ends.timing.refusedPause)
                    continue
                }
                mustIntroduce = reply.mustIntroduce
                if let news = reply.news { known = news.tag }
                if !mustIntroduce {
                    state.withLock { ($0.standing, $0.hasJoined) = (.answering, true) }
                    ends.heard(reply, self)
                }
                hold = .inSeconds(min(max(reply.nextReportSeconds, 0.05), 30))
                // One that does not hold answers back, or always has something to say, does not get to set the pace.
                let took = SteadyClock.now - start
                let isHasty = took < (wait == .zero ? .milliseconds(100) : min(wait, .milliseconds(100)))
                hasty = isHasty ? hasty + 1 : 0
                if hasty > 2 { try await Task.sleep(for: min(hold, .milliseconds(200))) }
            } catch let error as FleetError {
                switch error.kind {
                case .refused: note(.refused(error.message))
                default: note(.down(error.message))
                }
                mustIntroduce = true
                failures += 1
                let pause = error.kind == .unknown ? ends.timing.refusedPause : pause(failures)
                try? await Task.sleep(for: pause)
            } catch {
                // Told to hurry, or to end.
                if Task.isCancelled { return }
            }
        }
    }

    private func exchange(_ report: HostReport) async throws -> HostReply {
        let limit = ends.timing.schedulerAnswer + .inSeconds(report.waitSeconds)
        let pending = Task { [ends, scheduler, path] () -> HostReply in
            try await ends.exchange.ask(report, of: scheduler, at: path, limit: limit)
        }
        state.withLock { $0.pending = pending }
        defer { state.withLock { $0.pending = nil } }
        return try await withTaskCancellationHandler {
            try await pending.value
        } onCancel: {
            pending.cancel()
        }
    }

    private func note(_ standing: Standing) { state.withLock { $0.standing = standing } }

    /// Longer with each failure in a row, and never the same for all hosts that lost the same scheduler.
    private func pause(_ failures: Int) -> Duration {
        let seconds = min(0.2 * Double(1 << min(failures - 1, 8)), 15)
        return .inSeconds(seconds * .random(in: 0.75...1.25))
    }
}
