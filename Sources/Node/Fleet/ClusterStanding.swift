import Fleet
import MinionCore
import Synchronization

/// What a node has from its cluster; of none at first.
struct ClusterView: Sendable {
    /// Empty: it is in none.
    var cluster = ""
    /// Base URLs of the cluster's schedulers.
    var schedulers: [String] = []
    var policy = HostPolicy.free
    /// Changes with the policy.
    var tag = ""

    func isSame(as other: ClusterView) -> Bool {
        cluster == other.cluster && schedulers == other.schedulers && tag == other.tag
    }
}

/// Where all of a node look up what its cluster says.
final class ClusterStanding: Sendable {
    private let state = Mutex(ClusterView())
    private let isSettled: Atomic<Bool>

    /// - Parameter isMember: whether a cluster is looked for at all.
    init(isMember: Bool) { isSettled = Atomic(!isMember) }

    var view: ClusterView { state.withLock { $0 } }
    var policy: HostPolicy { state.withLock { $0.policy } }

    /// The cluster's schedulers in the order in which they are to be asked about a task; empty if there is no cluster.
    func trackers(for task: TaskID) -> [String] {
        let schedulers = state.withLock { $0.schedulers }
        return schedulers.count > 1 ? SchedulerRing.order(of: schedulers, for: task.hex) : schedulers
    }

    func set(_ view: ClusterView) { state.withLock { $0 = view } }

    /// It is known which cluster it is, or that there is none for the time being.
    func settle() { isSettled.store(true, ordering: .releasing) }

    /// Returns when that is known, but after `limit` at the latest.
    func settled(within limit: Duration) async {
        let deadline = SteadyClock.now + limit
        while !isSettled.load(ordering: .acquiring), SteadyClock.now < deadline, !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(10))
        }
    }
}
