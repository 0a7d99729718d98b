import MinionCore

/// Bounds of what a tracker remembers and grants.
package struct TrackerLimits: Hashable, Sendable {
    package var tasks = 20_000
    package var peersPerTask = 100_000
    /// Neighbours named in one reply at most.
    package var neighboursPerReply = 32
    /// Peers that are looked at to choose them, at most; nil: four for each that is asked for.
    package var peersLookedAt: Int?
    /// Peers that still download and have been introduced to one seed, at most; it is full for further ones.
    package var guestsPerSeed = 64
    /// Leases open at once in one task at most, whatever the number of peers.
    package var openLeases = 64
    /// Leases open at once at one peer at most.
    package var openLeasesPerPeer = 4
    /// How much of the source one lease covers, as a time at the rate that the peer gets there.
    package var leaseSpan = Duration.milliseconds(250)
    /// A lease without any progress for this long, on top of the time that its bytes should take, is taken back.
    package var leasePatience = Duration.seconds(6)
    /// The same for a stat of the source.
    package var statPatience = Duration.seconds(15)
    /// A peer that has not reported for this long is gone.
    package var peerExpiry = Duration.seconds(90)
    /// The same while it downloads and is expected to report every few seconds.
    package var activePeerExpiry = Duration.seconds(15)
    /// How often a peer that has everything reports.
    package var idleReport = Duration.seconds(30)
    /// How often a peer reports that still downloads.
    package var activeReport = Duration.seconds(2)
    /// Reports are held back for no longer than this.
    package var longestWait = Duration.seconds(10)

    /// How many neighbours a peer has been told of lately are remembered, so that it is not told of them again at once.
    var introductionsKept: Int { 2 * max(neighboursPerReply, 32) }
    var shortestExpiry: Duration { min(peerExpiry, activePeerExpiry) }

    package init() {}
}
