package import MinionCore

/// One peer of a task as people see it.
package struct PeerSummary: Codable, Hashable, Sendable {
    package var id: PeerID
    /// Where its piece server listens.
    package var endpoint: Endpoint
    package var site: String
    package var location: String
    package var isSeed: Bool
    /// How many pieces it says that it has, and whether these are all.
    package var pieces: Int
    package var complete: Bool
    /// What its uplink carries, in bytes per second; 0 if not known.
    package var uplink: Double
    package var bytesFromSource: Int64
    package var bytesFromPeers: Int64
    /// How long ago it joined.
    package var ageSeconds: Double
}

/// A task and some of its peers, in the order of their ids.
package struct PeerPage: Codable, Hashable, Sendable {
    package var task: TaskSummary
    package var peers: [PeerSummary]
    /// If there are more: the id after which they come.
    package var next: PeerID?

    package init(task: TaskSummary, peers: [PeerSummary], next: PeerID? = nil) {
        self.task = task
        self.peers = peers
        self.next = next
    }
}

extension Tracker {
    /// The peers of a task with ids above `after`, the lowest `limit` of them. Nil if there is no such task.
    ///
    /// - Precondition: `limit` is at least 1.
    package func peerPage(of id: TaskID, after: PeerID?, limit: Int, at now: Instant) -> PeerPage? {
        guard let task = task(id), let summary = summary(of: id) else { return nil }
        let ids = lowest(limit + 1, of: task.order, after: after)
        let peers = ids.prefix(limit).compactMap { id in
            task.peers[id].map { PeerSummary(id, $0, at: now) }
        }
        return PeerPage(task: summary, peers: peers, next: ids.count > limit ? peers.last?.id : nil)
    }

    /// In order. A task may have very many peers: they are not sorted all for a page of a few.
    private func lowest(_ count: Int, of all: [PeerID], after: PeerID?) -> [PeerID] {
        var found: [PeerID] = []
        var bound: PeerID?
        for id in all where after.map({ $0 < id }) ?? true && bound.map({ id < $0 }) ?? true {
            found.append(id)
            guard found.count >= 2 * count else { continue }
            found.sort()
            found.removeLast(found.count - count)
            bound = found.last
        }
        return Array(found.sorted().prefix(count))
    }
}

extension PeerSummary {
    fileprivate init(_ id: PeerID, _ peer: TrackedPeer, at now: Instant) {
        self.init(
            id: id, endpoint: peer.introduction.endpoint, site: peer.introduction.site,
            location: peer.introduction.location, isSeed: peer.introduction.isSeed, pieces: peer.have?.count ?? 0,
            complete: peer.hasEverything, uplink: peer.uplink, bytesFromSource: peer.bytesFromSource,
            bytesFromPeers: peer.bytesFromPeers, ageSeconds: max(0, (now - peer.joined).inSeconds))
    }
}
