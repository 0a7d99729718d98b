import MinionCore
import NIOCore
import NIOPosix
import Swarm
import Wire

/// All connections, what they do next, and what is counted. Its event loop has one thread, so it is no bottleneck of
/// locks.
///
/// Only that event loop touches what is variable; the promise holds since every method that does so asserts it.
final class LoadRun: @unchecked Sendable {
    enum Phase {
        /// The first peer of every task joins and asks the source.
        case founding
        case joining
        /// Reports, some of them held; leaves, each followed by a join.
        case mixed
    }

    private enum LoadError: Error { case connectionLost }

    /// One reply of so many is decoded and checked as a node would.
    private static let sample = 64
    private static let leaves = 0.1 / 0.9

    private let eventLoop: any EventLoop
    private let host: String
    private let wait: Double
    private var population: Population
    private var connections: [LoadConnection] = []
    private var phase = Phase.founding
    private var deadline = Instant.never
    private var busy = 0
    private var done: EventLoopPromise<Void>?
    private var answers = 0
    private(set) var tally = Tally()

    init(_ population: Population, wait: Double, host: String, eventLoop: any EventLoop) {
        self.population = population
        self.wait = wait
        self.host = host
        self.eventLoop = eventLoop
        tally.latencies.reserveCapacity(1 << 20)
    }

    static var now: Instant { Instant(nanoseconds: Int64(NIODeadline.now().uptimeNanoseconds)) }

    func connect(to endpoint: Endpoint) async throws {
        let shares = try await eventLoop.submit { self.population.share }.get()
        for (index, share) in shares.enumerated() {
            try await ClientBootstrap(group: eventLoop)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .connect(host: endpoint.host, port: endpoint.port)
                .flatMapThrowing { channel in
                    let connection = LoadConnection(run: self, peers: share, isPatient: index >= self.population.quick)
                    try channel.pipeline.syncOperations.addHandler(connection)
                    self.connections.append(connection)
                }.get()
        }
    }

    /// Runs a phase until everybody has done his part, or until the time is over.
    func perform(_ next: Phase, for time: Duration?) async throws {
        try await eventLoop.flatSubmit {
            let promise = self.eventLoop.makePromise(of: Void.self)
            self.done = promise
            self.phase = next
            self.deadline = time.map { Self.now + $0 } ?? .never
            if next == .mixed { self.tally = Tally() }
            self.busy = self.connections.count
            for connection in self.connections { connection.begin() }
            return promise.futureResult
        }.get()
    }

    /// Closes everything and returns what was counted.
    func finish() async throws -> Tally {
        try await eventLoop.submit {
            self.done = nil
            for connection in self.connections { connection.close() }
            return self.tally
        }.get()
    }

    // MARK: Called by connections

    /// The next request of a connection; nil when it has nothing to do any more in this phase.
    func next(of connection: LoadConnection) -> LoadConnection.Exchange? {
        switch phase {
        case .founding:
            guard let peer = connection.nextPeer(from: \.founded), peer < population.tasks.count else { return nil }
            return exchange(.introduction, peer, population.introduction(of: peer, isFounder: true))
        case .joining:
            while let peer = connection.nextPeer(from: \.joined) {
                if !population.peers[peer].isKnown {
                    return exchange(.introduction, peer, population.introduction(of: peer))
                }
            }
            return nil
        case .mixed:
            guard Self.now < deadline else { return nil }
            let peer = connection.peerInTurn()
            if !population.peers[peer].isKnown {
                return exchange(.introduction, peer, population.introduction(of: peer))
            }
            if connection.isPatient { return exchange(.patient, peer, population.patient(of: peer, wait: wait)) }
            if population.chance(Self.leaves) { return leave(peer) }
            return exchange(.report, peer, population.progress(of: peer))
        }
    }

    /// Takes an answer, and returns what has to follow it at once.
    func received(
        _ status: Int, _ body: UnsafeRawBufferPointer, to exchange: LoadConnection.Exchange
    ) -> LoadConnection.Exchange? {
        let time = Self.now - exchange.sent
        guard status == (exchange.kind == .leave ? 204 : 200) else {
            fail("status \(status): \(String(decoding: body.prefix(200), as: UTF8.self))")
            return nil
        }
        if exchange.kind == .patient {
            tally.held += 1
            let late = time - .inSeconds(wait)
            if late < .zero { tally.heldEarly += 1 } else { tally.lateness.append(late.nanoseconds) }
        } else {
            tally.latencies.append(time.nanoseconds)
        }
        if exchange.kind == .leave {
            population.replace(exchange.peer)
            return self.exchange(.introduction, exchange.peer, population.introduction(of: exchange.peer))
        }
        if Bytes.contains(body, "Introduce\":true") {
            population.peers[exchange.peer].isKnown = false
            tally.introducedAgain += 1
            return nil
        }
        if Bytes.contains(body, "\"refusal\":\"") { fail("refused: \(String(decoding: body, as: UTF8.self))") }
        population.peers[exchange.peer].isKnown = true
        answers += 1
        if answers % Self.sample == 0 {
            do {
                _ = try WireJSON.reply(from: body)
            } catch {
                fail("a reply does not decode: \(error)")
            }
        }
        if phase == .founding, Bytes.contains(body, "Stat\":true") {
            return self.exchange(.report, exchange.peer, population.stat(of: exchange.peer))
        }
        return nil
    }

    /// A connection has nothing to do any more in this phase.
    func rests() {
        busy -= 1
        if busy == 0 { done?.succeed() }
    }

    func lost(_ connection: LoadConnection) {
        guard let done else { return }
        fail("a connection was lost")
        done.fail(LoadError.connectionLost)
        self.done = nil
    }

    private func fail(_ message: String) {
        tally.errors += 1
        if tally.firstError == nil { tally.firstError = message }
    }

    // MARK: Requests

    private func exchange(_ kind: LoadConnection.Kind, _ peer: Int, _ report: PeerReport) -> LoadConnection.Exchange {
        let body = WireJSON.encode(report)
        var request = ByteBuffer()
        request.reserveCapacity(body.count + 256)
        request.writeString("POST \(path(of: peer)) HTTP/1.1\r\nHost: \(host)\r\nContent-Type: application/json\r\n")
        request.writeString("Content-Length: \(body.count)\r\n\r\n")
        request.writeBytes(body)
        return LoadConnection.Exchange(kind: kind, peer: peer, request: request, sent: Self.now)
    }

    private func leave(_ peer: Int) -> LoadConnection.Exchange {
        let secret = population.peers[peer].secret
        let text =
            "DELETE \(path(of: peer)) HTTP/1.1\r\nHost: \(host)\r\n\(HeaderName.secret): \(secret)\r\n"
            + "Content-Length: 0\r\n\r\n"
        return LoadConnection.Exchange(kind: .leave, peer: peer, request: ByteBuffer(string: text), sent: Self.now)
    }

    private func path(of index: Int) -> String {
        let peer = population.peers[index]
        return TaskPath.peer(population.tasks[peer.task].id, peer.id).text
    }
}
