import MinionCore
import PieceStore
import Swarm

/// Everything that can happen to a running download, in one queue.
enum EngineEvent: Sendable {
    /// One more who waits for the task.
    case join(DownloadListener)
    /// One who waits no more, or needs no more what it got.
    case leave(DownloadListener)
    /// Other limits, or another priority.
    case limits(NodeLimits)
    /// The node's trackers for this task have changed.
    case trackers([String])
    /// The content may not be given to others any more; why, in a line.
    case forbidden(String)
    /// Something for the rules. Events of an earlier version's transfers carry its generation and are dropped.
    case swarm(DownloadEvent, generation: Int?)
    case trackerReplied(TrackerReply)
    case trackerFailed(TrackerError)
    case statted(SourceReader.Stat)
    /// `bytes` more have come of a source without a length; `path` has the first `end` of them.
    case unsizedProgress(path: String, bytes: Int64, end: Int64)
    case unsizedRead(Result<OpenedContent, UnsizedFailure>)
    case opened(OpenedContent)
    case openFailed(StorageError)
    case news(PeerID, NewsLink, NewsLink.Event)
    /// The disk does not take what a version's transfers bring. Of an earlier version it is dropped, like all its events.
    case diskFailed(StorageError, generation: Int)
    /// The listener's digest has come as far as it was sent.
    case digested(DownloadListener)
    /// What came of giving the complete content to those who waited for it.
    case concluded(Conclusion.Results)
    /// What is served has been changed or removed by somebody else, or evicted.
    case contentLost
    /// The rules asked to be woken.
    case timer
    /// Time to tell how far it is.
    case tick
    /// End everything; what is complete is no longer offered, and is removed if so wished.
    case stop(removingFile: Bool)
}

enum UnsizedFailure: Error, Sendable {
    case source(SourceFailure)
    case disk(StorageError)
}
