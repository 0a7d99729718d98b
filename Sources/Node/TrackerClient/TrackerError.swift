/// Why there is no answer from a tracker.
package struct TrackerError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// No connection, no answer in time, or the tracker itself is in trouble (5xx). Worth another try.
        case unreachable
        /// Something answers there that is no tracker, or a broken one.
        case rubbish
        /// The tracker understood, and says no.
        case refused
    }

    package let kind: Kind
    /// One line that names the tracker.
    package let message: String

    init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { message }
}
