package import MinionCore
package import Swarm

/// Everything that determines a simulated run: the hosts and their links, the source, the tracker, what goes wrong when,
/// and the seed of all random draws.
package struct Scenario: Sendable {
    package var seed: UInt64
    package var size: Int64
    /// Bytes per piece; nil: as the size suggests.
    package var pieceSize: Int64?
    package var hosts: [HostPlan]
    package var source = SourcePlan()
    package var tracker = TrackerPlan()
    /// Upload slots and waiting places of each host.
    package var uploadLimits = UploadQueue.Limits()
    /// Most neighbours that a host looks for; nil: the rules' own number.
    package var neighbours: Int?
    /// Virtual time after which a run is given up.
    package var deadline: Duration
    /// How the links are shared.
    package var precision = Precision.automatic

    package enum Precision: Hashable, Sendable {
        /// Exact up to `Scenario.exactHosts` hosts.
        case automatic
        case exact
        /// All rates are computed anew after each such fraction of the time that one piece takes on a median link.
        case perPiece(Double)
    }

    /// The largest swarm that is simulated exactly unless asked otherwise.
    package static let exactHosts = 100

    package init(seed: UInt64, size: Int64, hosts: [HostPlan], deadline: Duration = .seconds(86_400)) {
        self.seed = seed
        self.size = size
        self.hosts = hosts
        self.deadline = deadline
    }

    /// What is distributed, as it is cut at first.
    package var layout: PieceLayout? {
        if let pieceSize { PieceLayout(size: size, pieceSize: pieceSize) } else { PieceLayout(size: size) }
    }
}

/// A host's link, and what it may and does do.
package struct HostPlan: Hashable, Sendable {
    /// What its link carries in each direction, framing included.
    package var up: ByteRate
    package var down: ByteRate
    /// One-way delay from the host to the middle of the network; that between two hosts is the sum of theirs.
    package var delay: Duration
    /// When it joins.
    package var start = Duration.zero
    package var canFetch = true
    package var canUpload = true
    package var inOrder = false
    package var site = ""
    package var location = ""
    package var isSeed = false
    /// What it starts with and only serves; nil: it downloads.
    package var holds: HeldContent?
    /// Announces every piece and has none of them to give.
    package var lies = false
    /// Everything it sends is damaged.
    package var corrupts = false
    package var faults: [Timed<HostFault>] = []

    package init(up: ByteRate, down: ByteRate, delay: Duration = .zero) {
        self.up = up
        self.down = down
        self.delay = delay
    }
}

/// What a host has from the start: a cached file, or one that it shares.
package struct HeldContent: Hashable, Sendable {
    /// The number of the version: 0 is the first, and each change of the source makes one more.
    package var version = 0
    /// For how many seconds it still counts as fresh; nil: as long as if the source had just confirmed it.
    package var freshSeconds: Double?
    /// Whether it has the tracker's signatures from an earlier time.
    package var isSigned = true
    /// So many pieces, those at the end, are not there although it believes so.
    package var lacks = 0

    package init() {}
}

/// Something that comes about at a time.
package struct Timed<What: Hashable & Sendable>: Hashable, Sendable {
    package var at: Duration
    package var what: What

    package init(_ what: What, at: Duration) {
        self.at = at
        self.what = what
    }
}

package enum HostFault: Hashable, Sendable {
    /// The process is killed; its connections end.
    case dies
    /// The machine is gone; its connections hang until they time out.
    case vanishes
    /// It says good-bye to the tracker and goes.
    case leaves
    /// A host that is gone starts over with what is on its disk.
    case restarts
    /// Nothing leaves its uplink any more, though connections stay.
    case stalls
    case recovers
}

/// The server that the file comes from.
package struct SourcePlan: Hashable, Sendable {
    /// What its uplink carries, framing included.
    package var up = ByteRate(bytesPerSecond: 125e6)
    package var delay = Duration.zero
    package var hasRanges = true
    /// Without `Content-Length`, the size and the version are known only once somebody has read the whole body.
    package var hasLength = true
    /// There is no source: all versions are of files that hosts share.
    package var isAbsent = false
    package var faults: [Timed<SourceFault>] = []

    package init() {}
}

package enum SourceFault: Hashable, Sendable {
    /// Every request fails like this, and reads under way break.
    case fails(SourceFailure.Kind)
    case recovers
    /// From now on it has another version, of this size.
    case changes(size: Int64)
    /// Its uplink carries this part of what it carried at first; 0: connections hang.
    case slows(Double)
}

package struct TrackerPlan: Hashable, Sendable {
    package var delay = Duration.zero
    package var limits = TrackerLimits()
    package var faults: [Timed<TrackerFault>] = []

    package init() {}
}

package enum TrackerFault: Hashable, Sendable {
    /// Loses its memory.
    case restarts
    /// Connections are refused from now on.
    case closes
    /// Reports get lost from now on; peers wait until they time out.
    case hangs
    case recovers
}

extension Scenario {
    /// When the last of the planned joins and faults comes about.
    package var lastChange: Duration {
        let times =
            hosts.flatMap { $0.faults.map(\.at) + [$0.start] } + source.faults.map(\.at) + tracker.faults.map(\.at)
        return times.max() ?? .zero
    }
}
