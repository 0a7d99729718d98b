import MinionCore
import Swarm

/// Pieces asked of neighbours, and the piece server that answers.
extension Simulation {
    // MARK: Asking

    func request(_ id: RequestID, _ piece: PieceIndex, of peer: PeerID, by host: SimulatedHost) {
        counts.requests += 1
        guard let number = host.subscription(to: peer), subscriptions[Int(number)].isUp else {
            return violate("host \(host.index) asks a peer that is no neighbour")
        }
        let server = hosts[Int(subscriptions[Int(number)].server)]
        guard piece >= 0, piece < host.stored.capacity else {
            return violate("host \(host.index) asks for piece \(piece), which does not exist")
        }
        trace.add(.asks, host.index, other: server.index, piece: piece, at: now)
        let key = requests.insert(
            SimulatedRequest(
                id: id, piece: piece, subscription: number, client: host.index, server: server.index,
                bytes: layout(of: host.version).length(of: piece), lastMove: now))
        host.requests.append(key)
        queue.push(.requestArrives(key), at: now + delay(host, server))
        startWatching(host)
    }

    func cancel(_ id: RequestID, by host: SimulatedHost) {
        guard let key = host.requests.first(where: { requests[$0].id == id }) else { return }
        trace.add(.cancels, host.index, other: requests[key].server, piece: requests[key].piece, at: now)
        drop(key)
    }

    /// Forgets a request wherever it is.
    func drop(_ key: Pool<SimulatedRequest>.Key) {
        let request = requests[key]
        hosts[Int(request.client)].requests.removeAll { $0 == key }
        stop(key)
        requests.remove(key)
        if request.state == .sending || request.state == .waiting { serveNext(request.subscription) }
    }

    /// Takes a request out of the piece server; the lane goes on only when told.
    private func stop(_ key: Pool<SimulatedRequest>.Key) {
        let request = requests[key]
        guard request.state != .travelling, request.state != .answered else { return }
        subscriptions[Int(request.subscription)].lane.removeAll { $0 == key }
        requests[key].state = .answered
        if request.state == .sending {
            let bytes = Int64(network.passed(request.flow, at: now))
            network.remove(request.flow, at: now)
            requests[key].flow = -1
            endUpload(key, at: hosts[Int(request.server)], bytes: bytes)
        } else if request.state == .waiting {
            release(key, at: hosts[Int(request.server)])
        }
    }

    // MARK: Serving

    func requestArrives(_ key: Pool<SimulatedRequest>.Key) {
        guard requests.contains(key) else { return }
        let request = requests[key]
        guard subscriptions[Int(request.subscription)].isServed, hosts[Int(request.server)].isRunning else { return }
        requests[key].state = .inLane
        subscriptions[Int(request.subscription)].lane.append(key)
        if subscriptions[Int(request.subscription)].lane.count == 1 { serveNext(request.subscription) }
    }

    private func ticket(_ key: Pool<SimulatedRequest>.Key) -> UploadQueue.Ticket {
        UInt64(key.stamp) << 32 | UInt64(UInt32(bitPattern: key.slot))
    }

    /// Starts on the first request of a lane, or answers at once what cannot be served.
    private func serveNext(_ number: Int32) {
        while let key = subscriptions[Int(number)].lane.first, requests[key].state == .inLane {
            let server = hosts[Int(requests[key].server)]
            guard server.offered.contains(requests[key].piece), !server.plan.lies else {
                answer(key, .missing)
                continue
            }
            let item = server.plan.holds == nil ? nil : UploadQueue.Item(requests[key].piece)
            switch server.uploads.request(ticket(key), for: item) {
            case .start: return startUpload(key)
            case .wait:
                requests[key].state = .waiting
                return
            case .refuse:
                counts.refusals += 1
                answer(key, .overloaded(retryAfterSeconds: 1))
            }
        }
    }

    private func startUpload(_ key: Pool<SimulatedRequest>.Key) {
        let request = requests[key]
        let server = hosts[Int(request.server)]
        requests[key].state = .sending
        requests[key].began = now
        server.uplink.start(at: now)
        requests[key].flow = network.add(
            from: server.uplinkID, to: hosts[Int(request.client)].downlinkID, bytes: Double(request.bytes),
            owner: .init(kind: .request, slot: key.slot), at: now)
    }

    private func answer(_ key: Pool<SimulatedRequest>.Key, _ outcome: RequestOutcome) {
        let request = requests[key]
        subscriptions[Int(request.subscription)].lane.removeAll { $0 == key }
        requests[key].state = .answered
        requests[key].outcome = outcome
        queue.push(.answerArrives(key), at: now + delay(hosts[Int(request.client)], hosts[Int(request.server)]))
    }

    private func endUpload(_ key: Pool<SimulatedRequest>.Key, at server: SimulatedHost, bytes: Int64) {
        server.bytesServed += bytes
        let isIdle = server.uploads.active.count == 1
        server.uplink.end(bytes, isIdle: isIdle, at: now)
        server.download.uplink = server.uplink.bytesPerSecond
        server.newsPace.bodyTook(.nanoseconds(now - requests[key].began))
        release(key, at: server)
    }

    private func release(_ key: Pool<SimulatedRequest>.Key, at server: SimulatedHost) {
        for started in server.uploads.finish(ticket(key)) {
            let slot = Int32(bitPattern: UInt32(truncatingIfNeeded: started))
            startUpload(requests.key(at: slot))
        }
    }

    /// All bytes of a request have left.
    func requestSent(_ slot: Int32) {
        let key = requests.key(at: slot)
        let request = requests[key]
        let (client, server) = (hosts[Int(request.client)], hosts[Int(request.server)])
        network.remove(request.flow, at: now)
        requests[key].flow = -1
        let hash = hashes[server.version][request.piece]
        let proof = PieceProof(piece: request.piece, hash: hash, signature: Self.signature)
        let isRight = !server.plan.corrupts && client.version == server.version
        answer(key, isRight ? .verified(proof) : .bad)
        endUpload(key, at: server, bytes: request.bytes)
        serveNext(request.subscription)
    }

    /// A publisher is gone, or has another version: what it was asked is never answered.
    func abortLane(_ number: Int32) {
        for key in subscriptions[Int(number)].lane { stop(key) }
        subscriptions[Int(number)].lane = []
    }

    // MARK: Answers

    func answerArrives(_ key: Pool<SimulatedRequest>.Key) {
        guard let request = requests.ifPresent(key) else { return }
        let client = hosts[Int(request.client)]
        requests.remove(key)
        client.requests.removeAll { $0 == key }
        switch request.outcome {
        case .verified:
            trace.add(.receives, client.index, other: request.server, piece: request.piece, at: now)
            client.stored.insert(request.piece)
            client.bytesFromPeers += request.bytes
            if client.plan.site != hosts[Int(request.server)].plan.site { bytesBetweenSites += request.bytes }
        case .bad: trace.add(.receivesDamage, client.index, other: request.server, piece: request.piece, at: now)
        case .overloaded, .missing:
            trace.add(.isDenied, client.index, other: request.server, piece: request.piece, at: now)
        case .failed: trace.add(.isFailed, client.index, other: request.server, piece: request.piece, at: now)
        }
        deliver(.requestEnded(request.id, request.outcome), to: client)
        if isChecked { checkPiece(request.piece, of: client) }
    }

    // MARK: Progress

    func startWatching(_ host: SimulatedHost) {
        guard !host.isWatched else { return }
        host.isWatched = true
        queue.push(.watch(host.index, life: host.life), at: now + Self.watchInterval)
    }

    /// Tells a download how far its transfers are, and ends those that have stopped for too long.
    func watch(_ host: SimulatedHost) {
        host.isWatched = false
        for key in host.requests {
            guard requests.contains(key) else { continue }
            let request = requests[key]
            let bytes = request.flow >= 0 ? Int64(network.passed(request.flow, at: now)) : request.lastBytes
            if bytes > request.lastBytes {
                requests[key].lastBytes = bytes
                requests[key].lastMove = now
                deliver(.requestProgress(request.id, bytes: bytes), to: host)
            } else if now - request.lastMove > Self.requestTimeout {
                trace.add(.isFailed, host.index, other: request.server, piece: request.piece, at: now)
                drop(key)
                deliver(.requestEnded(request.id, .failed), to: host)
            }
            guard host.isRunning else { return }
        }
        for key in host.fetches { watchFetch(key, of: host) }
        if !host.requests.isEmpty || !host.fetches.isEmpty { startWatching(host) }
    }
}
