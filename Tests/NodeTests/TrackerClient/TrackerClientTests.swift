import MinionCore
import NIOPosix
import Node
import Swarm
import Testing
import Wire

@Suite struct TrackerClientTests {
    // swift-format-ignore: NeverForceUnwrap
    private let task = TaskID(hex: String(repeating: "0a", count: 32))!
    private let peer = PeerID(0x1234)

    private func withTracker<Result>(
        _ trackers: [String], timing: TrackerClient.Timing = TrackerClient.Timing(),
        _ body: (TrackerClient) async throws -> Result
    ) async throws -> Result {
        let client = TrackerClient(group: MultiThreadedEventLoopGroup.singleton, trackers: trackers, timing: timing)
        do {
            let result = try await body(client)
            await client.shutdown()
            return result
        } catch {
            await client.shutdown()
            throw error
        }
    }

    private static func impatient() -> TrackerClient.Timing {
        var timing = TrackerClient.Timing()
        timing.connect = .milliseconds(500)
        timing.answer = .milliseconds(150)
        return timing
    }

    /// A tracker that answers every report with this.
    private static func tracker(peerCount: Int) -> ScriptedServer.Script {
        { _, _ in json(200, reply(peerCount: peerCount)) }
    }

    private static func reply(peerCount: Int) -> String {
        var reply = TrackerReply()
        reply.peerCount = peerCount
        return String(decoding: WireJSON.encode(reply), as: UTF8.self)
    }

    private static func json(_ status: Int, _ body: String) -> [ScriptedServer.Step] {
        [
            .text(
                "HTTP/1.1 \(status) X\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
            )
        ]
    }

    private func trackerError(_ operation: () async throws -> Void) async throws -> TrackerError {
        do {
            try await operation()
        } catch let error as TrackerError {
            return error
        }
        throw NoFailure()
    }

    @Test func reportIsPostedAndTheAnswerRead() async throws {
        try await ScriptedServer.run(Self.tracker(peerCount: 7)) { server in
            try await withTracker([server.url("/base")]) { client in
                var report = PeerReport()
                report.secret = "s"
                report.returned = [3, 4]
                for _ in 0..<2 {
                    let reply = try await client.report(report, task: task, peer: peer)
                    #expect(reply.peerCount == 7)
                }
                let request = try #require(server.requests.first)
                #expect(request.method == "POST")
                #expect(request.target == "/base/v1/tasks/\(task.hex)/peers/0000000000001234")
                #expect(request.headers["content-type"] == "application/json")
                let received = try WireJSON.report(from: Array(request.body.utf8))
                #expect(received == report)
                #expect(server.connectionCount == 1)
            }
        }
    }

    // MARK: Broken trackers

    @Test(arguments: [
        json(200, "{]"), json(200, ""), json(200, "[]"), json(200, "{\"peerCount\":\"many\"}"),
        json(200, reply(peerCount: -1)),
        json(200, reply(peerCount: 1).replacing("\"nextReportSeconds\":1", with: "\"nextReportSeconds\":\"nan\"")),
        json(
            200,
            "{\"mustIntroduce\":false,\"mustStat\":false,\"accepted\":[],\"rejected\":[],\"neighbours\":[],"
                + "\"nextReportSeconds\":1,\"peerCount\":1,\"lease\":{\"first\":-1,\"count\":5,\"seconds\":1}}"),
        json(204, ""), json(302, "x"), json(404, "<html>"), json(400, "{\"message\":\"other software\"}"),
        [.text("SSH-2.0-OpenSSH_9.2\r\n")],
        [.text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), .flood("4\r\nabcd\r\n")],
        [.text("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"), .flood("x")],
        [.text("HTTP/1.1 200 OK\r\nX: "), .flood("x")],
    ])
    func rubbish(steps: [ScriptedServer.Step]) async throws {
        try await ScriptedServer.run({ _, _ in steps }) { server in
            try await withTracker([server.url("")]) { client in
                let error = try await trackerError { _ = try await client.report(PeerReport(), task: task, peer: peer) }
                #expect(error.kind == .rubbish, "\(error.message)")
                #expect(error.message.contains("127.0.0.1:\(server.port)"))
            }
        }
    }

    @Test func refusalIsPassedOnWithItsText() async throws {
        let script: ScriptedServer.Script = { _, _ in Self.json(403, "{\"error\":\"this task is not for\\nyou\"}") }
        try await ScriptedServer.run(Self.tracker(peerCount: 1)) { other in
            try await ScriptedServer.run(script) { server in
                try await withTracker([server.url(""), other.url("")]) { client in
                    let error = try await trackerError {
                        _ = try await client.report(PeerReport(), task: task, peer: peer)
                    }
                    #expect(error.kind == .refused)
                    #expect(error.message == "\(server.url("")) refuses: this task is not for you")
                    #expect(other.requests.isEmpty)
                }
            }
        }
    }

    @Test func silentTrackerIsUnreachableOnceTheWaitIsOver() async throws {
        try await ScriptedServer.run({ _, _ in [] }) { server in
            try await withTracker([server.url("")], timing: Self.impatient()) { client in
                var report = PeerReport()
                report.waitSeconds = 0.2
                let start = ContinuousClock.now
                let error = try await trackerError { _ = try await client.report(report, task: task, peer: peer) }
                #expect(error.kind == .unreachable)
                #expect(error.message == "\(server.url("")) did not answer within 0.35 s")
                #expect(ContinuousClock.now - start >= .milliseconds(350))
                try await server.connectionClosed()
            }
        }
    }

    @Test func answerThatStopsInTheMiddleIsUnreachable() async throws {
        try await ScriptedServer.run({ _, _ in [.text("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")] }) { server in
            try await withTracker([server.url("")], timing: Self.impatient()) { client in
                let error = try await trackerError { _ = try await client.report(PeerReport(), task: task, peer: peer) }
                #expect(error.kind == .unreachable)
            }
        }
    }

    @Test func cancelledReportClosesItsConnection() async throws {
        try await ScriptedServer.run({ _, _ in [.text("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")] }) { server in
            try await withTracker([server.url("")]) { client in
                let report = Task { try await client.report(PeerReport(), task: task, peer: peer) }
                try await eventually { !server.requests.isEmpty }
                report.cancel()
                await #expect(throws: CancellationError.self) { try await report.value }
                try await server.connectionClosed()
            }
        }
    }

    // MARK: Several trackers

    @Test(arguments: [json(503, "busy"), json(429, ""), json(404, "no tracker"), [.close]])
    func nextTrackerIsAskedAndKeptTo(broken: [ScriptedServer.Step]) async throws {
        try await ScriptedServer.run({ _, _ in broken }) { first in
            try await ScriptedServer.run(Self.tracker(peerCount: 2)) { second in
                try await withTracker([first.url(""), second.url("")]) { client in
                    for _ in 0..<3 {
                        let reply = try await client.report(PeerReport(), task: task, peer: peer)
                        #expect(reply.peerCount == 2)
                    }
                    // Within its pause the first is not asked again (a closed connection is tried twice).
                    #expect(first.requests.count <= 2)
                    #expect(second.requests.count == 3)
                }
            }
        }
    }

    @Test func preferredTrackerIsUsedAgainWhenItIsBack() async throws {
        let script: ScriptedServer.Script = { _, number in
            number == 0 ? Self.json(500, "") : Self.json(200, Self.reply(peerCount: 1))
        }
        try await ScriptedServer.run(script) { first in
            try await ScriptedServer.run(Self.tracker(peerCount: 2)) { second in
                try await withTracker([first.url(""), second.url("")]) { client in
                    let start = ContinuousClock.now
                    var count = try await client.report(PeerReport(), task: task, peer: peer).peerCount
                    #expect(count == 2)
                    while count == 2, ContinuousClock.now - start < .seconds(10) {
                        count = try await client.report(PeerReport(), task: task, peer: peer).peerCount
                    }
                    #expect(count == 1)
                    #expect(ContinuousClock.now - start >= TrackerChoice.firstPause)
                    #expect(first.requests.count == 2)
                }
            }
        }
    }

    @Test func ifNoneAnswersEachIsNamed() async throws {
        let port = try await ScriptedServer.run({ _, _ in [] }) { $0.port }
        try await ScriptedServer.run({ _, _ in Self.json(500, "") }) { server in
            try await withTracker(["http://127.0.0.1:\(port)", server.url("")]) { client in
                for _ in 0..<2 {
                    let error = try await trackerError {
                        _ = try await client.report(PeerReport(), task: task, peer: peer)
                    }
                    #expect(error.kind == .unreachable)
                    #expect(error.message.contains("http://127.0.0.1:\(port) refused the connection"))
                    #expect(error.message.contains("\(server.url("")) answered 500"))
                }
                #expect(server.requests.count == 2)
            }
        }
    }

    // MARK: Leaving

    @Test func goodByeGoesToTheTrackerThatAnswered() async throws {
        try await ScriptedServer.run({ _, _ in Self.json(500, "") }) { first in
            try await ScriptedServer.run(Self.tracker(peerCount: 1)) { second in
                try await withTracker([first.url(""), second.url("")]) { client in
                    _ = try await client.report(PeerReport(), task: task, peer: peer)
                    await client.leave(task: task, peer: peer, secret: "hush")
                    let request = try #require(second.requests.last)
                    #expect(request.method == "DELETE")
                    #expect(request.target == "/v1/tasks/\(task.hex)/peers/0000000000001234")
                    #expect(request.headers["minion-secret"] == "hush")
                    #expect(first.requests.count == 1)
                }
            }
        }
    }

    @Test func goodByeDoesNotWaitForASilentTracker() async throws {
        try await ScriptedServer.run({ _, _ in [] }) { server in
            try await withTracker([server.url("")]) { client in
                let start = ContinuousClock.now
                await client.leave(task: task, peer: peer, secret: "hush")
                #expect(ContinuousClock.now - start < .seconds(10))
                #expect(server.requests.count == 1)
            }
        }
    }
}
