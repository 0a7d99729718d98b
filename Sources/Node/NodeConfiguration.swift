import Fleet
package import MinionCore
import Swarm

/// What a node is told when it starts.
package struct NodeConfiguration: Sendable {
    /// Where the piece server listens, `host:port`; port 0 picks a free one. Empty host: all addresses, IPv6 and IPv4.
    package var listen = ":0"
    /// Address that others reach this node at, if it is not the one the tracker sees.
    package var advertise: String?
    /// The place it is at (a data centre, say); empty if unknown.
    package var site = ""
    /// Where that place lies, most general first, as in `asia|cn|hz`; empty if unknown.
    package var location = ""
    /// Base URLs of the trackers of tasks that name none of their own, in order of preference.
    package var trackers: [String] = []
    /// Whether it is kept to fetch from sources first and to serve.
    package var isSeed = false
    /// Whether it serves others at all.
    package var mayUpload = true
    /// Whether sources may be read at all.
    package var mayUseSource = true
    package var limits = NodeLimits()
    package var fleet = FleetSettings()
    /// From where others than this host's users may have it read.
    package var preheatSources = SourceOptions.standardRules

    package init() {}

    /// The private node of one download, which is where and what the request says.
    package init(for request: DownloadRequest) {
        listen = request.listen
        advertise = request.advertise
        site = request.site
        trackers = request.trackers
        mayUpload = request.mayUpload
        mayUseSource = request.mayUseSource
    }

    /// Whether it is to become part of a fleet.
    var isMember: Bool { !fleet.joinToken.isEmpty && !(fleet.managers.isEmpty && trackers.isEmpty) }

    /// The address that it was given, if that is a single one that others may use.
    var address: String {
        let advertised = advertise.flatMap { Endpoint($0, defaultPort: 0) }
        let host = (advertised ?? Endpoint(hostOptional: listen))?.host ?? ""
        return IPAddress(host).map { $0.bytes.allSatisfy { $0 == 0 } } == false ? host : ""
    }
}

/// What all tasks of a node together may use. Can be changed while it runs.
package struct NodeLimits: Hashable, Codable, Sendable {
    /// Bytes per second from neighbours and sources; nil: unlimited.
    package var downloadRate: Double?
    /// Bytes per second to others; nil: unlimited.
    package var uploadRate: Double?
    /// Bytes per second from sources, which count as downloaded, too; nil: unlimited.
    package var sourceRate: Double?
    /// Requests of others that are served at a time.
    package var uploadSlots = 8
    /// Requests of others that are served or wait, at most; the next is told to go elsewhere. Nil: several hundred.
    package var uploadLimit: Int?
    /// Pieces that one task asks of neighbours at a time.
    package var piecesInFlight = 8

    package init() {}

    /// What is left of them within what a cluster allows.
    func within(_ policy: HostPolicy) -> NodeLimits {
        guard let rules = policy.rules else { return self }
        var limits = self
        let total = max(1, rules.loadLimit)
        limits.uploadLimit = min(uploadLimit ?? total, total)
        limits.uploadSlots = min(uploadSlots, total)
        if let pieces = rules.concurrentPieces { limits.piecesInFlight = max(1, min(piecesInFlight, pieces)) }
        return limits
    }

    var uploads: UploadQueue.Limits {
        uploadLimit.map { UploadQueue.Limits(slots: uploadSlots, total: $0) }
            ?? UploadQueue.Limits(slots: max(1, uploadSlots))
    }
}
