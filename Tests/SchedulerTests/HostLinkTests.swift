import Fleet
import HTTPFront
import MinionCore
import Scheduler
import Swarm
import Synchronization
import Testing
import Wire

/// Runs `body` against a scheduler that belongs to a cluster.
func withFleet<Value: Sendable>(
    _ manager: FakeManager, _ change: (inout FleetConfiguration) -> Void = { _ in },
    body: @Sendable @escaping (TestScheduler) async throws -> Value
) async throws -> Value {
    var fleet = FleetConfiguration(link: manager, hostName: "s1", ownAddress: "127.0.0.1")
    fleet.keepAlive = .milliseconds(200)
    fleet.settling = .zero
    fleet.run.hostPatience = .milliseconds(300)
    change(&fleet)
    return try await withScheduler(configured { $0.fleet = fleet }) { scheduler in
        #expect(try await manager.waits { !$0.reports.isEmpty })
        return try await body(scheduler)
    }
}

extension TestScheduler {
    func host(_ report: HostReport, id: UInt64, token: String? = FakeManager.token) async throws -> Answer {
        try await request(
            "POST", "/v1/hosts/\(PeerID(id))", body: WireJSON.encodeMessage(report),
            headers: token.map { [("Authorization", "Bearer \($0)")] } ?? [])
    }

    func hostReply(_ report: HostReport, id: UInt64) async throws -> HostReply {
        let answer = try await host(report, id: id)
        #expect(answer.status == 200, "\(answer.text)")
        return try WireJSON.decode(HostReply.self, from: answer.body, limit: 1 << 20)
    }

    /// Lets a host in; its news.
    @discardableResult
    func join(_ id: UInt64, name: String = "h", port: Int = 7000, isSeed: Bool = false) async throws -> HostNews {
        var report = HostReport(secret: "secret")
        report.facts = HostFacts(
            hostName: "\(name)\(id)", endpoint: Endpoint(host: "", port: port), isSeed: isSeed, version: "1")
        // Until its manager has spoken, the scheduler lets nobody in.
        while try await host(report, id: id).status == 503 { try await Task.sleep(for: .milliseconds(10)) }
        return try #require(try await hostReply(report, id: id).news)
    }
}

/// A report of a host that has joined.
func hostReport(knowing news: HostNews? = nil, wait: Double = 0, progress: [OrderProgress] = []) -> HostReport {
    var report = HostReport(secret: "secret")
    report.known = news?.tag ?? ""
    report.waitSeconds = wait
    report.progress = progress
    return report
}

@Suite(.timeLimit(.minutes(1)))
struct HostLinkTests {
    @Test func withoutAManagerThereAreNoHosts() async throws {
        try await withScheduler { scheduler in
            let answer = try await scheduler.host(HostReport(secret: "s"), id: 1)
            #expect(answer.status == 404)
        }
    }

    @Test func theManagerIsToldWhoIsThere() async throws {
        let manager = FakeManager()
        try await withFleet(manager) { scheduler in
            let first = try #require(manager.state.withLock { $0.reports.first })
            #expect(first.facts.hostName == "s1")
            #expect(first.facts.address == "127.0.0.1")
            #expect(first.facts.port == scheduler.endpoint.port)
            #expect(first.facts.version == "1.2.3")
            #expect(first.hasAllHosts)
            let news = try await scheduler.join(1)
            #expect(news.clusterName == "seven")
            #expect(news.rules.loadLimit == 200)
            #expect(try await scheduler.join(2, isSeed: true).rules.loadLimit == 2000)
            #expect(try await manager.waits { $0.hosts.count == 2 })
            let host = manager.state.withLock { $0.hosts[PeerID(1).hex] }
            #expect(host?.facts.endpoint == Endpoint(host: "127.0.0.1", port: 7000))
            let answer = try await scheduler.request(
                "DELETE", "/v1/hosts/\(PeerID(1))", headers: [("Minion-Secret", "secret")])
            #expect(answer.status == 204)
            #expect(try await manager.waits { $0.hosts.count == 1 })
        }
        #expect(manager.state.withLock { $0.hasLeft })
    }

    @Test func strangersAreTurnedAway() async throws {
        let manager = FakeManager(tokens: [
            FakeManager.hash(FakeManager.token), FakeManager.hash("old", expires: 1_600_000_000),
        ])
        try await withFleet(manager) { scheduler in
            try await scheduler.join(1)
            for token in [nil, "", "wrong", "old", "x" + FakeManager.token] {
                let answer = try await scheduler.host(hostReport(), id: 9, token: token)
                #expect(answer.status == 401)
                #expect(answer.text.contains("join token"))
            }
            var evil = hostReport()
            evil.secret = "x"
            #expect(try await scheduler.hostReply(evil, id: 1).refusal != nil)
            #expect(try await scheduler.request("DELETE", "/v1/hosts/\(PeerID(1))").status == 403)
            #expect(try await scheduler.hostReply(hostReport(), id: 5).mustIntroduce)
            // A token that is revoked ends what it began.
            manager.changeNews { $0.joinTokens = [] }
            while try await scheduler.host(hostReport(), id: 1).status != 401 {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    @Test func aTokenThatIsNewerThanTheNewsIsWaitedFor() async throws {
        let manager = FakeManager(tokens: [])
        try await withFleet(manager, { $0.keepAlive = .seconds(1) }) { scheduler in
            let hasJoined = try await scheduler.log.waits(for: "cluster joined")
            #expect(hasJoined)
            manager.changeNews { $0.joinTokens = [FakeManager.hash(FakeManager.token)] }
            let answer = try await scheduler.host(hostReport(), id: 1)
            #expect(answer.status == 200)
        }
    }

    @Test(arguments: [
        ("POST", "/v1/hosts/xyz", "{}", 400), ("POST", "/v1/hosts/0000000000000001", "{}", 400),
        ("POST", "/v1/hosts/0000000000000001", "", 400), ("GET", "/v1/hosts/0000000000000001", "", 405),
        ("POST", "/v1/hosts/0000000000000001", #"{"secret":"","waitSeconds":0}"#, 400),
        ("POST", "/v1/hosts/0000000000000001/x", "{}", 400),
    ])
    func nonsenseIsRefused(method: String, path: String, body: String, status: Int) async throws {
        try await withFleet(FakeManager()) { scheduler in
            let answer = try await scheduler.request(
                method, path, body: body.isEmpty ? nil : Array(body.utf8),
                headers: [("Authorization", "Bearer \(FakeManager.token)")])
            #expect(answer.status == status)
        }
    }

    @Test func aReportThatIsTooLongIsRefused() async throws {
        try await withFleet(FakeManager()) { scheduler in
            var report = hostReport()
            report.known = String(repeating: "x", count: 2 << 20)
            let answer = try await scheduler.host(report, id: 1)
            #expect(answer.status == 413)
        }
    }

    @Test func changesReachWaitingHostsAtOnce() async throws {
        let manager = FakeManager()
        try await withFleet(manager) { scheduler in
            let news = try await scheduler.join(1)
            let began = ContinuousClock.now
            async let reply = scheduler.hostReply(hostReport(knowing: news, wait: 10), id: 1)
            manager.changeNews { $0.rules.peers.loadLimit = 3 }
            #expect(try await reply.news?.rules.loadLimit == 3)
            #expect(ContinuousClock.now - began < .seconds(3))
        }
    }

    @Test func limitsOfTheClusterHoldInTheTracker() async throws {
        let manager = FakeManager()
        manager.changeNews { $0.rules.candidateParentLimit = 2 }
        try await withFleet(manager) { scheduler in
            try await scheduler.join(1)
            let layout = try #require(PieceLayout(size: 1 << 20, pieceSize: 1 << 18))
            for id in 1...9 {
                var report = joining(port: 7000 + id)
                report.version = TaskVersion(validator: "v", layout: layout)
                report.have = "0f"
                _ = try await scheduler.report(report, from: PeerID(UInt64(id)), task: makeTask())
            }
            var report = joining(port: 6999, wantsNeighbours: 8)
            report.version = TaskVersion(validator: "v", layout: layout)
            #expect(try await scheduler.report(report, from: PeerID(100), task: makeTask()).neighbours.count == 2)
            manager.changeNews { $0.rules.candidateParentLimit = 5 }
            var next: UInt64 = 200
            while try await scheduler.report(report, from: PeerID(next), task: makeTask()).neighbours.count != 5 {
                next += 1
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    @Test func aLostHostIsGoneSoon() async throws {
        let manager = FakeManager()
        try await withFleet(manager, { $0.hosts.closedPatience = .milliseconds(200) }) { scheduler in
            let news = try await scheduler.join(1)
            #expect(try await manager.waits { $0.hosts.count == 1 })
            let body = String(decoding: WireJSON.encodeMessage(hostReport(knowing: news, wait: 10)), as: UTF8.self)
            let connection = try await RawConnection.open(to: scheduler.endpoint)
            let request =
                "POST /v1/hosts/\(PeerID(1)) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(FakeManager.token)\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
            let waiting = Task { try await connection.exchange(request) }
            try await Task.sleep(for: .milliseconds(300))
            #expect(manager.state.withLock { $0.hosts.count } == 1)
            waiting.cancel()
            #expect(try await manager.waits { $0.hosts.isEmpty })
        }
    }

    @Test func whoeverIsRemovedServesNobody() async throws {
        let manager = FakeManager()
        try await withFleet(manager) { scheduler in
            let news = try await scheduler.join(1)
            async let held = scheduler.host(hostReport(knowing: news, wait: 10), id: 1)
            try await Task.sleep(for: .milliseconds(50))
            manager.change { $0.refusal = "this scheduler has been removed from its cluster" }
            #expect(try await held.status == 503)
            let peer = try await scheduler.request(
                "POST", TaskPath.peer(makeTask(), PeerID(1)).text, body: WireJSON.encode(joining()))
            #expect(peer.status == 503)
            #expect(peer.text.contains("this scheduler has been removed from its cluster"))
            #expect(try await scheduler.host(hostReport(), id: 1).status == 503)
        }
    }

    @Test func aRemovedHostIsToldWhy() async throws {
        let manager = FakeManager()
        try await withFleet(manager) { scheduler in
            let news = try await scheduler.join(1)
            async let held = scheduler.hostReply(hostReport(knowing: news, wait: 10), id: 1)
            manager.change { $0.removedHosts = [PeerID(1).hex] }
            #expect(try await held.refusal?.contains("removed") == true)
            #expect(try await scheduler.hostReply(hostReport(), id: 1).refusal != nil)
            try await scheduler.join(2)
        }
    }

    @Test func withoutItsManagerASchedulerGoesOn() async throws {
        let manager = FakeManager()
        try await withFleet(manager) { scheduler in
            try await scheduler.join(1)
            manager.change { $0.isAway = true }
            try await scheduler.join(2)
            #expect(try await scheduler.log.waits(for: "manager does not take this scheduler"))
            manager.change { $0.isAway = false }
            #expect(try await manager.waits { $0.hosts.count == 2 })
            #expect(manager.state.withLock { $0.reports.last?.hasAllHosts != nil })
            #expect(try await scheduler.log.waits(for: "manager takes this scheduler again"))
        }
    }

    @Test func beforeTheManagerHasSpokenNobodyComesIn() async throws {
        let manager = FakeManager()
        manager.change { $0.news = nil }
        try await withFleet(manager) { scheduler in
            let answer = try await scheduler.host(HostReport(secret: "s"), id: 1)
            #expect(answer.status == 503)
            #expect(answer.headers["retry-after"] == "1")
        }
    }
}
