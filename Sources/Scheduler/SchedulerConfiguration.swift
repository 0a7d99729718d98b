package import MinionCore
package import Swarm

/// How a scheduler runs.
package struct SchedulerConfiguration: Sendable {
    /// Addresses to listen on; port 0 picks a free one.
    package var listen = [Endpoint(host: "0.0.0.0", port: 8080)]
    /// The directory that keeps the tracker's key, so that proofs outlive a restart; it is made if it is missing. Nil:
    /// the key lives in memory only.
    package var dataDirectory: String?
    package var trackerLimits = TrackerLimits()
    package var minionLimits = MinionRegistry.Limits()
    /// Connections at each listen address at most; more have to wait. Fewer are taken if the process may not open so
    /// many files.
    package var maximumConnections = 65_536
    /// A connection without a request for so long is closed.
    package var idleTimeout = Duration.seconds(75)
    /// A request that has not arrived wholly within this time of its head is given up.
    package var requestTimeout = Duration.seconds(30)
    /// Bytes of large request bodies that are in memory at once, at most. Bodies up to `smallBody` do not count.
    package var largeBodies = 256 << 20
    /// After a stop, what is still open is cut off this much later.
    package var shutdownGrace = Duration.milliseconds(1500)
    /// What draws neighbours and samples at random is seeded with this.
    package var seed = UInt64.random(in: .min ... .max)
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
