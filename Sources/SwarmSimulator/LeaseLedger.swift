package import MinionCore
package import Swarm

/// Watches, from the outside, what a tracker grants: which piece is leased to whom and until when.
///
/// It takes a lease for ended as soon as the tracker has a reason to: it ran out, its piece was reported or returned, its
/// holder left, joined anew, was complained of, or has been silent for too long.
package struct LeaseLedger {
    private struct Entry {
        var holder: PeerID
        var expires: Int64
        var seconds: Double
    }

    let validator: String
    private var entries: [Entry?]
    private var lastSeen: [PeerID: Int64] = [:]
    private let silence: Int64

    /// - Parameter silence: how long a holder may be silent before it counts as gone.
    package init(validator: String, pieces: Int, silence: Duration) {
        self.validator = validator
        entries = Array(repeating: nil, count: pieces)
        self.silence = silence.nanoseconds
    }

    /// Notes what a peer tells, before the tracker sees it.
    package mutating func note(_ report: PeerReport, from peer: PeerID, at now: Int64) {
        lastSeen[peer] = now
        if report.introduction != nil || report.isStuck { release(peer) }
        for accused in report.dropped { release(accused) }
        for piece in report.returned { settle(piece, by: peer) }
        guard !report.fetched.isEmpty else { return }
        for proof in report.fetched { settle(proof.piece, by: peer) }
        for index in entries.indices {
            guard let entry = entries[index], entry.holder == peer, entry.expires > now else { continue }
            entries[index]?.expires = now + Duration.inSeconds(entry.seconds).nanoseconds
        }
    }

    private mutating func settle(_ piece: PieceIndex, by peer: PeerID) {
        guard entries.indices.contains(piece), entries[piece]?.holder == peer else { return }
        entries[piece] = nil
    }

    package mutating func release(_ peer: PeerID) {
        for index in entries.indices where entries[index]?.holder == peer { entries[index] = nil }
    }

    /// Enters a grant; returns the first piece that somebody else holds, and who.
    package mutating func grant(_ lease: Lease, to peer: PeerID, at now: Int64) -> (piece: PieceIndex, holder: PeerID)?
    {
        guard let run = lease.pieces(of: entries.count) else { return (lease.first, peer) }
        var conflict: (PieceIndex, PeerID)?
        for piece in run {
            if conflict == nil, !lease.isTakenOver, let entry = entries[piece], entry.holder != peer,
                entry.expires > now,
                now - lastSeen[entry.holder, default: 0] < silence
            {
                conflict = (piece, entry.holder)
            }
            entries[piece] = Entry(
                holder: peer, expires: now + Duration.inSeconds(lease.seconds).nanoseconds, seconds: lease.seconds)
        }
        return conflict
    }
}
