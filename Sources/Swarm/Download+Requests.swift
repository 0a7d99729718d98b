package import MinionCore

/// Which piece is asked of which neighbour.
extension Download {
    /// As many pieces from the first missing one on come before all others when the reader follows.
    private static let inOrderWindow = 24
    /// A request without any byte for this long is also asked of somebody else.
    private static let hedgeAfter = Duration.milliseconds(1500)
    /// A neighbour without any byte for this long is dropped: several times as long as its answers usually take, within
    /// these bounds.
    private static let dropAfter = (least: 3.0, most: 10.0, usual: 4.0)
    /// How often requests are looked at for that.
    static let watchInterval = Duration.milliseconds(100)
    /// A piece that only one neighbour has is overlooked after so many times as long as this download takes for the
    /// pieces that it has in flight.
    private static let overlookedAfter = 4.0
    /// A neighbour with an overlooked piece counts as so much faster.
    private static let overlookedBonus = 0.7
    /// How far ahead requests are queued at a neighbour, in seconds at its rate.
    private static let queueSeconds = 0.1

    // MARK: Asking

    mutating func askNeighbours(at now: Instant) {
        guard phase == .running, let layout, requests.count < piecesInFlight, !neighbours.isEmpty else {
            return
        }
        var candidates: [(id: PeerID, time: Double)] = []
        var place = neighbours.startIndex
        while place != neighbours.endIndex {
            if let time = bid(at: place, layout.pieceSize, now) { candidates.append((neighbours.keys[place], time)) }
            neighbours.formIndex(after: &place)
        }
        // The one that would deliver another piece first. The order of a dictionary differs between runs; ids do not.
        while requests.count < piecesInFlight,
            let place = candidates.indices.min(by: { a, b in
                (candidates[a].time, candidates[a].id) < (candidates[b].time, candidates[b].id)
            })
        {
            let id = candidates[place].id
            if let piece = pickPiece(from: id) {
                ask(id, for: piece, at: now)
                if let index = neighbours.index(forKey: id), let time = bid(at: index, layout.pieceSize, now) {
                    candidates[place].time = time
                    continue
                }
            }
            candidates.swapAt(place, candidates.count - 1)
            candidates.removeLast()
        }
        if requests.count < piecesInFlight { askTwice(at: now) }
    }

    /// In how many seconds another piece asked of a neighbour now would be there; nil if it has no room for a request.
    private mutating func bid(
        at place: Dictionary<PeerID, Neighbour>.Index, _ pieceSize: Int64, _ now: Instant
    ) -> Double? {
        let time = neighbours.values[place].bid(
            pieceSize: pieceSize, ahead: Self.queueSeconds, most: piecesInFlight, at: now)
        // Who is slow comes last, and what nobody else has would come last with it.
        guard let time, neighbours.values[place].have?.intersects(rarity.overlooked) == true else { return time }
        return time * Self.overlookedBonus
    }

    /// The same for one neighbour that has got more to give.
    mutating func askMore(of id: PeerID, at now: Instant) {
        guard phase == .running, let layout else { return }
        while requests.count < piecesInFlight, let place = neighbours.index(forKey: id),
            bid(at: place, layout.pieceSize, now) != nil, let piece = pickPiece(from: id)
        {
            ask(id, for: piece, at: now)
        }
    }

    /// The rarest piece that the neighbour has and this download lacks, ties broken at random; near the front first when
    /// the reader follows.
    private mutating func pickPiece(from id: PeerID) -> PieceIndex? {
        guard let theirs = neighbours[id]?.have else { return nil }
        let words = theirs.words.count
        guard words > 0 else { return nil }
        if configuration.inOrder, let front = have.firstMissing() {
            for piece in front..<min(front + Self.inOrderWindow, have.capacity)
            where theirs.contains(piece) && !have.contains(piece) && !asked.contains(piece) && !reading.contains(piece)
            {
                return piece
            }
        }
        // Starting anywhere makes ties fall at random: if all that know the same neighbour took the same piece first, they
        // would have nothing to give each other.
        let start = Int(random.next() % UInt64(have.capacity))
        let low: UInt64 = 1 << UInt64(start & 63) - 1
        var best: PieceIndex?
        var bestCount = UInt16.max
        for step in 0...words {
            let word = start >> 6 + step < words ? start >> 6 + step : start >> 6 + step - words
            var bits = theirs.words[word] & ~(have.words[word] | asked.words[word] | reading.words[word])
            // The first word is visited twice: from the start on, and in the end before it.
            if step == 0 { bits &= ~low } else if step == words { bits &= low }
            while bits != 0 {
                let piece = word << 6 + bits.trailingZeroBitCount
                bits &= bits - 1
                if rarity.copies[piece] < bestCount {
                    best = piece
                    bestCount = rarity.copies[piece]
                }
            }
        }
        return best
    }

    private mutating func ask(_ id: PeerID, for piece: PieceIndex, at now: Instant) {
        guard let layout else { return }
        let request = nextRequest
        nextRequest += 1
        asked.insert(piece)
        rarity.overlooked.remove(piece)
        requests[request] = PieceRequest(piece: piece, neighbour: id, asked: now, lastProgress: now)
        neighbours[id]?.requests.append(request)
        neighbours[id]?.outstandingBytes += layout.length(of: piece)
        if requests.count == 1 { peerRate.resume(at: now) }
        actions.append(.request(request, piece, from: id))
    }

    // MARK: Asking twice

    /// At the end, when every missing piece is on its way from somebody, the slowest are asked of somebody else as well.
    private mutating func askTwice(at now: Instant) {
        guard let layout, have.union(asked).union(reading).isComplete else { return }
        let usual = max(
            0.2,
            peerRate.bytesPerSecond > 0
                ? Double(Int64(requests.count + 1) * layout.pieceSize) / peerRate.bytesPerSecond : 1)
        for id in requests.keys.sorted() where requests.count < piecesInFlight {
            guard let request = requests[id], !request.isHedged, (now - request.asked).inSeconds > 2 * usual else {
                continue
            }
            hedge(id, request, at: now)
        }
    }

    /// Asks another neighbour for the same piece; whoever is first wins.
    private mutating func hedge(_ id: RequestID, _ request: PieceRequest, at now: Instant) {
        guard let layout else { return }
        var best: PeerID?
        var bestTime = Double.infinity
        for (other, var neighbour) in neighbours
        where other != request.neighbour && neighbour.have?.contains(request.piece) == true {
            let room = neighbour.bid(
                pieceSize: layout.pieceSize, ahead: Self.queueSeconds, most: piecesInFlight, at: now)
            guard room != nil else { continue }
            let time = Double(neighbour.outstandingBytes + layout.pieceSize) / max(neighbour.rate, 1)
            if time < bestTime || (time == bestTime && best.map { other < $0 } ?? true) {
                best = other
                bestTime = time
            }
        }
        guard let best else { return }
        requests[id]?.isHedged = true
        ask(best, for: request.piece, at: now)
        requests[nextRequest - 1]?.isHedged = true
    }

    /// Looks for requests and neighbours that have come to a stop.
    mutating func watchRequests(at now: Instant) {
        guard now >= nextWatch else { return }
        nextWatch = now + Self.watchInterval
        if let layout, peerRate.bytesPerSecond > 0 {
            let usual = Double(Int64(piecesInFlight) * layout.pieceSize) / peerRate.bytesPerSecond
            let wanted = have.union(asked).union(reading).inverted
            rarity.lookForOverlooked(among: wanted, after: .inSeconds(Self.overlookedAfter * usual), at: now)
        }
        for id in requests.keys.sorted() {
            guard let request = requests[id], let neighbour = neighbours[request.neighbour] else { continue }
            let quiet = now - max(request.lastProgress, neighbour.lastAnswer)
            // What waits behind an answer that is coming in says nothing of the neighbour.
            if (now - max(request.lastProgress, neighbour.lastByte)).inSeconds > dropTime(of: neighbour) {
                drop(request.neighbour, until: now + .seconds(30), complaining: false)
            } else if quiet > Self.hedgeAfter, !request.isHedged {
                hedge(id, request, at: now)
            }
        }
    }

    private func dropTime(of neighbour: Neighbour) -> Double {
        guard let layout, neighbour.rate > 0 else { return Self.dropAfter.most }
        let usual = Double(layout.pieceSize) / neighbour.rate
        return min(max(Self.dropAfter.usual * usual, Self.dropAfter.least), Self.dropAfter.most)
    }

    // MARK: Answers

    mutating func requestProgressed(_ id: RequestID, _ bytes: Int64, at now: Instant) {
        guard let request = requests[id] else { return }
        peerRate.add(max(0, bytes - request.bytes), at: now)
        requests[id]?.bytes = bytes
        requests[id]?.lastProgress = now
        neighbours[request.neighbour]?.lastByte = now
    }

    mutating func requestEnded(_ id: RequestID, _ outcome: RequestOutcome, at now: Instant) {
        guard let request = requests.removeValue(forKey: id), let layout else { return }
        let (peer, piece) = (request.neighbour, request.piece)
        let length = layout.length(of: piece)
        releaseAsked(piece)
        neighbours[peer]?.requests.removeAll { $0 == id }
        neighbours[peer]?.outstandingBytes -= length
        switch outcome {
        case .verified(let proof):
            neighbours[peer]?.noteAnswer(bytes: length, asked: request.asked, at: now)
            peerRate.add(max(0, length - request.bytes), at: now)
            guard proof.piece == piece, have.insert(piece) else { return }
            bytesFromPeers += length
            contributors.insert(peer)
            lastPiece = now
            offered.insert(piece)
            actions.append(.offer([proof]))
            cancelRequests(for: piece)
        case .bad:
            drop(peer, until: .never, complaining: true)
        case .overloaded(let retryAfter):
            neighbours[peer]?.blockedUntil = now + .inSeconds(min(max(retryAfter, 0.05), 5))
            neighbours[peer]?.lastAnswer = now
            neighbours[peer]?.lastByte = now
        case .missing:
            guard neighbours[peer]?.have?.remove(piece) == true else { return }
            rarity.lose(piece)
            neighbours[peer]?.missing += 1
            if neighbours[peer]?.missing ?? 0 >= 3 { drop(peer, until: .never, complaining: true) }
        case .failed:
            neighbours[peer]?.failures += 1
            let failures = neighbours[peer]?.failures ?? 0
            if failures >= 3 {
                drop(peer, until: now + .seconds(30), complaining: true)
            } else {
                neighbours[peer]?.blockedUntil = now + .milliseconds(100 * failures)
            }
        }
    }

    /// Cancels what is still under way for a piece that has come.
    mutating func cancelRequests(for piece: PieceIndex) {
        for id in requests.keys.filter({ requests[$0]?.piece == piece }).sorted() {
            guard let request = requests.removeValue(forKey: id) else { continue }
            neighbours[request.neighbour]?.requests.removeAll { $0 == id }
            neighbours[request.neighbour]?.outstandingBytes -= layout?.length(of: piece) ?? 0
            actions.append(.cancel(id))
        }
        asked.remove(piece)
    }

    /// Frees a piece to be asked of somebody else, unless it still is on its way.
    mutating func releaseAsked(_ piece: PieceIndex) {
        if !requests.values.contains(where: { $0.piece == piece }) { asked.remove(piece) }
    }

    /// Requests under way at one neighbour.
    package func requests(at neighbour: PeerID) -> Int { neighbours[neighbour]?.requests.count ?? 0 }
}
