package import MinionCore

/// Questions to a tracker, which change nothing.
extension Tracker {
    package enum Membership: Hashable, Sendable {
        case unknown
        /// The peer is there, but its secret is another.
        case wrongSecret
        case confirmed
    }

    package func membership(of peer: PeerID, in id: TaskID, secret: String) -> Membership {
        guard let known = task(id)?.peers[peer] else { return .unknown }
        return known.introduction.secret == secret ? .confirmed : .wrongSecret
    }

    package func hasTask(_ id: TaskID) -> Bool { task(id) != nil }

    /// The resources of all tasks, each once.
    package var resources: Set<String> { Set(taskIDs.compactMap { task($0)?.resource }) }

    /// What those peers of all tasks with this resource said of themselves that serve others and have something to serve.
    package func introductions(ofResource resource: String) -> [PeerIntroduction] {
        var found: [PeerIntroduction] = []
        for id in taskIDs {
            guard let task = task(id), task.resource == resource else { continue }
            for peer in task.peers.values where peer.introduction.canUpload && peer.hasSomething {
                found.append(peer.introduction)
            }
        }
        return found
    }
}
