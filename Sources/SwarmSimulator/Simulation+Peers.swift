import MinionCore
import Swarm

/// New pieces of one host, on their way to those who subscribe to its news.
struct NewsBatch {
    let host: Int32
    let life: UInt32
    let version: Int
    let pieces: PieceSet
    /// Arrivals that are still due.
    var pending: Int
}

/// News streams: who subscribes to whom, and what they hear.
extension Simulation {
    /// Streams that a host serves at a time.
    func subscriberLimit(of host: SimulatedHost) -> Int { 2 * host.download.configuration.neighbourLimit }

    // MARK: Making

    func connect(_ host: SimulatedHost, to info: NeighbourInfo) {
        counts.subscriptions += 1
        guard let server = self.host(of: info.id) else {
            return violate("host \(host.index) connects to a peer that never was")
        }
        if host.publishers.contains(info.id) {
            return violate("host \(host.index) connects twice to host \(server.index)")
        }
        trace.add(.connects, host.index, other: server.index, at: now)
        let number = Int32(subscriptions.count)
        subscriptions.append(
            Subscription(
                client: host.index, clientLife: host.life, server: server.index, serverPeer: info.id,
                serverLife: server.life, version: host.version))
        host.subscriptions.append(number)
        host.publishers.append(info.id)
        host.peakNeighbours = max(host.peakNeighbours, host.subscriptions.count)
        queue.push(.subscribeArrives(number), at: now + delay(host, server))
    }

    func subscribeArrives(_ number: Int32) {
        let item = subscriptions[Int(number)]
        let (client, server) = (hosts[Int(item.client)], hosts[Int(item.server)])
        guard item.isWanted else { return }
        let back = now + delay(client, server)
        guard server.state != .vanished else {
            queue.push(.subscribeAnswered(number, isAccepted: false), at: now + Self.connectTimeout)
            return
        }
        let isKnown =
            server.isRunning && server.peer == item.serverPeer && server.isOpen && server.version == item.version
        guard isKnown, server.plan.canUpload, server.subscribers.count < subscriberLimit(of: server) else {
            queue.push(.subscribeAnswered(number, isAccepted: false), at: back)
            return
        }
        server.subscribers.append(.init(subscription: number, client: client.index))
        subscriptions[Int(number)].isServed = true
        subscriptions[Int(number)].firstNews =
            server.plan.lies ? PieceSet(full: server.offered.capacity) : server.offered
        queue.push(.subscribeAnswered(number, isAccepted: true), at: back)
        let info = NeighbourInfo(id: client.peer, endpoint: client.download.configuration.introduction.endpoint)
        if client.plan.canUpload { deliver(.neighbourIntroduced(info), to: server) }
    }

    func subscribeAnswered(_ number: Int32, isAccepted: Bool) {
        guard subscriptions[Int(number)].isWanted else { return }
        guard isAccepted else {
            return lose(number, isUnreachable: !hosts[Int(subscriptions[Int(number)].server)].isRunning)
        }
        let client = hosts[Int(subscriptions[Int(number)].client)]
        let peer = subscriptions[Int(number)].serverPeer
        trace.add(.connected, client.index, other: subscriptions[Int(number)].server, at: now)
        subscriptions[Int(number)].isUp = true
        let first = subscriptions[Int(number)].firstNews
        subscriptions[Int(number)].firstNews = nil
        deliver(.neighbourConnected(peer), to: client)
        if let first, subscriptions[Int(number)].isWanted {
            counts.news += 1
            deliver(.neighbourNews(peer, first), to: client)
        }
    }

    // MARK: Ending

    /// The subscriber does not want a stream any more.
    func disconnect(_ host: SimulatedHost, from peer: PeerID) {
        guard let number = host.subscription(to: peer) else { return }
        trace.add(.disconnects, host.index, other: subscriptions[Int(number)].server, at: now)
        abandon(number)
    }

    /// A subscriber notices that a stream has ended: its requests there fail, before or after that.
    func subscriptionEnds(_ number: Int32) {
        guard subscriptions[Int(number)].isWanted else { return }
        lose(number)
    }

    private func lose(_ number: Int32, isUnreachable: Bool = false) {
        let item = subscriptions[Int(number)]
        let client = hosts[Int(item.client)]
        trace.add(.loses, client.index, other: item.server, at: now)
        // Requests and news are on connections of their own, which end in any order.
        if random.next() & 1 == 0 {
            while subscriptions[Int(number)].isWanted,
                let key = client.requests.first(where: { requests[$0].subscription == number })
            {
                let id = requests[key].id
                drop(key)
                deliver(.requestEnded(id, .failed), to: client)
            }
            guard subscriptions[Int(number)].isWanted else { return }
            abandon(number)
            deliver(.neighbourLost(item.serverPeer, isUnreachable: isUnreachable), to: client)
        } else {
            let failed = client.requests.filter { requests[$0].subscription == number }.map { requests[$0].id }
            abandon(number)
            deliver(.neighbourLost(item.serverPeer, isUnreachable: isUnreachable), to: client)
            for id in failed { deliver(.requestEnded(id, .failed), to: client) }
        }
    }

    /// Forgets a stream and the requests that go with it, at both ends.
    func abandon(_ number: Int32) {
        guard subscriptions[Int(number)].isWanted else { return }
        subscriptions[Int(number)].isWanted = false
        let item = subscriptions[Int(number)]
        let client = hosts[Int(item.client)]
        if let index = client.subscriptions.firstIndex(of: number) {
            client.subscriptions.remove(at: index)
            client.publishers.remove(at: index)
        }
        // From the last on, so that none is started only to be dropped.
        for key in client.requests.filter({ requests[$0].subscription == number }).reversed() { drop(key) }
        unserve(number)
    }

    /// The publisher does not serve a stream any more.
    private func unserve(_ number: Int32) {
        guard subscriptions[Int(number)].isServed else { return }
        subscriptions[Int(number)].isServed = false
        let server = hosts[Int(subscriptions[Int(number)].server)]
        server.subscribers.removeAll { $0.subscription == number }
    }

    /// A publisher closes all its streams.
    func endSubscribers(of server: SimulatedHost) {
        for item in server.subscribers {
            subscriptions[Int(item.subscription)].isServed = false
            abortLane(item.subscription)
            queue.push(.subscriptionEnds(item.subscription), at: now + delay(hosts[Int(item.client)], server))
        }
        server.subscribers = []
    }

    // MARK: News

    func sendNews(_ host: SimulatedHost) {
        guard let pieces = host.news else { return }
        host.news = nil
        guard !host.subscribers.isEmpty else { return }
        let batch = NewsBatch(
            host: host.index, life: host.life, version: host.version, pieces: pieces,
            pending: isUniform ? 1 : host.subscribers.count)
        let key = news.insert(batch)
        if isUniform {
            queue.push(.newsArrives(key, subscription: -1), at: now + delay(host, host))
            return
        }
        for item in host.subscribers {
            let arrival = now + delay(host, hosts[Int(item.client)])
            queue.push(.newsArrives(key, subscription: item.subscription), at: arrival)
        }
    }

    func newsArrives(_ key: Pool<NewsBatch>.Key, subscription: Int32) {
        let batch = news[key]
        news[key].pending -= 1
        if batch.pending == 1 { news.remove(key) }
        let publisher = hosts[Int(batch.host)]
        guard publisher.isRunning, publisher.life == batch.life, publisher.version == batch.version else { return }
        guard subscription < 0 else {
            guard subscriptions[Int(subscription)].isServed else { return }
            return tell(hosts[Int(subscriptions[Int(subscription)].client)], batch.pieces, of: publisher.peer)
        }
        for item in publisher.subscribers { tell(hosts[Int(item.client)], batch.pieces, of: publisher.peer) }
    }

    /// The hottest place of a large run. A host that would not ask for more in any case gets its news together with the
    /// next event that concerns it; until then nobody can tell the difference.
    private func tell(_ host: SimulatedHost, _ pieces: PieceSet, of publisher: PeerID) {
        counts.news += 1
        guard host.isBusy, host.unheard.count < Self.unheardLimit else {
            return deliver(.neighbourNews(publisher, pieces), to: host)
        }
        host.unheard.append((publisher, pieces))
    }

    private static let unheardLimit = 256

    /// Lets a host hear what it has put off.
    func catchUp(_ host: SimulatedHost) {
        for item in host.unheard {
            let actions = host.download.handle(
                .neighbourNews(item.publisher, item.pieces), at: Instant(nanoseconds: now))
            if !actions.isEmpty { violate("host \(host.index) is busy and acts on news") }
        }
        host.unheard.removeAll(keepingCapacity: true)
    }
}
