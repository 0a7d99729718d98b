package import MinionCore

/// One part of a job while a scheduler does it: chooses hosts, gives them orders, a few at a time, and gathers what comes
/// of them. Rules only, without input or output.
package struct JobRun: Sendable {
    package struct Limits: Hashable, Sendable {
        /// For how long a job waits for a host to come that it could use, if there is none.
        package var hostPatience = Duration.seconds(2)
        /// For how long a host that is gone in the middle may come back.
        package var returnPatience = Duration.seconds(10)
        /// How often a host is told to try, in all.
        package var attempts = 2
        /// Results in a report, at most; failures come first.
        package var results = 50_000
        package var progress = 1000

        package init() {}
    }

    package enum Action: Hashable, Sendable {
        case order(HostOrder, to: PeerID)
        case withdraw(order: String, from: PeerID)
    }

    /// What one host does for one unit.
    struct Attempt: Sendable {
        var number = 1
        var bytes: Int64 = 0
        var size: Int64?
    }

    /// One URL, or one removal, on some hosts.
    struct Unit: Sendable {
        var url: String
        /// What hosts are to do.
        var action: HostOrder.Action
        /// Places in `targets` whose turn has not come.
        var waiting: [Int] = []
        var running: [Int: Attempt] = [:]
        /// Hosts that could do it if the present one cannot.
        var spare: [Int] = []
        /// What hosts before the present one said.
        var failures: [JobPartReport.HostResult] = []
        var size: Int64?

        var isEnded: Bool { waiting.isEmpty && running.isEmpty }
    }

    struct Target: Sendable {
        var host: JobHost
        /// Since when it is gone; nil while it is there.
        var lost: Instant?
        /// Of all its attempts that are not given up.
        var bytes: Int64 = 0
        var size: Int64 = 0
        /// Whether anything of it was under way.
        var isUsed = false

        var isThere: Bool { lost == nil }
    }

    package let id: String
    let limits: Limits
    let deadline: Instant
    let timeout: Double
    let began: Instant
    /// Until then, hosts may still be finding the scheduler, which has only just started.
    let settled: Instant
    /// What the job calls this scheduler in messages.
    let place: String
    let scope: PreheatWork.Scope?
    let concurrentUnits: Int
    let concurrentHosts: Int
    private let wishes: Wishes?
    /// For each unit, the key that decides which seed gets it.
    private let keys: [String]
    var units: [Unit]
    var targets: [Target] = []
    var places: [PeerID: Int] = [:]
    /// Units under way.
    var active: [Int] = []
    /// The first unit that has not begun.
    var next = 0
    var hasHosts = false
    var results: [JobPartReport.HostResult] = []
    package internal(set) var state = JobPartReport.State.running
    var error = ""
    var actions: [Action] = []

    /// Which of the hosts in scope.
    private struct Wishes: Sendable {
        var addresses: [String]
        var count: Int?
        var percentage: Int?
    }

    /// Makes a preheat.
    ///
    /// - Parameters:
    ///   - place: what messages call this scheduler: `cluster 1 scheduler 10.0.0.1`.
    ///   - settled: until then, hosts may still be finding the scheduler.
    ///   - key: the id of the task that a URL is, by which seeds share the work.
    package init(
        preheating work: PreheatWork, part: JobPart, place: String, settled: Instant = .zero, limits: Limits = Limits(),
        at now: Instant, key: (String) -> String
    ) {
        id = part.id
        self.limits = limits
        self.place = place
        self.settled = max(settled, now + limits.hostPatience)
        began = now
        timeout = part.timeoutSeconds
        deadline = now + .inSeconds(part.timeoutSeconds)
        scope = work.scope
        concurrentUnits = max(1, work.concurrentTasks)
        concurrentHosts = max(1, work.concurrentPeers)
        wishes = Wishes(addresses: work.addresses, count: work.count, percentage: work.percentage)
        keys = work.urls.map(key)
        units = work.urls.map { url in
            var order = FetchOrder(url: url, timeoutSeconds: part.timeoutSeconds)
            order.headers = work.headers
            order.tag = work.tag
            order.application = work.application
            order.ignoredParameters = work.ignoredParameters
            order.pieceLength = work.pieceLength
            return Unit(url: url, action: .fetch(order))
        }
        if units.isEmpty { end(.failed, "there is nothing to preheat") }
    }

    /// Makes a removal from the hosts that have a task.
    package init(deleting task: String, part: JobPart, on hosts: [JobHost], limits: Limits = Limits(), at now: Instant)
    {
        id = part.id
        self.limits = limits
        place = ""
        settled = now
        began = now
        timeout = part.timeoutSeconds
        deadline = now + .inSeconds(part.timeoutSeconds)
        scope = nil
        concurrentUnits = 1
        concurrentHosts = 500
        wishes = nil
        keys = [task]
        units = [Unit(url: "", action: .delete(task: task))]
        begin(on: hosts.sorted()) { _ in Array(hosts.indices) }
        if hosts.isEmpty { end(.succeeded) }
    }

    // MARK: Choosing hosts

    /// Whether it has not chosen its hosts yet: `choose` wants to be called from time to time.
    package var wantsHosts: Bool { !hasHosts && state == .running }

    /// Chooses among the hosts that are there, and begins; or waits for hosts to come; or fails if none does.
    package mutating func choose(from hosts: [JobHost], at now: Instant) -> [Action] {
        perform { run in
            guard run.wantsHosts, let scope = run.scope else { return }
            guard now < run.deadline else { return run.end(.failed, run.timeoutText) }
            let inScope = hosts.filter { scope == .allPeers || $0.isSeed }.sorted()
            guard !inScope.isEmpty else {
                guard now >= run.settled else { return }
                return run.end(.failed, "\(run.place) no available \(scope == .allPeers ? "peer" : "seed peer")")
            }
            switch scope {
            case .singleSeedPeer: run.chooseSeeds(inScope)
            case .allSeedPeers, .allPeers:
                // More may be on their way to a scheduler that has only just started.
                guard now >= run.settled || run.settled <= run.began + run.limits.hostPatience else { return }
                run.chooseAll(inScope)
            }
            run.advance(at: now)
        }
    }

    /// One seed for each URL, the others behind it in an order that differs from URL to URL.
    private mutating func chooseSeeds(_ seeds: [JobHost]) {
        let names = seeds.map { "\($0.name)/\($0.address)/\($0.id.hex)" }
        let byName = Dictionary(zip(names, names.indices)) { first, _ in first }
        begin(on: seeds) { [keys] unit in
            SchedulerRing.order(of: names, for: keys[unit]).compactMap { byName[$0] }
        }
        for index in units.indices {
            units[index].spare = Array(units[index].waiting.dropFirst())
            units[index].waiting = Array(units[index].waiting.prefix(1))
        }
    }

    private mutating func chooseAll(_ hosts: [JobHost]) {
        guard let wishes else { return }
        var chosen = hosts
        if !wishes.addresses.isEmpty {
            let wanted = Set(wishes.addresses)
            chosen = hosts.filter { wanted.contains($0.address) }
            for missing in wanted.subtracting(chosen.map(\.address)).sorted() {
                for unit in units {
                    results.append(
                        JobPartReport.HostResult(
                            url: unit.url, hostName: "", address: missing, isSeed: false,
                            failure: "no such host is in scope"))
                }
            }
        } else if let count = wishes.count {
            chosen = Array(hosts.prefix(max(1, count)))
        } else if let percentage = wishes.percentage {
            chosen = Array(hosts.prefix(max(1, hosts.count * min(100, percentage) / 100)))
        }
        begin(on: chosen) { _ in Array(chosen.indices) }
    }

    /// - Parameter order: for each unit, the places of its hosts.
    private mutating func begin(on hosts: [JobHost], _ order: (Int) -> [Int]) {
        hasHosts = true
        targets = hosts.map { Target(host: $0) }
        for (place, host) in hosts.enumerated() { places[host.id] = place }
        for index in units.indices { units[index].waiting = order(index) }
    }

    mutating func perform(_ body: (inout JobRun) -> Void) -> [Action] {
        actions.removeAll(keepingCapacity: true)
        body(&self)
        return actions
    }

    // MARK: Ending

    var timeoutText: String { "timed out after \(Int(timeout)) s" }

    /// - Parameter error: why it failed as a whole.
    mutating func end(_ state: JobPartReport.State, _ error: String = "") {
        self.state = state
        self.error = error
    }
}
