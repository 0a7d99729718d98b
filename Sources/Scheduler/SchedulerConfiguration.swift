package import HTTPFront
package import Swarm

/// How a scheduler runs.
package struct SchedulerConfiguration: Sendable {
    /// How it listens, when it runs as a service of its own.
    package var front = FrontConfiguration()
    /// The directory that keeps the tracker's key, so that proofs outlive a restart; it is made if it is missing. Nil:
    /// the key lives in memory only.
    package var dataDirectory: String?
    package var trackerLimits = TrackerLimits()
    package var minionLimits = MinionRegistry.Limits()
    /// Bytes of large request bodies that are in memory at once, at most. Bodies up to `smallBody` do not count.
    package var largeBodies = 256 << 20
    /// What draws neighbours and samples at random is seeded with this.
    package var seed = UInt64.random(in: .min ... .max)
    /// How it belongs to a cluster; nil: it has no manager, and is nobody's.
    package var fleet: FleetConfiguration?
    /// The program's version, for the log.
    package var version = ""

    static let smallBody = 64 << 10

    package init() {}
}

/// Why a scheduler cannot start.
package struct SchedulerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One line: what happened, to what, and what to do.
    package var message: String

    package init(_ message: String) { self.message = message }

    package var description: String { message }
}
