import MinionCore
import Synchronization

/// The clients of all lists of trackers that a node's tasks name; tasks with the same list share one, and with it what
/// is known of which trackers answer.
final class TrackerClients: Sendable {
    private struct Entry {
        let client: TrackerClient
        var users = 1
    }

    private let client: DirectClient
    private let entries = Mutex<[[String]: Entry]>([:])

    init(_ client: DirectClient) { self.client = client }

    /// The client of a list, which is not empty, until it is given back.
    func take(_ trackers: [String]) -> TrackerClient {
        entries.withLock { entries in
            if let known = entries[trackers] {
                entries[trackers]?.users += 1
                return known.client
            }
            let client = TrackerClient(client: client, trackers: trackers)
            entries[trackers] = Entry(client: client)
            return client
        }
    }

    func giveBack(_ trackers: [String]) {
        entries.withLock { entries in
            guard let entry = entries[trackers] else { return }
            if entry.users == 1 { entries[trackers] = nil } else { entries[trackers]?.users -= 1 }
        }
    }
}
