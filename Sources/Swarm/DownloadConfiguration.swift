import MinionCore

/// What a download may do and how much at a time.
package struct DownloadConfiguration: Hashable, Sendable {
    package var introduction: PeerIntroduction
    /// Whether there is a tracker at all; without one the download reads the source alone.
    package var hasTracker = true
    /// Whether the source may be read.
    package var mayUseSource = true
    /// The version to begin with, without asking anybody; the tracker may name another all the same. Nil: the tracker or
    /// the source says which one.
    package var known: TaskVersion?
    /// Whether all of `known` is here already and the download is there to serve others: it opens `known`, and is complete
    /// when everything is found. It never asks the source or a neighbour for anything. It fails with `.incomplete` if
    /// pieces are missing (or `known` is nil), with `.outdated` if the tracker has another version.
    package var servesOnly = false
    /// Whether pieces are wanted from front to back.
    package var inOrder = false
    /// Neighbours that the download looks for by itself; as many again may come on their own.
    package var neighbours = 16
    /// Pieces asked of neighbours at a time.
    package var piecesInFlight = 8
    /// Reads of the source at a time.
    package var sourceReads = 2
    /// How long to go on without a tracker, and without anybody who has what is missing, before giving up.
    package var patience = Duration.seconds(30)
    /// The same when the source may not be read and the task has no other peer.
    package var lonePatience = Duration.seconds(3)

    package init(introduction: PeerIntroduction) { self.introduction = introduction }

    /// The most neighbours at any time.
    package var neighbourLimit: Int { 2 * neighbours }
}
