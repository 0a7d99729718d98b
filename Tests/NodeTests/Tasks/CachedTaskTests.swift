import Foundation
import MinionCore
import Node
import PieceStore
import Synchronization
import Testing

@Suite("node: cache", .timeLimit(.minutes(2))) struct CachedTaskTests {
    private let size = 1 << 20
    private var content: [UInt8] { pattern(0..<size) }

    /// A source whose version and freshness can be changed.
    private final class Source: Sendable {
        let size: Int
        let tag = Mutex("\"a\"")
        let maximumAge: Int?

        init(_ size: Int, maximumAge: Int?) {
            self.size = size
            self.maximumAge = maximumAge
        }

        func answer(_ request: ScriptedServer.Request, _ number: Int) -> [ScriptedServer.Step] {
            let extra = maximumAge.map { "Cache-Control: max-age=\($0)\r\n" } ?? ""
            guard let range = range(of: request) else { return [.close] }
            return partial(range, of: size, validator: "ETag: \(tag.withLock { $0 })", extra: extra)
        }
    }

    @Test func freshContentIsGivenWithoutAskingTheSource() async throws {
        let source = Source(size, maximumAge: 100)
        try await ScriptedServer.run(source.answer) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node { node in
                    #expect(await node.download(request(server.url())).outcome().has(content))
                    let before = server.requests.count
                    fixture.clock.advance(90)
                    let again = await node.download(request(server.url())).outcome()
                    #expect(again.has(content))
                    #expect(again.progress?.bytesAlreadyHere == Int64(size))
                    #expect(server.requests.count == before)
                }
            }
        }
    }

    @Test func withoutCacheControlItIsFreshForAMinute() async throws {
        let source = Source(size, maximumAge: nil)
        try await ScriptedServer.run(source.answer) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node { node in
                    _ = await node.download(request(server.url())).outcome()
                    fixture.clock.advance(55)
                    _ = await node.download(request(server.url())).outcome()
                    #expect(server.stats.count == 1)
                    fixture.clock.advance(10)
                    _ = await node.download(request(server.url())).outcome()
                    #expect(server.stats.count == 2)
                }
            }
        }
    }

    @Test func staleContentIsConfirmedByOneQuestion() async throws {
        let source = Source(size, maximumAge: 100)
        try await ScriptedServer.run(source.answer) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node { node in
                    _ = await node.download(request(server.url())).outcome()
                    fixture.clock.advance(101)
                    let again = await node.download(request(server.url())).outcome()
                    #expect(again.has(content))
                    #expect(again.progress?.bytesAlreadyHere == Int64(size))
                    #expect(server.stats.count == 2)
                    #expect(server.bytesRead == size)
                    // From now on it is fresh again.
                    fixture.clock.advance(90)
                    _ = await node.download(request(server.url())).outcome()
                    #expect(server.stats.count == 2)
                }
            }
        }
    }

    @Test func changedContentIsFetchedAnew() async throws {
        let source = Source(size, maximumAge: 100)
        try await ScriptedServer.run(source.answer) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node { node in
                    _ = await node.download(request(server.url())).outcome()
                    source.tag.withLock { $0 = "\"b\"" }
                    fixture.clock.advance(101)
                    let again = await node.download(request(server.url())).outcome()
                    #expect(again.has(content))
                    #expect(again.progress?.bytesFromSource == Int64(size))
                    #expect(server.bytesRead == 2 * size)
                }
            }
        }
    }

    @Test func contentStaysCutAsItWasFirst() async throws {
        let source = Source(size, maximumAge: 100)
        try await ScriptedServer.run(source.answer) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node { node in
                    _ = await node.download(request(server.url()) { $0.pieceLength = 64 << 10 }).outcome()
                    fixture.clock.advance(101)
                    let again = await node.download(request(server.url())).outcome()
                    #expect(again.has(content) && again.progress?.bytesAlreadyHere == Int64(size))
                    #expect(again.progress?.sourceQuestions == 1 && server.bytesRead == size)
                }
                let cache = try await blocking {
                    try ContentCache.open(folder: fixture.path("cache"), now: { fixture.clock.now })
                }
                defer { cache.close() }
                #expect(cache.list().map(\.version.pieceSize) == [64 << 10])
            }
        }
    }

    @Test func credentialsMakeAnotherTask() async throws {
        let source = Source(size, maximumAge: 100)
        try await ScriptedServer.run(source.answer) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node { node in
                    _ = await node.download(
                        request(server.url()) { $0.headers = [.init(name: "Authorization", value: "Bearer x")] }
                    ).outcome()
                    _ = await node.download(request(server.url())).outcome()
                    #expect(server.bytesRead == 2 * size)
                }
            }
        }
    }

    @Test func contentOutlivesTheNode() async throws {
        let source = Source(size, maximumAge: 100)
        try await ScriptedServer.run(source.answer) { server in
            try await NodeFixture.with { fixture in
                _ = try await fixture.node { await $0.download(request(server.url())).outcome() }
                let again = try await fixture.node { await $0.download(request(server.url())).outcome() }
                #expect(again.has(content))
                #expect(server.bytesRead == size)
            }
        }
    }

    @Test func sourceWithoutLengthIsCachedToo() async throws {
        let text = String(repeating: "0123456789abcdef", count: 40_000)
        let chunks = "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n0\r\n\r\n"
        let source = answer("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nETag: \"u\"", chunks)
        try await ScriptedServer.run(source) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node { node in
                    #expect(await node.download(request(server.url())).outcome().has(Array(text.utf8)))
                    let count = server.requests.count
                    #expect(await node.download(request(server.url())).outcome().has(Array(text.utf8)))
                    #expect(server.requests.count == count)
                }
            }
        }
    }

    @Test func whatIsAskedForAtAPlaceIsPutThere() async throws {
        let source = Source(size, maximumAge: 100)
        try await ScriptedServer.run(source.answer) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node { node in
                    for name in ["new", "cached"] {
                        let path = fixture.path(name)
                        let download = await node.download(request(server.url()) { $0.destination = path })
                        #expect(await download.outcome().error == nil)
                        #expect(isThere(content, at: path))
                    }
                    #expect(server.bytesRead == size)
                }
            }
        }
    }

    @Test func whatDoesNotFitFailsAndEvictsNobody() async throws {
        let source = Source(size, maximumAge: 100)
        try await ScriptedServer.run(source.answer) { server in
            try await NodeFixture.with(limits: CacheLimits(size: Int64(size / 2))) { fixture in
                try await fixture.node { node in
                    let error = try #require(await node.download(request(server.url())).outcome().error)
                    #expect(error.kind == .other)
                    #expect(server.bytesRead == 0)
                }
            }
        }
    }

    @Test func whatIsReadIsNotEvicted() async throws {
        let source = Source(size, maximumAge: 100)
        try await ScriptedServer.run(source.answer) { server in
            try await NodeFixture.with(limits: CacheLimits(size: Int64(size) * 5 / 4)) { fixture in
                try await fixture.node { node in
                    let first = await node.download(request(server.url("/a")))
                    let outcome = await first.outcome()
                    #expect(await node.download(request(server.url("/b"))).outcome().error != nil)
                    #expect(outcome.has(content))
                    await first.cancel()
                    try await eventually("b fits") {
                        await node.download(request(server.url("/b"))).outcome().error == nil
                    }
                    #expect(outcome.content == nil)
                }
            }
        }
    }

    @Test func statusTellsWhatThereIs() async throws {
        let source = Source(size, maximumAge: 100)
        try await ScriptedServer.run(source.answer) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node { node in
                    _ = await node.download(request(server.url())).outcome()
                    try await eventually("it only serves") { await node.status().tasks.first?.state == .serving }
                    let status = await node.status()
                    #expect(status.cacheEntries == 1)
                    #expect((status.cacheBytes ?? 0) >= Int64(size))
                    #expect(status.bytesFromSource == Int64(size))
                    #expect(status.tasks.first?.resource == server.url())
                    #expect(status.tasks.first?.progress.size == Int64(size))
                    let text = try JSONEncoder().encode(status)
                    _ = try JSONDecoder().decode(NodeStatus.self, from: text)
                }
            }
        }
    }
}

/// Returns when the condition holds; throws if it still does not after many seconds.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let start = ContinuousClock.now
    while try await !condition() {
        guard ContinuousClock.now - start < .seconds(20) else { throw NeverHappened() }
        try await Task.sleep(for: .milliseconds(5))
    }
}
