import Fleet
import ManagerStore
import MinionCore

extension Reception {
    /// Stores what the report says of hosts. What differs only in traffic is left to be written later.
    mutating func takeHosts(_ scheduler: Scheduler) throws {
        if report.hasAllHosts {
            let there = Set(report.hosts.lazy.filter(\.isActive).map(\.id))
            let gone = try store.activeRuns(of: scheduler.id).filter { !there.contains($0) }
            if !gone.isEmpty { try store.forgetHosts(of: scheduler.id, runs: gone) }
        }
        guard !report.hosts.isEmpty else { return }
        let gone = report.hosts.filter { !$0.isActive }.map(\.id)
        if !gone.isEmpty {
            try store.forgetHosts(of: scheduler.id, runs: gone)
            outcome.settled.formUnion(gone)
        }
        let removed = Set(try store.removedInstances.hosts(ofCluster: scheduler.schedulerClusterID))
        let there = report.hosts.filter { $0.isActive && !removed.contains($0.id) }
        try takeSeeds(there.filter(\.facts.isSeed), scheduler)
        try takePeers(there.filter { !$0.facts.isSeed }, scheduler)
    }

    private mutating func takeSeeds(_ hosts: [HostState], _ scheduler: Scheduler) throws {
        guard !hosts.isEmpty else { return }
        let cluster = try seedPeerCluster(of: scheduler.schedulerClusterID)
        let stored = try store.seedPeers.named(Self.names(of: hosts), inCluster: cluster)
        let before = Dictionary(stored.map { ([$0.hostName, $0.ip], $0) }) { first, _ in first }
        var changed: [[String]: SeedPeer] = [:]
        for host in hosts {
            let facts = host.facts
            let new = SeedPeer(
                hostName: facts.hostName, idc: facts.site, location: facts.location, ip: facts.endpoint.host,
                port: facts.endpoint.port, downloadPort: facts.endpoint.port, state: .active,
                seedPeerClusterID: cluster, version: facts.version, sighting: sighting(of: host, by: scheduler))
            let key = [new.hostName, new.ip]
            if let old = before[key] {
                var same = new
                (same.id, same.createdAt, same.updatedAt) = (old.id, old.createdAt, old.updatedAt)
                if isOnlyTraffic(same.sighting, old.sighting) { same.sighting = old.sighting }
                if same == old {
                    if new.sighting != old.sighting { outcome.traffic.append(new.sighting) }
                    continue
                }
            }
            changed[key] = new
            outcome.settled.insert(host.id)
        }
        try store.seedPeers.store(changed.values.sorted { ($0.hostName, $0.ip) < ($1.hostName, $1.ip) })
    }

    private mutating func takePeers(_ hosts: [HostState], _ scheduler: Scheduler) throws {
        guard !hosts.isEmpty else { return }
        let cluster = scheduler.schedulerClusterID
        let stored = try store.peers.named(Self.names(of: hosts), inCluster: cluster)
        let before = Dictionary(stored.map { ([$0.hostName, $0.ip], $0) }) { first, _ in first }
        var changed: [[String]: Peer] = [:]
        for host in hosts {
            let facts = host.facts
            let port = facts.endpoint.port
            let new = Peer(
                hostName: facts.hostName, type: "normal", idc: facts.site, location: facts.location,
                ip: facts.endpoint.host, port: port, downloadPort: port, proxyPort: 0, state: .active,
                os: facts.system, platform: facts.platform, platformFamily: facts.platformFamily,
                platformVersion: facts.platformVersion, kernelVersion: facts.kernelVersion, gitVersion: facts.version,
                gitCommit: facts.commit, buildPlatform: facts.buildPlatform, schedulerClusterID: cluster,
                sighting: sighting(of: host, by: scheduler))
            let key = [new.hostName, new.ip]
            if let old = before[key] {
                var same = new
                (same.id, same.createdAt, same.updatedAt) = (old.id, old.createdAt, old.updatedAt)
                if isOnlyTraffic(same.sighting, old.sighting) { same.sighting = old.sighting }
                if same == old {
                    if new.sighting != old.sighting { outcome.traffic.append(new.sighting) }
                    continue
                }
            }
            changed[key] = new
            outcome.settled.insert(host.id)
        }
        try store.peers.store(changed.values.sorted { ($0.hostName, $0.ip) < ($1.hostName, $1.ip) })
    }

    private static func names(of hosts: [HostState]) -> [String] { Set(hosts.map(\.facts.hostName)).sorted() }

    private func isOnlyTraffic(_ new: Sighting, _ old: Sighting) -> Bool {
        new.run == old.run && new.schedulerID == old.schedulerID
    }

    private func sighting(of host: HostState, by scheduler: Scheduler) -> Sighting {
        Sighting(
            schedulerID: scheduler.id, run: host.id, bytesFromSource: host.counters.bytesFromSource,
            bytesFromPeers: host.counters.bytesFromPeers, bytesSent: host.counters.bytesSent,
            downloads: Int64(host.counters.downloads), uploads: Int64(host.counters.uploads))
    }

    /// The seed peer cluster that works for a cluster; made if there is none.
    private func seedPeerCluster(of cluster: Int64) throws -> Int64 {
        if let first = try store.links.seedPeerClusters(of: [cluster])[cluster]?.first { return first.id }
        let name = try store.schedulerClusters.find(cluster).name
        let made =
            try store.seedPeerClusters.first(where: [.name: .of(name)])
            ?? store.seedPeerClusters.insert(SeedPeerCluster(name: name))
        try store.links.add(schedulerCluster: cluster, seedPeerCluster: made.id)
        return made.id
    }
}
