import MinionCore
import Swarm
import Synchronization

/// The trackers of one run. The list may change while it runs: a cluster gets another scheduler, or loses one.
final class RunTracker: Sendable {
    private struct Present {
        var trackers: [String]
        var client: TrackerClient
    }

    private let clients: TrackerClients
    private let present: Mutex<Present>

    /// Nil if there are none. `giveBack` has to be called in the end.
    init?(_ trackers: [String], of clients: TrackerClients) {
        guard !trackers.isEmpty else { return nil }
        self.clients = clients
        present = Mutex(Present(trackers: trackers, client: clients.take(trackers)))
    }

    private var client: TrackerClient { present.withLock { $0.client } }

    /// Asks these from the next report on. An empty list changes nothing.
    func follow(_ trackers: [String]) {
        guard !trackers.isEmpty else { return }
        let old = present.withLock { present -> [String]? in
            guard present.trackers != trackers else { return nil }
            defer { present = Present(trackers: trackers, client: clients.take(trackers)) }
            return present.trackers
        }
        if let old { clients.giveBack(old) }
    }

    /// See `TrackerClient.report`.
    func report(_ report: PeerReport, task: TaskID, peer: PeerID) async throws -> TrackerReply {
        try await client.report(report, task: task, peer: peer)
    }

    /// See `TrackerClient.leave`.
    func leave(task: TaskID, peer: PeerID, secret: String) async {
        await client.leave(task: task, peer: peer, secret: secret)
    }

    func giveBack() { clients.giveBack(present.withLock { $0.trackers }) }
}
