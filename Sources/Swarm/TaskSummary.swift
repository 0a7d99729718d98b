package import MinionCore

/// One task as people see it.
package struct TaskSummary: Codable, Hashable, Sendable {
    package var task: TaskID
    package var resource: String
    /// Bytes and piece count; nil until the source has been asked.
    package var size: Int64?
    package var pieces: Int?
    package var validator: String?
    package var peers: Int
    package var completePeers: Int
    package var openLeases: Int
    package var bytesFromSource: Int64
    package var bytesFromPeers: Int64
}

extension Tracker {
    /// All tasks, in no order.
    package var summaries: [TaskSummary] { taskIDs.compactMap { summary(of: $0) } }

    package func summary(of id: TaskID) -> TaskSummary? {
        guard let task = task(id) else { return nil }
        return TaskSummary(
            task: id, resource: task.resource, size: task.version?.size, pieces: task.layout?.count,
            validator: task.version?.validator, peers: task.peers.count,
            completePeers: task.peers.values.count(where: \.hasEverything), openLeases: task.leases.count,
            bytesFromSource: task.peers.values.reduce(0) { $0 + $1.bytesFromSource },
            bytesFromPeers: task.peers.values.reduce(0) { $0 + $1.bytesFromPeers })
    }
}
