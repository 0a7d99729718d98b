package import MinionCore

/// Names a request for one piece to one neighbour, unique in its download.
package typealias RequestID = UInt64

/// What happens to a download.
package enum DownloadEvent: Sendable {
    case start
    case trackerReplied(TrackerReply)
    /// The tracker could not be reached or answered rubbish. The report counts as not delivered.
    case trackerFailed
    /// The answer to `.statSource`.
    case sourceStat(StatOutcome)
    /// The answer to `.open`: the pieces found on disk, hashed again. The signature is empty where there is none that
    /// this tracker's key confirms.
    case opened([PieceProof])
    /// The source brought one piece of the run being fetched; it is stored, and this is its hash.
    case sourcePiece(PieceIndex, PieceHash)
    /// A fetch from the source has ended. Pieces of the run that did not arrive failed; nil if all arrived.
    case sourceEnded(Range<PieceIndex>, SourceFailure?)
    /// Another peer has subscribed to this one's news and said where it is itself.
    case neighbourIntroduced(NeighbourInfo)
    /// The news stream that `.connect` asked for is up.
    case neighbourConnected(PeerID)
    /// The neighbour has these pieces (too).
    case neighbourNews(PeerID, PieceSet)
    /// The connection ended or was refused, or nobody could be reached there at all. `.disconnect` has no such answer.
    case neighbourLost(PeerID, isUnreachable: Bool)
    /// So many bytes of a request have arrived altogether.
    case requestProgress(RequestID, bytes: Int64)
    /// So many more bytes have arrived from the source. Every byte is told once, before the piece that it belongs to.
    case sourceProgress(bytes: Int64)
    case requestEnded(RequestID, RequestOutcome)
    /// The time that `nextWake` named has come.
    case timer
    /// Somebody who may read the source waits for the content now.
    case sourceAllowed
}

package enum RequestOutcome: Hashable, Sendable {
    /// Hashed, matches this proof, which the tracker has signed; stored.
    case verified(PieceProof)
    /// The bytes do not match their proof, the proof is not the tracker's, or there is too much or too little.
    case bad
    /// The neighbour is full; ask again after this long.
    case overloaded(retryAfterSeconds: Double)
    /// The neighbour does not have the piece.
    case missing
    /// The connection broke, or the answer makes no sense.
    case failed
}

/// What a download does.
package enum DownloadAction: Sendable {
    /// Send to the tracker. A report that is still unanswered is superseded.
    case report(PeerReport)
    case statSource
    /// Make room for this version and tell what is there already; what another version left is thrown away.
    case open(TaskVersion)
    /// Read a run of pieces from the source, in order.
    case fetchSource(Range<PieceIndex>)
    case cancelSource(Range<PieceIndex>)
    case connect(NeighbourInfo)
    case disconnect(PeerID)
    case request(RequestID, PieceIndex, from: PeerID)
    case cancel(RequestID)
    /// These pieces may be served from now on; tell the neighbours. The signatures are to be kept with them.
    case offer([PieceProof])
    /// Throw away a stored piece, which turned out not to be the one on the tracker's list.
    case discard(PieceIndex)
    /// Every piece is there.
    case complete
    case fail(DownloadFailure)
}

/// Why a download cannot go on.
package enum DownloadFailure: Error, Hashable, Sendable {
    case source(SourceFailure)
    /// The source is forbidden and no peer has what is missing.
    case noPeers
    /// The tracker cannot be reached and the source is forbidden.
    case trackerUnreachable
    case refused(String)
    /// What was to be served is not all there.
    case incomplete
    /// What was to be served is not the version that the tracker knows.
    case outdated
}
