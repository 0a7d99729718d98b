import MinionCore
import Scheduler
import Swarm
import Testing
import Wire

/// The tracker behind its HTTP face.
@Suite(.timeLimit(.minutes(1)))
struct ReportTests {
    private let task = makeTask()

    private func version() throws -> TaskVersion {
        TaskVersion(validator: "\"v1\"", layout: try #require(PieceLayout(size: 4 << 18, pieceSize: 1 << 18)))
    }

    @Test func piecesFromTheSourceAreSignedForEverybody() async throws {
        let version = try version()
        let hash = try #require(PieceHash(hex: String(repeating: "5a", count: 32)))
        try await withScheduler { [task] scheduler in
            let first = try await scheduler.report(joining(), from: PeerID(1), task: task)
            let key = try #require(first.key)
            let verifier = try #require(ProofVerifier(keyHex: key))
            #expect(first.mustStat)

            var report = PeerReport()
            report.secret = "secret"
            report.stat = .version(version)
            report.version = version
            report.wantsLease = true
            let second = try await scheduler.report(report, from: PeerID(1), task: task)
            #expect(second.key == nil)
            #expect(second.version?.isSameContent(as: version) == true)
            let piece = try #require(second.lease).first

            report.stat = nil
            report.wantsLease = false
            report.fetched = [PieceProof(piece: piece, hash: hash)]
            let third = try await scheduler.report(report, from: PeerID(1), task: task)
            let proof = try #require(third.accepted.first)
            #expect(proof.piece == piece && proof.hash == hash)
            #expect(verifier.isValid(proof, task: task, version: version))
        }
    }

    @Test(arguments: ["", "0.0.0.0", "::"])
    func missingHostIsThatOfTheConnection(host: String) async throws {
        let version = try version()
        try await withScheduler { [task] scheduler in
            var seed = joining(port: 7001, host: host)
            seed.stat = .version(version)
            seed.version = version
            seed.have = "0f"
            _ = try await scheduler.report(seed, from: PeerID(1), task: task)
            let reply = try await scheduler.report(joining(wantsNeighbours: 4), from: PeerID(2), task: task)
            #expect(
                reply.neighbours == [NeighbourInfo(id: PeerID(1), endpoint: Endpoint(host: "127.0.0.1", port: 7001))])
        }
    }

    @Test func hostThatIsGivenIsKept() async throws {
        try await withScheduler { [task] scheduler in
            _ = try await scheduler.report(joining(port: 7001, host: "node.example"), from: PeerID(1), task: task)
            let version = try version()
            var stat = PeerReport()
            stat.secret = "secret"
            stat.stat = .version(version)
            stat.version = version
            stat.have = "0f"
            _ = try await scheduler.report(stat, from: PeerID(1), task: task)
            let reply = try await scheduler.report(joining(wantsNeighbours: 4), from: PeerID(2), task: task)
            #expect(reply.neighbours.map(\.endpoint) == [Endpoint(host: "node.example", port: 7001)])
        }
    }

    @Test(.enabled(if: hasIPv6))
    func addressMappedIntoIPv6IsUnmapped() async throws {
        let version = try version()
        try await withScheduler(listen: [Endpoint(host: "::", port: 0)]) { [task] scheduler in
            var seed = joining(port: 7001)
            seed.stat = .version(version)
            seed.version = version
            seed.have = "0f"
            _ = try await scheduler.report(seed, from: PeerID(1), task: task)
            let reply = try await scheduler.report(joining(wantsNeighbours: 4), from: PeerID(2), task: task)
            #expect(reply.neighbours.map(\.endpoint) == [Endpoint(host: "127.0.0.1", port: 7001)])
        }
    }

    @Test func answerIsHeldAsLongAsAskedFor() async throws {
        let version = try version()
        try await withScheduler { [task] scheduler in
            var report = joining()
            report.stat = .version(version)
            report.version = version
            report.have = "0f"
            _ = try await scheduler.report(report, from: PeerID(1), task: task)
            var waiting = report
            waiting.stat = nil
            waiting.waitSeconds = 0.4
            let time = try await ContinuousClock().measure {
                _ = try await scheduler.report(waiting, from: PeerID(1), task: task)
            }
            #expect(time >= .milliseconds(380))
            #expect(time < .seconds(5))
        }
    }

    @Test func newerReportReleasesTheHeldOne() async throws {
        let version = try version()
        try await withScheduler { [task] scheduler in
            var report = joining()
            report.stat = .version(version)
            report.version = version
            report.have = "0f"
            _ = try await scheduler.report(report, from: PeerID(1), task: task)
            report.stat = nil
            report.waitSeconds = 9
            let waiting = report
            let time = try await ContinuousClock().measure {
                async let held = scheduler.report(waiting, from: PeerID(1), task: task)
                try await Task.sleep(for: .milliseconds(200))
                var quick = waiting
                quick.waitSeconds = 0
                _ = try await scheduler.report(quick, from: PeerID(1), task: task)
                _ = try await held
            }
            #expect(time < .seconds(5))
        }
    }

    @Test func reportOfAClientThatIsGoneIsAbandoned() async throws {
        let version = try version()
        try await withScheduler { [task] scheduler in
            var report = joining()
            report.stat = .version(version)
            report.version = version
            report.have = "0f"
            _ = try await scheduler.report(report, from: PeerID(1), task: task)
            report.stat = nil
            report.waitSeconds = 9
            let body = String(decoding: WireJSON.encode(report), as: UTF8.self)
            let request =
                "POST \(TaskPath.peer(task, PeerID(1)).text) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
            let connection = try await RawConnection.open(to: scheduler.endpoint)
            let client = Task { try await connection.exchange(request + body) }
            try await Task.sleep(for: .milliseconds(200))
            #expect(scheduler.log.first(containing: "report abandoned") == nil)
            client.cancel()
            #expect(try await scheduler.log.waits(for: "report abandoned"))
        }
    }

    @Test func onlyTheSecretLetsAPeerLeave() async throws {
        try await withScheduler { [task] scheduler in
            _ = try await scheduler.report(joining(), from: PeerID(1), task: task)
            let path = TaskPath.peer(task, PeerID(1)).text
            #expect(try await scheduler.request("DELETE", path).status == 403)
            #expect(try await scheduler.request("DELETE", path, headers: [("Minion-Secret", "x")]).status == 403)
            #expect(try await scheduler.request("GET", TaskPath.task(task).text).status == 200)
            let left = try await scheduler.request("DELETE", path, headers: [("Minion-Secret", "secret")])
            #expect(left.status == 204 && left.body.isEmpty)
            #expect(try await scheduler.request("GET", TaskPath.task(task).text).status == 404)
            // Once more is no harm: the first answer may have been lost.
            #expect(try await scheduler.request("DELETE", path, headers: [("Minion-Secret", "secret")]).status == 204)
        }
    }

    @Test func wrongSecretIsRefusedInTheReply() async throws {
        try await withScheduler { [task] scheduler in
            _ = try await scheduler.report(joining(), from: PeerID(1), task: task)
            var forged = PeerReport()
            forged.secret = "guess"
            #expect(try await scheduler.report(forged, from: PeerID(1), task: task).refusal != nil)
            #expect(scheduler.log.first(containing: "request refused", "secret is wrong") != nil)
        }
    }

    @Test func unknownPeerIsAskedToIntroduceItself() async throws {
        try await withScheduler { [task] scheduler in
            let reply = try await scheduler.report(PeerReport(), from: PeerID(1), task: task)
            #expect(reply.mustIntroduce)
        }
    }

    @Test func tasksAreListedForPeople() async throws {
        try await withScheduler { scheduler in
            _ = try await scheduler.report(joining(resource: "http://host/a"), from: PeerID(1), task: makeTask("a"))
            for peer in 1...2 as ClosedRange<UInt64> {
                _ = try await scheduler.report(
                    joining(resource: "http://host/b"), from: PeerID(peer), task: makeTask("b"))
            }
            let list = try await scheduler.request("GET", "/v1/tasks")
            #expect(list.text.hasPrefix("{\"total\":2,") || list.text.hasSuffix(",\"total\":2}"))
            let a = try #require(list.text.firstRange(of: "http://host/a"))
            let b = try #require(list.text.firstRange(of: "http://host/b"))
            #expect(b.lowerBound < a.lowerBound)
            let one = try await scheduler.request("GET", TaskPath.task(makeTask("b")).text)
            #expect(one.text.contains("\"peers\":2"))
        }
    }

    @Test func peersAreListedPageByPage() async throws {
        let version = try version()
        try await withScheduler { [task] scheduler in
            for number in 1...5 as ClosedRange<UInt64> {
                var report = joining(port: 7000 + Int(number))
                report.introduction?.site = "here"
                report.introduction?.location = "asia|cn"
                report.introduction?.isSeed = number == 1
                report.version = version
                report.have = number < 3 ? "0f" : "01"
                report.uplink = 1e6
                report.bytesFromPeers = 42
                _ = try await scheduler.report(report, from: PeerID(number), task: task)
            }
            let path = TaskPath.peers(task).text
            let all = try WireJSON.peerPage(from: try await scheduler.request("GET", path).body)
            #expect(all.task.task == task && all.task.peers == 5 && all.task.completePeers == 2)
            #expect(all.next == nil)
            #expect(all.peers.map(\.id) == (1...5).map { PeerID($0) })
            let first = try #require(all.peers.first)
            #expect(first.endpoint == Endpoint(host: "127.0.0.1", port: 7001))
            #expect(first.site == "here" && first.location == "asia|cn" && first.isSeed && first.complete)
            #expect(first.pieces == 4 && first.uplink == 1e6 && first.bytesFromPeers == 42)
            let last = try #require(all.peers.last)
            #expect(last.pieces == 1 && !last.complete && !last.isSeed && last.ageSeconds < 60)

            let page = try WireJSON.peerPage(from: try await scheduler.request("GET", path + "?limit=3").body)
            #expect(page.peers.map(\.id.value) == [1, 2, 3] && page.next == PeerID(3))
            let rest = try await scheduler.request("GET", path + "?limit=3&after=\(PeerID(3))")
            let others = try WireJSON.peerPage(from: rest.body)
            #expect(others.peers.map(\.id.value) == [4, 5] && others.next == nil)
        }
    }

    @Test func logTellsOfTasksAndPeers() async throws {
        try await withScheduler { [task] scheduler in
            #expect(
                scheduler.log.first(containing: "scheduler started", "127.0.0.1:\(scheduler.endpoint.port)", "1.2.3")
                    != nil)
            _ = try await scheduler.report(joining(), from: PeerID(1), task: task)
            #expect(scheduler.log.first(containing: "level=info", "task created", task.hex, "http://host/file") != nil)
            #expect(scheduler.log.first(containing: "level=debug", "peer joined", "127.0.0.1:7000") != nil)
            #expect(scheduler.log.first(containing: "task finished") == nil)
            _ = try await scheduler.request(
                "DELETE", TaskPath.peer(task, PeerID(1)).text, headers: [("Minion-Secret", "secret")])
            #expect(scheduler.log.first(containing: "level=debug", "peer left") != nil)
            #expect(scheduler.log.first(containing: "level=info", "task finished", task.hex) != nil)
        }
    }
}
