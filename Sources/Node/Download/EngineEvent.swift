import MinionCore
import PieceStore
import Swarm

/// Everything that can happen to a running download, in one queue.
enum EngineEvent: Sendable {
    /// Something for the rules. Events of an earlier version's transfers carry its generation and are dropped.
    case swarm(DownloadEvent, generation: Int?)
    case trackerReplied(TrackerReply)
    case trackerFailed(TrackerError)
    case statted(SourceReader.Stat)
    /// `bytes` more have come of a source without a length; `path` has the first `end` of them.
    case unsizedProgress(path: String, bytes: Int64, end: Int64)
    case unsizedRead(Result<UnsizedContent, UnsizedFailure>)
    case opened(PieceFile, TaskVersion, [PieceProof])
    case openFailed(String)
    case news(PeerID, NewsLink, NewsLink.Event)
    /// The disk does not take what a version's transfers bring. Of an earlier version it is dropped, like all its events.
    case diskFailed(StorageError, generation: Int)
    /// The prefix digest has come this far.
    case digested
    case published(DownloadError?)
    /// The rules asked to be woken.
    case timer
    /// Time to tell how far it is.
    case tick
    /// End everything; what is complete is no longer offered, and is removed if so wished.
    case stop(removingFile: Bool)
}

/// What a source without a length has brought, once it was read to its end.
struct UnsizedContent: Sendable {
    let version: TaskVersion
    let file: PieceFile
    let proofs: [PieceProof]
}

enum UnsizedFailure: Error, Sendable {
    case source(SourceFailure)
    case disk(String)
}
