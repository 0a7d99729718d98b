package import MinionCore

/// A host as a job sees it.
package struct JobHost: Hashable, Comparable, Sendable {
    package var id: PeerID
    package var name: String
    package var address: String
    package var isSeed: Bool

    package init(id: PeerID, name: String, address: String, isSeed: Bool) {
        self.id = id
        self.name = name
        self.address = address
        self.isSeed = isSeed
    }

    package init(id: PeerID, facts: HostFacts) {
        self.init(id: id, name: facts.hostName, address: facts.endpoint.host, isSeed: facts.isSeed)
    }

    package static func < (a: JobHost, b: JobHost) -> Bool {
        (a.name, a.address, a.id) < (b.name, b.address, b.id)
    }

    /// Whether both are one machine's, which may have been started again in between.
    package func isSameMachine(as other: JobHost) -> Bool {
        id == other.id || name == other.name && address == other.address && isSeed == other.isSeed
    }
}
