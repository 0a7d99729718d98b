import MinionCore
import Swarm

/// Runs a scenario: drives the very rules that real nodes and trackers run (`Download`, `Tracker`, `UploadQueue`) with a
/// virtual clock and a model of the network.
///
/// The model is one of fluids: a transfer flows at the rate that its two links leave it, max-min fair, after the
/// one-way delay of its request. Messages take the delay and no room. Left out are what TCP does until a connection has
/// found its rate, losses, processor time (hashing, TLS, the kernel), disks, and any link between the hosts' own ones:
/// a switch or an uplink that hosts share has to be put into the hosts' rates.
package final class Simulation {
    package let scenario: Scenario
    /// Whether the invariants are checked and a trace is kept.
    package let isChecked: Bool

    var now: Int64 = 0
    var random: SeededGenerator
    var queue = EventQueue<SimulationEvent>()
    var network: FlowNetwork
    var hosts: [SimulatedHost] = []
    let taskID: TaskID

    // MARK: Versions

    /// All versions that the source has or had, in order.
    var versions: [TaskVersion] = []
    var hashes: [[PieceHash]] = []

    // MARK: Pools

    var subscriptions: [Subscription] = []
    var requests = Pool<SimulatedRequest>()
    var fetches = Pool<SimulatedFetch>()
    var news = Pool<NewsBatch>()
    var statAnswers = Pool<StatAnswer>()
    var reports = Pool<ReportInTransit>()
    var replies = Pool<ReplyInTransit>()

    // MARK: Source

    var sourceFailure: SourceFailure.Kind?
    var hasSourceFailed = false
    var sourceVersion = 0
    var sourceBytes: Int64 = 0

    // MARK: Tracker

    enum TrackerState { case up, closed, hanging }
    var tracker: Tracker
    var trackerState = TrackerState.up
    var trackerTimerAt = Int64.max
    var tickets: [UInt64: TicketHolder] = [:]
    var nextTicket: UInt64 = 1
    /// Tickets whose holders have been told that there will be no answer, though the tracker may still give one.
    var forgotten: Set<UInt64> = []

    // MARK: Counts

    var counts = MessageCounts()
    /// Bytes that hosts had from hosts of other sites.
    package internal(set) var bytesBetweenSites: Int64 = 0
    var unsettled = 0
    var events: UInt64 = 0
    var ledger: LeaseLedger?
    var trace: Trace
    /// The invariants that did not hold; the run ends with the first.
    package internal(set) var violations: [String] = []

    /// Whether all pairs of hosts have the same delay, so that news need not be sent one by one.
    let isUniform: Bool
    /// Called every few thousand events.
    package var onProgress: ((SimulationProgress) -> Void)?

    /// Time until an attempt to reach a host that is gone without a trace is given up, and until an open connection to
    /// it is.
    static let connectTimeout: Int64 = 3_000_000_000
    static let silenceTimeout: Int64 = 25_000_000_000
    /// A read of the source, and a request to a neighbour, that brings nothing for this long is ended by the driver.
    static let readTimeout: Int64 = 15_000_000_000
    static let requestTimeout: Int64 = 30_000_000_000
    /// How often a download is told how far its transfers are.
    static let watchInterval: Int64 = 100_000_000
    /// Events between two full checks, and between two calls of `onProgress`.
    private static let checkInterval: UInt64 = 4096

    /// - Precondition: the scenario has hosts, and a layout.
    package init(_ scenario: Scenario, isChecked: Bool = false) {
        self.scenario = scenario
        self.isChecked = isChecked
        random = SeededGenerator(seed: scenario.seed)
        trace = Trace(capacity: isChecked ? 20_000 : 0)
        taskID = TaskID(hash: Self.hash(version: 0, piece: -1))
        tracker = Tracker(limits: scenario.tracker.limits, seed: random.next())
        var capacities: [Double] = []
        for host in scenario.hosts {
            capacities.append(host.up.bytesPerSecond / Bound.framing)
            capacities.append(host.down.bytesPerSecond / Bound.framing)
        }
        capacities.append(scenario.source.up.bytesPerSecond / Bound.framing)
        network = FlowNetwork(capacities: capacities, interval: Self.interval(for: scenario))
        isUniform = Set(scenario.hosts.map(\.delay)).count <= 1
        addVersion(size: scenario.size)
        if scenario.source.isAbsent { (sourceFailure, hasSourceFailed) = (.nameResolution, true) }
        for (index, plan) in scenario.hosts.enumerated() {
            let host = SimulatedHost(
                index: Int32(index), plan: plan, download: makeDownload(index: Int32(index), plan: plan, secret: ""),
                uploads: UploadQueue(limits: scenario.uploadLimits))
            hosts.append(host)
            queue.push(.hostStarts(host.index), at: plan.start.nanoseconds)
            for (number, fault) in plan.faults.enumerated() {
                queue.push(.hostFault(host.index, Int32(number)), at: fault.at.nanoseconds)
            }
        }
        unsettled = hosts.count
        for (number, fault) in scenario.source.faults.enumerated() {
            queue.push(.sourceFault(Int32(number)), at: fault.at.nanoseconds)
        }
        for (number, fault) in scenario.tracker.faults.enumerated() {
            queue.push(.trackerFault(Int32(number)), at: fault.at.nanoseconds)
        }
    }

    var sourceLink: FlowNetwork.Link { Int32(2 * hosts.count) }

    private static func interval(for scenario: Scenario) -> Int64 {
        let fraction: Double
        switch scenario.precision {
        case .exact: return 0
        case .automatic:
            if scenario.hosts.count <= Scenario.exactHosts { return 0 }
            fraction = 0.5
        case .perPiece(let value): fraction = value
        }
        let rates = scenario.hosts.flatMap { [$0.up.bytesPerSecond, $0.down.bytesPerSecond] }.sorted()
        let piece = Double(scenario.layout?.pieceSize ?? 1)
        return max(10_000, Int64(fraction * piece / rates[rates.count / 2] * 1e9))
    }

    /// Bytes that differ from version to version and from piece to piece.
    static func hash(version: Int, piece: PieceIndex) -> PieceHash {
        var generator = SeededGenerator(seed: UInt64(truncatingIfNeeded: version &* 1_000_003 &+ piece))
        var bytes: [UInt8] = []
        for _ in 0..<4 {
            let word = generator.next()
            for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * shift))) }
        }
        guard let hash = PieceHash(bytes: bytes) else { preconditionFailure("a hash has 32 bytes") }
        return hash
    }

    func addVersion(size: Int64) {
        let number = versions.count
        let layout: PieceLayout? =
            if let pieceSize = scenario.pieceSize {
                PieceLayout(size: size, pieceSize: pieceSize)
            } else {
                PieceLayout(size: size)
            }
        guard let layout else { preconditionFailure("a size that makes no layout") }
        versions.append(
            scenario.source.isAbsent
                ? TaskVersion(
                    validator: TaskVersion.sharedPrefix + "\(number)", layout: layout, hasRanges: false,
                    freshSeconds: 10 * 366 * 86_400)
                : TaskVersion(
                    validator: "\"v\(number)\"", layout: layout,
                    hasRanges: scenario.source.hasRanges && scenario.source.hasLength))
        hashes.append((0..<layout.count).map { Self.hash(version: number, piece: $0) })
        sourceVersion = number
    }

    func layout(of version: Int) -> PieceLayout {
        guard let layout = versions[version].layout else { preconditionFailure("versions are made from layouts") }
        return layout
    }

    func makeDownload(index: Int32, plan: HostPlan, secret: String) -> Download {
        let endpoint = Endpoint(host: "10.\(index >> 16).\(index >> 8 & 255).\(index & 255)", port: 7000)
        var configuration = DownloadConfiguration(
            introduction: PeerIntroduction(
                endpoint: endpoint, resource: "http://source/file", site: plan.site, location: plan.location,
                isSeed: plan.isSeed, canFetch: plan.canFetch, canUpload: plan.canUpload, secret: secret))
        configuration.mayUseSource = plan.canFetch
        configuration.inOrder = plan.inOrder
        if let held = plan.holds {
            configuration.servesOnly = true
            // A host that has not started yet may hold a version that is not there yet.
            configuration.known = held.version < versions.count ? versions[held.version] : nil
            if let seconds = held.freshSeconds { configuration.known?.freshSeconds = seconds }
        }
        if let neighbours = scenario.neighbours { configuration.neighbours = neighbours }
        return Download(configuration: configuration, seed: random.next())
    }

    // MARK: Delays

    func delay(_ a: SimulatedHost, _ b: SimulatedHost) -> Int64 {
        a.plan.delay.nanoseconds + b.plan.delay.nanoseconds
    }

    func sourceDelay(_ host: SimulatedHost) -> Int64 {
        host.plan.delay.nanoseconds + scenario.source.delay.nanoseconds
    }

    func trackerDelay(_ host: SimulatedHost) -> Int64 {
        host.plan.delay.nanoseconds + scenario.tracker.delay.nanoseconds
    }

    // MARK: Running

    /// Runs until every host is done or gone for good, the deadline has passed, or an invariant does not hold.
    package func run() -> SimulationReport {
        var finished: [FlowNetwork.Flow] = []
        let deadline = scenario.deadline.nanoseconds
        while unsettled > 0, violations.isEmpty {
            if queue.nextTime > now { network.settle(at: now) }
            let next = min(queue.nextTime, network.nextWake)
            guard next <= deadline else { break }
            now = max(now, next)
            if network.nextWake <= now {
                finished.removeAll(keepingCapacity: true)
                network.advance(to: now, finished: &finished)
                for flow in finished { flowFinished(flow) }
            } else if let (_, event) = queue.pop() {
                dispatch(event)
            }
            events &+= 1
            if events % Self.checkInterval == 0 {
                if isChecked { checkEverything() }
                onProgress?(progress)
            }
        }
        if isChecked, violations.isEmpty {
            checkEverything()
            checkLiveness()
        }
        return makeReport()
    }

    private var progress: SimulationProgress {
        SimulationProgress(virtualTime: .nanoseconds(now), settledHosts: hosts.count - unsettled, hosts: hosts.count)
    }

    private func dispatch(_ event: SimulationEvent) {
        switch event {
        case .hostStarts(let host): start(hosts[Int(host)])
        case .hostTimer(let host): timer(hosts[Int(host)])
        case .watch(let host, let life): withHost(host, life) { watch($0) }
        case .opened(let host, let life): withHost(host, life) { opened($0) }
        case .subscribeArrives(let number): subscribeArrives(number)
        case .subscribeAnswered(let number, let isAccepted): subscribeAnswered(number, isAccepted: isAccepted)
        case .subscriptionEnds(let number): subscriptionEnds(number)
        case .subscriberIsLost(let number): abandon(number)
        case .newsDue(let host, let life): withHost(host, life) { sendNews($0) }
        case .newsArrives(let batch, let subscription): newsArrives(batch, subscription: subscription)
        case .requestArrives(let key): requestArrives(key)
        case .answerArrives(let key): answerArrives(key)
        case .statArrives(let host, let life): withHost(host, life) { statArrives($0) }
        case .statAnswered(let key): statAnswered(key)
        case .fetchArrives(let key): fetchArrives(key)
        case .sourcePieceArrives(let key, let piece): sourcePieceArrives(key, piece: Int(piece))
        case .fetchEnds(let key): fetchEnds(key)
        case .reportArrives(let key): reportArrives(key)
        case .reportFails(let host, let life):
            withHost(host, life) {
                trace.add(.trackerFails, $0.index, at: now)
                deliver(.trackerFailed, to: $0)
            }
        case .replyArrives(let key): replyArrives(key)
        case .leaveArrives(let host, let life): leaveArrives(hosts[Int(host)], life: life)
        case .trackerTimer: trackerTimer()
        case .hostFault(let host, let number):
            apply(hosts[Int(host)].plan.faults[Int(number)].what, to: hosts[Int(host)])
        case .sourceFault(let number): apply(scenario.source.faults[Int(number)].what)
        case .trackerFault(let number): apply(scenario.tracker.faults[Int(number)].what)
        }
    }

    /// Runs `body` if the host is still in the life that an event belongs to.
    private func withHost(_ index: Int32, _ life: UInt32, _ body: (SimulatedHost) -> Void) {
        let host = hosts[Int(index)]
        guard host.isRunning, host.life == life else { return }
        body(host)
    }

    // MARK: A host's download

    func start(_ host: SimulatedHost) {
        host.state = .running
        host.life += 1
        // The low bits name the host; the rest are drawn, as a node does.
        host.peer = PeerID(random.next() << 24 | UInt64(host.index))
        host.secret = Hex.padded(random.next())
        host.download = makeDownload(index: host.index, plan: host.plan, secret: host.secret)
        host.uploads = UploadQueue(limits: scenario.uploadLimits)
        if host.life == 1, let held = host.plan.holds { host.hold(held, of: layout(of: held.version).count) }
        trace.add(.starts, host.index, at: now)
        deliver(.start, to: host)
    }

    func host(of peer: PeerID) -> SimulatedHost? {
        let index = Int(peer.value & 0xFF_FFFF)
        return index < hosts.count ? hosts[index] : nil
    }

    /// Gives a host's download an event and does what it answers.
    func deliver(_ event: DownloadEvent, to host: SimulatedHost) {
        guard host.isRunning else { return }
        if !host.unheard.isEmpty { catchUp(host) }
        for action in host.download.handle(event, at: Instant(nanoseconds: now)) { perform(action, for: host) }
        guard host.isRunning else { return }
        let wake = host.download.nextWake.nanoseconds
        if wake < host.timerAt {
            host.timerAt = max(wake, now)
            queue.push(.hostTimer(host.index), at: host.timerAt)
        }
        if isChecked { check(host) }
    }

    private func timer(_ host: SimulatedHost) {
        // A timer is not taken back when it has become pointless; only the one noted is the true one.
        guard host.timerAt == now else { return }
        host.timerAt = .max
        guard host.isRunning else { return }
        let wake = host.download.nextWake.nanoseconds
        if wake <= now {
            deliver(.timer, to: host)
            host.idleTimers = host.download.nextWake.nanoseconds <= now ? host.idleTimers + 1 : 0
            if host.idleTimers > 1000 {
                violate("host \(host.index) asks for a timer again and again without any time passing")
            }
        } else if wake < .max {
            host.timerAt = wake
            queue.push(.hostTimer(host.index), at: wake)
        }
    }

    private func perform(_ action: DownloadAction, for host: SimulatedHost) {
        switch action {
        case .report(let report): send(report, from: host)
        case .statSource:
            trace.add(.stats, host.index, at: now)
            queue.push(.statArrives(host.index, life: host.life), at: now + sourceDelay(host))
        case .open(let version): open(version, on: host)
        case .fetchSource(let run): fetch(run, by: host)
        case .cancelSource(let run): cancelFetch(run, by: host)
        case .connect(let info): connect(host, to: info)
        case .disconnect(let peer): disconnect(host, from: peer)
        case .request(let id, let piece, let peer): request(id, piece, of: peer, by: host)
        case .cancel(let id): cancel(id, by: host)
        case .offer(let proofs): offer(proofs, by: host)
        case .discard(let piece):
            trace.add(.discards, host.index, piece: piece, at: now)
            host.stored.remove(piece)
            host.proven.remove(piece)
        case .complete:
            trace.add(.completes, host.index, at: now)
            checkCompletion(host)
            settle(host) { host.completedAt = host.completedAt ?? now }
        case .fail(let failure):
            trace.add(.fails, host.index, at: now)
            checkFailure(failure, of: host)
            // A node that has failed ends its connections and says good-bye.
            queue.push(.leaveArrives(host.index, life: host.life), at: now + trackerDelay(host))
            stop(host)
            settle(host) {
                host.failure = failure
                host.state = .dead
            }
        }
    }

    /// Makes a change after which a host may no longer be waited for, or may be again.
    func settle(_ host: SimulatedHost, _ change: () -> Void) {
        let before = isAwaited(host)
        change()
        unsettled += (isAwaited(host) ? 1 : 0) - (before ? 1 : 0)
    }

    /// Whether the run goes on for this host's sake.
    private func isAwaited(_ host: SimulatedHost) -> Bool {
        if host.completedAt != nil { return false }
        switch host.state {
        case .notStarted: return true
        case .running: return host.failure == nil
        case .dead, .vanished:
            return host.plan.faults.contains { $0.what == .restarts && $0.at.nanoseconds >= now }
        }
    }

    // MARK: Disk

    private func open(_ version: TaskVersion, on host: SimulatedHost) {
        trace.add(.opens, host.index, at: now)
        guard let number = versions.firstIndex(where: { $0.isSameContent(as: version) }) else {
            return violate("host \(host.index) works on a version that the source never had")
        }
        if host.version != number {
            let count = layout(of: number).count
            host.version = number
            host.stored = PieceSet(capacity: count)
            host.proven = PieceSet(capacity: count)
        }
        if host.spooled == number { host.stored = PieceSet(full: host.stored.capacity) }
        host.spooled = -1
        host.offered = PieceSet(capacity: host.stored.capacity)
        host.news = nil
        host.isOpen = false
        endSubscribers(of: host)
        queue.push(.opened(host.index, life: host.life), at: now)
    }

    private func opened(_ host: SimulatedHost) {
        host.isOpen = true
        let hashes = hashes[host.version]
        let found = host.stored.map { piece in
            PieceProof(piece: piece, hash: hashes[piece], signature: host.proven.contains(piece) ? Self.signature : "")
        }
        deliver(.opened(found), to: host)
    }

    /// Stands for the tracker's signature under the right hash.
    static let signature = "signed"

    private func offer(_ proofs: [PieceProof], by host: SimulatedHost) {
        for proof in proofs {
            if proof.signature != Self.signature { violate("host \(host.index) offers piece \(proof.piece) unsigned") }
            host.proven.insert(proof.piece)
            guard host.offered.insert(proof.piece), host.plan.canUpload, !host.subscribers.isEmpty else { continue }
            if host.news == nil {
                host.news = PieceSet(capacity: host.offered.capacity)
                queue.push(.newsDue(host.index, life: host.life), at: now + host.newsPace.interval.nanoseconds)
            }
            host.news?.insert(proof.piece)
        }
    }
}

/// How far a run is.
package struct SimulationProgress: Sendable {
    package var virtualTime: Duration
    package var settledHosts: Int
    package var hosts: Int
}

/// Messages sent, by kind.
struct MessageCounts {
    var reports = 0
    var replies = 0
    var news = 0
    var requests = 0
    var subscriptions = 0
    var stats = 0
    var refusals = 0
}
