import Crypto
import Fleet
import MinionCore
import Scheduler
import Synchronization

/// A manager that says what a test wants, and keeps what it is told.
final class FakeManager: ManagerLink {
    struct State {
        var reports: [SchedulerReport] = []
        var news: SchedulerNews?
        var refusal: String?
        var removedHosts: [String] = []
        var jobs: [JobPart] = []
        var withdrawn: [String] = []
        var isAway = false
        /// As the manager's rows would be.
        var hosts: [String: HostState] = [:]
        /// The last that was told of each part, and whether the scheduler still tells of it.
        var parts: [String: JobPartReport] = [:]
        var openParts: Set<String> = []
        var hasLeft = false
    }

    static let token = "mnj_good"
    let state = Mutex(State())

    init(schedulers: [String] = [], tokens: [JoinTokenHash] = [FakeManager.hash(FakeManager.token)]) {
        let news = SchedulerNews(
            tag: "t1", rules: ClusterRules(clusterID: 7, clusterName: "seven"), joinTokens: tokens,
            schedulers: schedulers)
        state.withLock { $0.news = news }
    }

    static func hash(_ token: String, expires: Double? = nil) -> JoinTokenHash {
        JoinTokenHash(hash: Hex.text(Array(SHA256.hash(data: Array(token.utf8)))), expires: expires)
    }

    func send(_ report: SchedulerReport) async throws -> SchedulerReply {
        try state.withLock { state in
            guard !state.isAway else { throw ManagerLinkError("the manager is away") }
            state.reports.append(report)
            var reply = SchedulerReply()
            reply.refusal = state.refusal
            guard reply.refusal == nil else { return reply }
            reply.id = 3
            if let news = state.news, report.known != news.tag { reply.news = news }
            if report.hasAllHosts { state.hosts = [:] }
            for host in report.hosts { state.hosts[host.id] = host.isActive ? host : nil }
            for part in report.jobs { state.parts[part.id] = part }
            state.openParts = Set(report.jobs.map(\.id))
            reply.removedHosts = state.removedHosts
            reply.withdrawn = state.withdrawn
            reply.jobs = Array(state.jobs.prefix(report.wantsJobs))
            state.jobs.removeFirst(reply.jobs.count)
            if report.isLeaving { state.hasLeft = true }
            return reply
        }
    }

    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    /// New news with something changed.
    func changeNews(_ body: (inout SchedulerNews) -> Void) {
        state.withLock { state in
            guard var news = state.news else { return }
            body(&news)
            news.tag += "+"
            state.news = news
        }
    }

    /// Waits until the state is as it should be; false if it is not within ten seconds.
    func waits(for condition: (State) -> Bool) async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < deadline {
            if state.withLock({ condition($0) }) { return true }
            try await Task.sleep(for: .milliseconds(5))
        }
        return false
    }
}
