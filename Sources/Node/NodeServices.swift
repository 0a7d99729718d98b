import Logging
import MinionCore
import NIOCore
import NIOPosix
import PieceStore
import Swarm
import Synchronization

/// What all tasks of a node share.
struct NodeServices: Sendable {
    let group: MultiThreadedEventLoopGroup
    let intake: PieceIntake
    /// For what takes a disk long: hashing whole files, putting them in their place.
    let pool: NIOThreadPool
    /// Nil: files are made where requests say.
    let cache: ContentCache?
    let sources: SourceClient
    /// To trackers and managers.
    let direct: DirectClient
    let trackers: TrackerClients
    /// What the node's cluster says, if it is in one.
    let standing: ClusterStanding
    let budget: HostBudget
    let server: PieceServer
    let shelf: Shelf
    let desk: TaskDesk
    let totals: NodeTotals
    let logger: Logger
    let configuration: NodeConfiguration
    /// Seconds since 1970.
    let wallClock: @Sendable () -> Double

    /// What one run borrows. Its tracker is to be given back in the end.
    func lend(to order: RunOrder, executor: EventLoopTaskExecutor, reception: Reception) -> RunServices {
        let budget = budget.open(weight: order.weight(standing.policy))
        return RunServices(
            group: group, executor: executor, intake: intake,
            source: sources.limited(by: budget.source), tracker: RunTracker(order.trackers, of: trackers),
            budget: budget, server: server, shelf: shelf, desk: desk, standing: standing, reception: reception,
            logger: logger, wallClock: wallClock)
    }

    /// The trackers of a task that names none: its cluster's schedulers, else those that the node was given.
    func trackers(for task: TaskID) -> [String] {
        let schedulers = standing.trackers(for: task)
        return schedulers.isEmpty ? configuration.trackers : schedulers
    }

    /// What a run tells trackers and neighbours of its node.
    func introduction(for order: RunOrder) -> PeerIntroduction {
        let secret = PeerID(.random(in: .min ... .max)).hex + PeerID(.random(in: .min ... .max)).hex
        return PeerIntroduction(
            endpoint: Endpoint(host: advertisedHost(order.trackers), port: server.port), resource: order.resource,
            site: configuration.site, location: configuration.location, isSeed: configuration.isSeed,
            canFetch: order.request.mayUseSource, canUpload: configuration.mayUpload && order.request.mayUpload,
            secret: secret)
    }

    /// The host that others are told; empty: the one that the tracker sees.
    func advertisedHost(_ trackers: [String]) -> String {
        if let advertise = configuration.advertise { return advertise }
        let host = Endpoint(hostOptional: configuration.listen)?.host ?? ""
        if !["", "0.0.0.0", "::"].contains(host) { return host }
        // A tracker on this very host sees a loopback address, which is of no use to others.
        guard let tracker = trackers.first, tracker.contains("://127.") || tracker.contains("://localhost"),
            let devices = try? System.enumerateDevices()
        else { return "" }
        let addresses = devices.compactMap(\.address)
        return addresses.first { $0.protocol == .inet && $0.ipAddress?.hasPrefix("127.") == false }?.ipAddress ?? ""
    }
}

/// What a node lends to one run of a task.
struct RunServices: Sendable {
    let group: any EventLoopGroup
    /// Where the run and its reads of the source run.
    let executor: EventLoopTaskExecutor
    let intake: PieceIntake
    let source: SourceClient
    /// Nil if no tracker was named.
    let tracker: RunTracker?
    let budget: TaskBudget
    let server: PieceServer
    let shelf: Shelf
    let desk: TaskDesk
    let standing: ClusterStanding
    let reception: Reception
    let logger: Logger
    /// Seconds since 1970.
    let wallClock: @Sendable () -> Double
}

/// Bytes of all runs that have ended, since the node's start.
final class NodeTotals: Sendable {
    struct Bytes: Sendable {
        var fromSource: Int64 = 0
        var fromPeers: Int64 = 0
    }

    private let state = Mutex(Bytes())

    var bytes: Bytes { state.withLock { $0 } }

    func add(_ progress: DownloadProgress) {
        state.withLock { bytes in
            bytes.fromSource += progress.bytesFromSource
            bytes.fromPeers += progress.bytesFromPeers
        }
    }
}
