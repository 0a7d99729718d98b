import Fleet
import Logging
import MinionCore
import Synchronization

/// A node's place in a fleet: asks managers which cluster it belongs to, goes to the first whose schedulers answer, follows
/// when that changes, and has the node keep to what its cluster says.
final class ClusterMembership: Sendable {
    /// What it needs of the node.
    struct Node: Sendable {
        var question: RouteQuestion
        /// Base URLs of the node's own trackers, which are asked if there are no managers.
        var trackers: [String]
        var ends: HostLink.Ends
        var inquiry: ManagerInquiry
        /// Has the node keep to what its cluster says. Called with one view after the other.
        var adopt: @Sendable (ClusterView) -> Void
        /// It is known which cluster it is, or that there is none for the time being.
        var settled: @Sendable () -> Void
        /// Told again and again which schedulers answer.
        var present: @Sendable (Set<String>) -> Void
        var logger: Logger
    }

    private let settings: FleetSettings
    private let node: Node
    private let nursery = Nursery()
    private let present: Mutex<Camp?> = Mutex(nil)
    /// Held while the node adopts a view, so that a later one is adopted later.
    private let adopted: Mutex<ClusterView?> = Mutex(nil)
    private let loop: Mutex<Task<Void, Never>?> = Mutex(nil)
    /// What was last written to the log, so that it is written once.
    private let lastProblem = Mutex("")

    init(_ settings: FleetSettings, _ node: Node) {
        self.settings = settings
        self.node = node
    }

    private var timing: FleetTiming { settings.timing }

    /// `end` has to be called in the end.
    func start() { loop.withLock { $0 = Task { await run() } } }

    /// Has all schedulers hear at once what is new here.
    func hurry() { present.withLock { $0 }?.hurry() }

    /// Leaves the cluster.
    func end() async {
        let loop = loop.withLock { $0 }
        loop?.cancel()
        await loop?.value
        await present.withLock { $0.take() }?.end(goodbye: true)
        await nursery.end()
    }

    // MARK: - Finding a cluster

    private enum Finding {
        /// In the best cluster that there is.
        case settled
        /// In another one, or turned away.
        case makeshift
        case nothing
    }

    private func run() async {
        var pause = timing.firstPause
        while !Task.isCancelled {
            let finding = await seek()
            node.settled()
            switch finding {
            case .settled:
                pause = timing.firstPause
                await rest(.inSeconds(timing.routeInterval.inSeconds * .random(in: 0.8...1.2)))
            case .makeshift, .nothing:
                await rest(pause)
                pause = min(pause * 2, timing.longestPause)
            }
        }
    }

    /// Waits, but not when the cluster's schedulers have fallen silent.
    private func rest(_ time: Duration) async {
        let end = SteadyClock.now + time
        var silentSince: Instant?
        let wasAnswering = present.withLock { $0 }?.standing == .answering
        while SteadyClock.now < end, !Task.isCancelled {
            try? await Task.sleep(for: min(end - SteadyClock.now, .milliseconds(250)))
            let camp = present.withLock { $0 }
            node.present(camp?.answering ?? [])
            guard wasAnswering, let camp else { continue }
            let now = SteadyClock.now
            switch camp.standing {
            case .answering, .joining: silentSince = nil
            case .refused:
                adopt(ClusterView())
                return
            case .down: silentSince = silentSince ?? now
            }
            if let silentSince, now - silentSince >= timing.lostAfter { return }
        }
    }

    private func seek() async -> Finding {
        let candidates: [RouteAnswer.Candidate]
        do {
            candidates = try await findCandidates()
        } catch let error as FleetError {
            note(error.message)
            // Whoever may not ask any more is a part of nothing.
            if error.kind == .refused { await move(to: nil) }
            return .nothing
        } catch {
            return .nothing
        }
        for (index, candidate) in candidates.enumerated() where !Task.isCancelled {
            let finding: Finding = index == 0 ? .settled : .makeshift
            if let camp = present.withLock({ $0 }), camp.id == candidate.id {
                // Its own schedulers know best which there are.
                if camp.standing != .answering { camp.meet(candidate.schedulers) }
                switch await camp.verdict(within: timing.patience) {
                case .answering:
                    adopt(camp.view)
                    return finding
                case .refused(let why): return turnedAway(why)
                case .joining, .down: continue
                }
            }
            let camp = makeCamp(candidate)
            camp.meet(candidate.schedulers)
            switch await camp.verdict(within: timing.patience) {
            case .answering:
                await move(to: camp)
                return finding
            case .refused(let why) where present.withLock({ $0 })?.standing != .answering:
                await move(to: camp)
                return turnedAway(why)
            case .refused(let why), .down(let why): note(why)
            case .joining: break
            }
            guard !settings.managers.isEmpty else {
                // Nobody else could say more; its links go on trying.
                await move(to: camp)
                return .nothing
            }
            await camp.end(goodbye: false)
        }
        if candidates.isEmpty { note("no cluster has a scheduler that is alive") }
        return .nothing
    }

    /// Best first; throws `FleetError`.
    private func findCandidates() async throws -> [RouteAnswer.Candidate] {
        guard !settings.managers.isEmpty else {
            // All trackers that are named belong to one cluster; what they say themselves counts then.
            return [.init(id: -1, name: "", score: 0, reasons: [], schedulers: node.trackers)]
        }
        let reading = try await node.inquiry.route(
            node.question, managers: settings.managers, token: settings.joinToken, limit: timing.managerAnswer)
        return reading.answer.clusters.filter { !$0.schedulers.isEmpty }
    }

    private func makeCamp(_ candidate: RouteAnswer.Candidate) -> Camp {
        Camp(id: candidate.id, name: candidate.name, ends: node.ends, nursery: nursery) { [weak self] in
            self?.heardNews()
        }
    }

    private func turnedAway(_ why: String) -> Finding {
        note(why)
        adopt(ClusterView())
        return .makeshift
    }

    private func move(to camp: Camp?) async {
        let old = present.withLock { present in
            defer { present = camp }
            return present
        }
        if let camp, camp.standing == .answering {
            lastProblem.withLock { $0 = "" }
            let view = camp.view
            node.logger.info(
                "joined a cluster",
                metadata: ["cluster": "\(view.cluster)", "schedulers": "\(view.schedulers.joined(separator: ","))"])
            adopt(view)
        } else {
            adopt(ClusterView())
        }
        await old?.end(goodbye: true)
    }

    // MARK: - News

    private func heardNews() {
        guard let camp = present.withLock({ $0 }) else { return }
        adopt(camp.view)
    }

    private func adopt(_ view: ClusterView) {
        adopted.withLock { adopted in
            guard adopted?.isSame(as: view) != true else { return }
            adopted = view
            node.adopt(view)
        }
    }

    private func note(_ problem: String) {
        let isNew = lastProblem.withLock { last in
            defer { last = problem }
            return last != problem
        }
        if isNew { node.logger.warning("not in a cluster", metadata: ["reason": "\(problem)"]) }
    }
}
