import Foundation
import MinionCore
import Node
import Synchronization
import Testing

@Suite("node: serving others", .timeLimit(.minutes(2))) struct SharingTests {
    private let size = 3 << 20
    private var content: [UInt8] { pattern(0..<size) }

    private func configured(_ tracker: String) -> (inout NodeConfiguration) -> Void {
        {
            $0.trackers = [tracker]
            $0.advertise = "127.0.0.1"
        }
    }

    @Test func sharedFileIsGotByItsName() async throws {
        try await withTracker { [self] tracker in
            try await NodeFixture.with { fixture in
                let path = fixture.path("data")
                try Data(content).write(to: URL(fileURLWithPath: path))
                try await fixture.node(cache: nil, configured(tracker)) { owner in
                    let share = try await owner.share(ShareRequest(path: path, name: "minion:data set"))
                    #expect(await share.outcome().progress?.size == Int64(size))
                    try await fixture.node(configured(tracker)) { node in
                        let outcome = await node.download(request("minion:data set")).outcome()
                        #expect(outcome.error == nil)
                        #expect(outcome.has(content))
                        #expect(outcome.progress?.bytesFromPeers == Int64(size))
                    }
                    // The one who shares it has it.
                    let own = await owner.download(request("minion:data set")).outcome()
                    #expect(own.progress?.path == path)
                    await share.cancel()
                    try await eventually("nothing is served") { await owner.status().tasks.isEmpty }
                }
            }
        }
    }

    @Test func waitingGetterGetsWhatIsSharedLater() async throws {
        try await withTracker { [self] tracker in
            try await NodeFixture.with { fixture in
                let path = fixture.path("data")
                try Data(content).write(to: URL(fileURLWithPath: path))
                try await fixture.node(cache: nil, configured(tracker)) { owner in
                    try await fixture.node(configured(tracker)) { node in
                        let download = await node.download(request("minion:later"))
                        try await eventually("it waits") { await !node.status().tasks.isEmpty }
                        _ = try await owner.share(ShareRequest(path: path, name: "minion:later"))
                        #expect(await download.outcome().has(content))
                    }
                }
            }
        }
    }

    @Test func changedFileIsNoLongerShared() async throws {
        try await withTracker { [self] tracker in
            try await NodeFixture.with { fixture in
                let path = fixture.path("data")
                try Data(content).write(to: URL(fileURLWithPath: path))
                try await fixture.node(cache: nil, configured(tracker)) { owner in
                    let share = try await owner.share(ShareRequest(path: path, name: "minion:changing"))
                    #expect(await share.outcome().progress != nil)
                    let port = owner.endpoint.port
                    let target = "/v1/tasks/\(share.task)/content"
                    let before = try await blocking { try RawClient(port: port).request("GET", target) }
                    let isAllThere = before.body == content
                    #expect(isAllThere)
                    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
                    try file.write(contentsOf: Data([1, 2, 3]))
                    try file.close()
                    // Nobody needs to have noticed the change for the next to get nothing.
                    let after = try await blocking { try RawClient(port: port).request("GET", target) }
                    #expect(after.status == 404)
                    #expect(await share.outcome().error?.message.contains("has been changed") == true)
                }
            }
        }
    }

    @Test func fileThatChangesWhileItIsSentIsCutOff() async throws {
        try await withTracker { [self] tracker in
            try await NodeFixture.with { fixture in
                let path = fixture.path("data")
                try Data(content).write(to: URL(fileURLWithPath: path))
                try await fixture.node(
                    cache: nil,
                    {
                        configured(tracker)(&$0)
                        $0.limits.uploadRate = 2e6
                    }
                ) { owner in
                    let share = try await owner.share(ShareRequest(path: path, name: "minion:moving"))
                    #expect(await share.outcome().progress != nil)
                    let (port, task, content) = (owner.endpoint.port, share.task, content)
                    let body = try await blocking {
                        let client = try RawClient(port: port)
                        try client.send("GET /v1/tasks/\(task)/content HTTP/1.1\r\nHost: a\r\n\r\n")
                        var received = try client.receive()
                        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
                        try file.write(contentsOf: Data(repeating: 0, count: content.count))
                        try file.close()
                        while let more = try? client.receive(), !more.isEmpty { received += more }
                        return received
                    }
                    let start = try #require(body.firstRange(of: Array("\r\n\r\n".utf8))).upperBound
                    #expect(body.count - start < content.count)
                    let isRight = Array(body[start...]) == Array(content.prefix(body.count - start))
                    #expect(isRight)
                }
            }
        }
    }

    @Test func cacheIsAnnouncedAfterARestart() async throws {
        try await ScriptedServer.run(honest(size)) { server in
            let url = server.url()
            try await withTracker { [self] tracker in
                try await NodeFixture.with { fixture in
                    try await fixture.node(configured(tracker)) { node in
                        _ = await node.download(request(url)).outcome()
                    }
                    try await fixture.node(configured(tracker)) { node in
                        await node.announceCache()
                        #expect(await node.status().tasks.first?.state == .serving)
                        try await fixture.node(cache: "other", configured(tracker)) { other in
                            let outcome = await other.download(request(url) { $0.mayUseSource = false }).outcome()
                            #expect(outcome.error == nil)
                            #expect(outcome.has(content))
                        }
                    }
                }
            }
            #expect(server.bytesRead == size)
        }
    }

    @Test func whatIsEvictedIsNoLongerServed() async throws {
        try await ScriptedServer.run(honest(size)) { server in
            let url = server.url()
            try await withTracker { [self] tracker in
                try await NodeFixture.with { fixture in
                    try await fixture.node(configured(tracker)) { node in
                        let download = await node.download(request(url))
                        let path = try #require(await download.outcome().progress?.path)
                        await download.cancel()
                        try await eventually("it only serves") { await node.status().tasks.first?.state == .serving }
                        let target = "/v1/tasks/\(download.task)/content"
                        let port = node.endpoint.port
                        try await eventually("all of it is served") {
                            try await blocking { try RawClient(port: port).request("GET", target) }.status == 200
                        }
                        try await eventually("nobody reads it") { await node.status().connections == 0 }
                        try FileManager.default.removeItem(atPath: path)
                        let answer = try await blocking { try RawClient(port: port).request("GET", target) }
                        #expect(answer.status == 404)
                        try await eventually("nothing is served") { await node.status().tasks.isEmpty }
                    }
                }
            }
        }
    }
}
