package import MinionCore

/// What others are told of the hosts.
extension HostTable {
    mutating func noteChange(of id: PeerID) {
        changes += 1
        hosts[id]?.change = changes
    }

    /// What has changed since `told`, of the hosts that this scheduler tells of, and the number to come back with once
    /// the manager knows it.
    ///
    /// - Parameter told: nil for all hosts that are there.
    package func states(since told: UInt64?) -> (hosts: [HostState], upTo: UInt64) {
        var states = told == nil ? [] : departed.values.filter { $0.change > told ?? 0 }.map(\.state)
        for (id, host) in hosts where host.isOwn && (told.map { host.change > $0 } ?? true) {
            states.append(HostState(id: id.hex, facts: host.facts, counters: host.counters, isActive: true))
        }
        // Who has gone comes first: somebody else may have come in its place.
        return (states.sorted { ($0.isActive ? 1 : 0, $0.id) < ($1.isActive ? 1 : 0, $1.id) }, changes)
    }

    /// The manager has been told.
    package mutating func forgetDeparted(upTo told: UInt64) {
        departed = departed.filter { $0.value.change > told }
    }

    /// Whether somebody has come or gone since: worth telling at once.
    package func hasMoves(since told: UInt64) -> Bool { lastMove > told }

    // MARK: Questions

    /// All hosts, in the order of their names.
    package var jobHosts: [JobHost] {
        hosts.map { JobHost(id: $0.key, facts: $0.value.facts) }.sorted()
    }

    /// The hosts by where their piece servers listen.
    package var byEndpoint: [Endpoint: JobHost] {
        Dictionary(hosts.map { ($0.value.facts.endpoint, JobHost(id: $0.key, facts: $0.value.facts)) }) { a, b in
            min(a, b)
        }
    }
}
