import MinionCore

/// Who is told of whom.
extension Tracker {
    /// Somebody whom a peer could be told of.
    private struct Candidate {
        let id: PeerID
        let score: Int
    }

    /// How many seeds are looked at to choose one for a newcomer.
    private static let seedsLookedAt = 16

    /// Picks neighbours for a peer: a seed, if it has none; the others drawn at random, those near it and those that have
    /// something it lacks first.
    mutating func introduce(to peer: PeerID, in task: inout TrackedTask) -> [NeighbourInfo] {
        guard let known = task.peers[peer], known.wantsNeighbours > 0, task.order.count > 1 else { return [] }
        let count = min(known.wantsNeighbours, limits.neighboursPerReply, limits.peersLookedAt ?? .max)
        var candidates: [Candidate] = []
        for id in sample(limits.peersLookedAt ?? 4 * count, of: task.order) {
            if let candidate = candidate(id, for: peer, known, in: task) { candidates.append(candidate) }
        }
        var chosen: [PeerID] = []
        if let seed = seed(for: peer, known, in: task) { chosen.append(seed) }
        // Half by merit, half as drawn: a swarm whose members all prefer the same few falls apart.
        let byMerit = candidates.indices.sorted { a, b in
            candidates[a].score != candidates[b].score ? candidates[a].score > candidates[b].score : a < b
        }
        for index in byMerit where chosen.count < (count + 1) / 2 && !chosen.contains(candidates[index].id) {
            chosen.append(candidates[index].id)
        }
        for candidate in candidates where chosen.count < count && !chosen.contains(candidate.id) {
            chosen.append(candidate.id)
        }
        task.peers[peer]?.introduced = (known.introduced + chosen).suffix(limits.introductionsKept)
        if chosen.isEmpty { task.peers[peer]?.introduced = [] }
        task.noteIntroduction(of: peer, to: chosen)
        return chosen.compactMap { id in
            task.peers[id].map { NeighbourInfo(id: id, endpoint: $0.introduction.endpoint) }
        }
    }

    /// Nil if the peer cannot be told of this one, or has been lately.
    private func candidate(_ id: PeerID, for peer: PeerID, _ known: TrackedPeer, in task: TrackedTask) -> Candidate? {
        guard id != peer, !known.introduced.contains(id), let other = task.peers[id], other.isCurrent,
            other.introduction.canUpload, !other.isSuspect(among: task.peers.count)
        else { return nil }
        let isUseful: Bool
        if let theirs = other.have, let mine = known.have {
            isUseful = theirs.hasPiece(missingFrom: mine)
        } else {
            isUseful = !(other.have?.isEmpty ?? true)
        }
        let nearness = other.introduction.nearness(to: known.introduction)
        // Somebody who is stuck needs one that has what is missing; being near does not help.
        let usefulness = known.stuckReports > 0 ? 4 * PeerIntroduction.nearest : 1
        return Candidate(id: id, score: (isUseful ? usefulness : 0) + 2 * nearness)
    }

    /// The seed for a peer that lacks something and knows none yet: one that is not full, is near, and has few guests.
    private mutating func seed(for peer: PeerID, _ known: TrackedPeer, in task: TrackedTask) -> PeerID? {
        guard !task.seeds.isEmpty, known.isActive, !known.introduction.isSeed,
            !known.seeds.contains(where: { task.peers[$0] != nil })
        else { return nil }
        var best: (id: PeerID, score: Int, guests: Int)?
        for id in sample(min(Self.seedsLookedAt, limits.peersLookedAt ?? .max), of: task.seeds) {
            guard let guests = task.peers[id]?.guests, guests < limits.guestsPerSeed,
                let candidate = candidate(id, for: peer, known, in: task)
            else { continue }
            if let best, (best.score, -best.guests) >= (candidate.score, -guests) { continue }
            best = (id, candidate.score, guests)
        }
        return best?.id
    }

    /// Up to `count` different members, each equally likely, in random order.
    private mutating func sample(_ count: Int, of all: [PeerID]) -> [PeerID] {
        guard count < all.count else { return all.shuffled(using: &random) }
        // Floyd's algorithm: no copy of a list that may be long.
        var chosen = Set<Int>()
        var result: [PeerID] = []
        for j in all.count - count..<all.count {
            let t = Int.random(in: 0...j, using: &random)
            let index = chosen.insert(t).inserted ? t : j
            chosen.insert(index)
            result.append(all[index])
        }
        return result.shuffled(using: &random)
    }
}

extension PeerIntroduction {
    /// The largest nearness: that of peers at one site.
    static let nearest = 16

    /// From 0 (nothing is known in common) by the number of leading elements of the location, up to `nearest`.
    func nearness(to other: PeerIntroduction) -> Int {
        if !site.isEmpty, site == other.site { return Self.nearest }
        return min(Self.commonElements(location, other.location), Self.nearest - 1)
    }

    /// How many elements between `|` two texts have in common from the start on.
    private static func commonElements(_ a: String, _ b: String) -> Int {
        guard !a.isEmpty, !b.isEmpty else { return 0 }
        var (left, right) = (a.utf8.makeIterator(), b.utf8.makeIterator())
        let bar = UInt8(ascii: "|")
        var count = 0
        while true {
            // The end of a text ends its last element.
            let (x, y) = (left.next(), right.next())
            guard x ?? bar == y ?? bar else { return count }
            guard x ?? bar == bar else { continue }
            count += 1
            if x == nil || y == nil { return count }
        }
    }
}
