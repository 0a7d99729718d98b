/// Bounds of everything that is read from a network in the messages between nodes and trackers.
package enum WireLimits {
    /// A report's body, in bytes. The largest `have`, of 2^24 pieces, takes 4 MiB of it.
    package static let reportBytes = 6 << 20
    /// A reply's body, in bytes.
    package static let replyBytes = 2 << 20
    /// Proofs in one report or reply.
    package static let proofs = 4096
    /// Other pieces named in one report or reply.
    package static let pieces = 4096
    /// Neighbours complained about in one report.
    package static let dropped = 256
    /// Neighbours named in one reply.
    package static let neighbours = 256
    /// Peers on one page of a task's peers, and what such a page takes, in bytes.
    package static let peersPerPage = 1000
    package static let peerPageBytes = 2 << 20
    /// In bytes of UTF-8.
    package static let validatorBytes = HeaderValue.maximumValidatorLength
    package static let resourceBytes = 8 << 10
    package static let siteBytes = 64
    package static let locationBytes = 256
    package static let secretBytes = 128
    package static let messageBytes = 1 << 10
    /// A tracker's wish for the time to the next report is brought into this range.
    package static let nextReportSeconds = 0.01...3600.0
    /// Durations in messages are no longer.
    package static let seconds = 0.0...(366 * 86400.0)
    /// For how long a version may count as fresh: what is shared without a source does for years.
    package static let freshSeconds = 0.0...(100 * 366 * 86400.0)
    /// Bytes per second that anybody may claim.
    package static let rate = 0.0...1e15
}

/// What is wrong with a message.
package struct WireError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One line that names the field and what was expected of it.
    package var message: String

    package init(_ message: String) { self.message = message }

    package var description: String { message }
}
