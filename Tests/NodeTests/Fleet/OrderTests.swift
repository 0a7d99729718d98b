import Fleet
import MinionCore
import Node
import PieceStore
import Synchronization
import Testing
import Wire

@Suite("node: orders of schedulers", .timeLimit(.minutes(2))) struct OrderTests {
    private let size = 300_000
    private var content: [UInt8] { pattern(0..<size) }

    private func source(_ request: ScriptedServer.Request, _ number: Int) -> [ScriptedServer.Step] {
        range(of: request).map {
            partial($0, of: size, validator: "ETag: \"a\"", extra: "Cache-Control: max-age=100\r\n")
        } ?? [.close]
    }

    /// Runs `body` with a node that a fake scheduler orders about, and a source that it may read.
    private func withNode(
        allowed: [String] = ["127.0.0.1"],
        _ body: (MinionNode, FakeFleet, ScriptedServer) async throws -> Void
    ) async throws {
        let rules = try allowed.map { try #require(AddressRules.Allowance($0)) }
        try await ScriptedServer.run(source) { source in
            try await FakeFleet.run(1) { servers in
                try await NodeFixture.with { fixture in
                    try await fixture.node { configuration in
                        configuration.join(trackers: [servers[0].url])
                        configuration.preheatSources.allowed = rules
                    } _: { node in
                        try await body(node, servers[0].fleet, source)
                    }
                }
            }
        }
    }

    private func fetch(
        _ id: String, _ url: String, _ change: (inout FetchOrder) -> Void = { _ in }
    ) -> HostOrder {
        var order = FetchOrder(url: url, timeoutSeconds: 30)
        change(&order)
        return HostOrder(id: id, action: .fetch(order))
    }

    private func task(_ url: String) -> String { TaskID(of: TaskIdentity(url: url, ignoring: [])).hex }

    @Test func contentIsFetchedIntoTheCacheOnce() async throws {
        try await withNode { node, fleet, source in
            fleet.say { $0.orders = [fetch("1", source.url())] }
            try await eventually("it is done") { fleet.ended["1"] != nil }
            let end = try #require(fleet.ended["1"])
            #expect(end.state == .succeeded && end.bytes == Int64(size) && end.size == Int64(size))
            #expect(end.bytesFromSource == Int64(size))
            // Preheated means fast: the source is not asked at all while it is fresh.
            let requests = source.requests.count
            let outcome = await node.download(request(source.url())).outcome()
            #expect(outcome.has(content) && source.requests.count == requests)
            #expect(outcome.progress?.sourceQuestions == 0)
        }
    }

    @Test func sourceIsReadOnlyWhereTheRulesAllowIt() async throws {
        try await withNode(allowed: []) { node, fleet, source in
            fleet.say { $0.orders = [fetch("1", source.url()), fetch("2", source.url(host: "localhost"))] }
            try await eventually("both have failed") { fleet.ended.count == 2 }
            for end in fleet.ended.values {
                #expect(end.state == .failed && end.message.contains("loopback"), "\(end.message)")
            }
            #expect(source.requests.isEmpty)
            // What the host's own user asks for is not concerned.
            #expect(await node.download(request(source.url())).outcome().has(content))
        }
    }

    @Test func redirectToAForbiddenAddressIsNotFollowed() async throws {
        try await withNode(allowed: ["localhost"]) { _, fleet, source in
            let secret = source.url()
            try await ScriptedServer.run { _, _ in
                [.text("HTTP/1.1 302 X\r\nLocation: \(secret)\r\nContent-Length: 0\r\n\r\n")]
            } _: { redirecting in
                // Allowed by its name, which the target does not have.
                fleet.say { $0.orders = [fetch("1", redirecting.url(host: "localhost"))] }
                try await eventually("it has failed") { fleet.ended["1"] != nil }
                #expect(fleet.ended["1"]?.state == .failed)
                #expect(source.requests.isEmpty)
            }
        }
    }

    @Test func withdrawnOrderIsGivenUp() async throws {
        let rule = try #require(AddressRules.Allowance("127.0.0.1"))
        // A source that never answers.
        try await ScriptedServer.run { _, _ in
            []
        } _: { source in
            try await FakeFleet.run(1) { servers in
                try await NodeFixture.with { fixture in
                    try await fixture.node { configuration in
                        configuration.join(trackers: [servers[0].url])
                        configuration.preheatSources.allowed = [rule]
                    } _: { node in
                        let fleet = servers[0].fleet
                        fleet.say { $0.orders = [fetch("1", source.url())] }
                        try await eventually("it is asked for") { !source.requests.isEmpty }
                        #expect(await node.status().tasks.count == 1)
                        fleet.say { $0.orders = [] }
                        try await eventually("nobody wants it") { await node.status().tasks.isEmpty }
                        #expect(fleet.ended.isEmpty)
                        fleet.say { $0.orders = [fetch("2", source.url()) { $0.timeoutSeconds = 0.2 }] }
                        try await eventually("its time is over") { fleet.ended["2"] != nil }
                        #expect(fleet.ended["2"]?.message.contains("longer than") == true)
                    }
                }
            }
        }
    }

    @Test func contentIsDropped() async throws {
        try await withNode { node, fleet, source in
            _ = await node.download(request(source.url()) { $0.ignoredParameters = [] }).outcome()
            #expect(await node.status().cacheEntries == 1)
            fleet.say { $0.orders = [HostOrder(id: "1", action: .delete(task: task(source.url())))] }
            try await eventually("it is gone") { fleet.ended["1"]?.state == .succeeded }
            #expect(await node.status().cacheEntries == 0)
            fleet.say { $0.orders = [HostOrder(id: "2", action: .delete(task: "nonsense"))] }
            try await eventually("it fails") { fleet.ended["2"]?.state == .failed }
        }
    }

    @Test func blockListsRefuseAndSayWhy() async throws {
        try await withNode { node, fleet, source in
            var entries = BlockList.Entries()
            entries.tags = ["beta"]
            fleet.say { $0.news = HostNews("1", "east") { $0.blockList.downloads[.task] = entries } }
            try await eventually("it holds") { await node.status().limits.uploadLimit != nil }
            let refused = await node.download(request(source.url()) { $0.tag = "beta" }).outcome()
            #expect(refused.error?.message.contains("\"beta\"") == true)
            #expect(refused.error?.message.contains("east") == true && source.requests.isEmpty)
            #expect(await node.download(request(source.url())).outcome().has(content))
            fleet.say { $0.orders = [fetch("1", source.url()) { $0.tag = "beta" }] }
            try await eventually("the order, too") { fleet.ended["1"]?.state == .failed }
        }
    }

    @Test func whatMayNotBeGivenIsNotServed() async throws {
        try await withNode { node, fleet, source in
            #expect(await node.download(request(source.url())).outcome().has(content))
            try await eventually("it is served") { await node.status().tasks.first?.state == .serving }
            var entries = BlockList.Entries()
            entries.urls = ["/file$"]
            fleet.say { $0.news = HostNews("1", "east") { $0.blockList.uploads[.task] = entries } }
            try await eventually("it is served no more") { await node.status().tasks.isEmpty }
            #expect(await node.download(request(source.url())).outcome().has(content))
        }
    }

    @Test func orderOfTwoSchedulersIsCarriedOutOnceAndToldToBoth() async throws {
        let rule = try #require(AddressRules.Allowance("127.0.0.1"))
        try await ScriptedServer.run(source) { source in
            try await FakeFleet.run(2) { servers in
                let (a, b) = (servers[0], servers[1])
                for server in servers {
                    server.fleet.say { $0.news = HostNews("1", schedulers: servers.map(\.url)) }
                }
                try await NodeFixture.with { fixture in
                    try await fixture.node { configuration in
                        configuration.join(trackers: [a.url])
                        configuration.preheatSources.allowed = [rule]
                    } _: { _ in
                        a.fleet.say { $0.orders = [fetch("1", source.url())] }
                        b.fleet.say { $0.orders = [fetch("1", source.url())] }
                        try await eventually("both know the end") {
                            a.fleet.ended["1"] != nil && b.fleet.ended["1"] != nil
                        }
                        #expect(source.bytesRead == size)
                        // The one that gave another order is gone; who goes on with it hears the result.
                        a.fleet.say { $0.orders = [fetch("2", source.url("/other"))] }
                        try await eventually("it is asked for") { source.requests.contains { $0.target == "/other" } }
                        a.fleet.say { $0.status = 500 }
                        b.fleet.say { $0.orders = [fetch("2", source.url("/other"))] }
                        try await eventually("the other knows it") { b.fleet.ended["2"]?.state == .succeeded }
                        #expect(source.bytesRead == 2 * size)
                    }
                }
            }
        }
    }
}
