import MinionCore

/// Who is a neighbour, and for how long.
extension Download {
    /// Neighbours met before the version was open are kept for then, at most so many.
    private static let acquaintanceLimit = 64

    mutating func connect(_ info: NeighbourInfo, at now: Instant, isInvited: Bool) {
        guard phase == .running else {
            if phase == .opening || phase == .starting, acquaintances.count < Self.acquaintanceLimit {
                acquaintances.append(info)
            }
            return
        }
        let limit = isInvited ? configuration.neighbours : configuration.neighbourLimit
        guard !have.isComplete, neighbours[info.id] == nil, neighbours.count < limit,
            banned[info.id].map({ $0 <= now }) ?? true
        else { return }
        banned[info.id] = nil
        neighbours[info.id] = Neighbour(info: info, since: now)
        actions.append(.connect(info))
    }

    mutating func neighbourIntroduced(_ info: NeighbourInfo, at now: Instant) {
        // Whoever comes by itself is there again, and ready. Only one that sent bad data stays away.
        if let ban = banned[info.id], ban != .never { banned[info.id] = nil }
        connect(info, at: now, isInvited: false)
    }

    mutating func neighbourConnected(_ id: PeerID, at now: Instant) {
        guard neighbours[id] != nil, neighbours[id]?.have == nil else { return }
        neighbours[id]?.have = PieceSet(capacity: have.capacity)
        neighbours[id]?.since = now
    }

    /// Notes what a neighbour has (too). News are by far the most frequent event, so they are handled without looking at
    /// anything but this neighbour; and nobody else has become more useful by them.
    mutating func neighbourNews(_ id: PeerID, _ pieces: PieceSet, at now: Instant) {
        guard let place = neighbours.index(forKey: id),
            neighbours.values[place].hear(pieces, counting: &rarity, at: now)
        else { return }
        askMore(of: id, at: now)
    }

    mutating func neighbourLost(_ id: PeerID, _ isUnreachable: Bool, at now: Instant) {
        guard neighbours[id] != nil else { return }
        if isUnreachable { complain(of: id) }
        forget(id)
        ban(id, until: now + (isUnreachable ? .seconds(10) : .milliseconds(500)))
    }

    /// Ends it with a neighbour, and says why to the tracker if it did wrong.
    mutating func drop(_ id: PeerID, until: Instant, complaining: Bool) {
        guard neighbours[id] != nil else { return }
        forget(id)
        ban(id, until: until)
        if complaining { complain(of: id) }
        actions.append(.disconnect(id))
    }

    private mutating func complain(of id: PeerID) {
        guard dropped.count < 64, !dropped.contains(id) else { return }
        dropped.append(id)
    }

    private mutating func ban(_ id: PeerID, until: Instant) {
        if banned.count >= 1024, let oldest = banned.min(by: { $0.value < $1.value })?.key { banned[oldest] = nil }
        banned[id] = until
    }

    private mutating func forget(_ id: PeerID) {
        guard let neighbour = neighbours.removeValue(forKey: id) else { return }
        if let theirs = neighbour.have { for piece in theirs { rarity.lose(piece) } }
        for request in neighbour.requests {
            guard let piece = requests.removeValue(forKey: request)?.piece else { continue }
            releaseAsked(piece)
        }
    }

    /// Makes room for others: neighbours that have nothing which is missing here go, the longest known first.
    mutating func dropUselessNeighbours(at now: Instant) {
        guard neighbours.count >= configuration.neighbours / 2 else { return }
        let useless = neighbours.values
            .filter { now - $0.since > .seconds(2) && !($0.have?.hasPiece(missingFrom: have) ?? false) }
            .sorted { ($0.since, $0.info.id) < ($1.since, $1.info.id) }
        for neighbour in useless.prefix(max(1, neighbours.count / 4)) {
            drop(neighbour.info.id, until: now + .seconds(5), complaining: false)
        }
    }
}
