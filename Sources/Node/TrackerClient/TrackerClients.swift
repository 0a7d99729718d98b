import MinionCore
import NIOCore
import Synchronization

/// The clients of all lists of trackers that a node's tasks name; tasks with the same list share one.
final class TrackerClients: Sendable {
    private struct Entry {
        let client: TrackerClient
        var users = 1
    }

    private let group: any EventLoopGroup
    private let entries = Mutex<[[String]: Entry]>([:])

    init(group: any EventLoopGroup) { self.group = group }

    /// The client of a list, until it is given back; nil if the list is empty.
    func take(_ trackers: [String]) -> TrackerClient? {
        guard !trackers.isEmpty else { return nil }
        return entries.withLock { entries in
            if let known = entries[trackers] {
                entries[trackers]?.users += 1
                return known.client
            }
            let client = TrackerClient(group: group, trackers: trackers)
            entries[trackers] = Entry(client: client)
            return client
        }
    }

    /// Ends the list's connections if nobody else uses them.
    func giveBack(_ trackers: [String]) async {
        let unused = entries.withLock { entries -> TrackerClient? in
            guard let entry = entries[trackers] else { return nil }
            guard entry.users == 1 else {
                entries[trackers]?.users -= 1
                return nil
            }
            return entries.removeValue(forKey: trackers)?.client
        }
        await unused?.shutdown()
    }
}
