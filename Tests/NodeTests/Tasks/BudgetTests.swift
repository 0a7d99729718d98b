import MinionCore
import Node
import Testing

@Suite("node: budget", .serialized, .timeLimit(.minutes(2))) struct BudgetTests {
    @Test func twoTasksShareTheHostsRateFairly() async throws {
        let size = 3 << 20
        try await ScriptedServer.run(honest(size)) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node({ $0.limits.downloadRate = 3e6 }) { node in
                    let start = ContinuousClock.now
                    let downloads = await [
                        node.download(request(server.url("/a"))), node.download(request(server.url("/b"))),
                    ]
                    #expect(await downloads[0].outcome().error == nil)
                    let first = ContinuousClock.now - start
                    #expect(await downloads[1].outcome().error == nil)
                    let second = ContinuousClock.now - start
                    // Together 6.3 MB at 3 MB/s; whichever is first has had to share to its end.
                    #expect(second > .milliseconds(1800))
                    #expect(min(first, second) > .milliseconds(1500))
                }
            }
        }
    }

    @Test func ratesOfTheSourceAndOfATaskHoldToo() async throws {
        let size = 1 << 20
        try await ScriptedServer.run(honest(size)) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node({ $0.limits.sourceRate = 1e6 }) { node in
                    let start = ContinuousClock.now
                    #expect(await node.download(request(server.url("/a"))).outcome().error == nil)
                    #expect(ContinuousClock.now - start > .milliseconds(800))
                }
                try await fixture.node { node in
                    let start = ContinuousClock.now
                    let slow = request(server.url("/b")) { $0.downloadRate = 1e6 }
                    #expect(await node.download(slow).outcome().error == nil)
                    #expect(ContinuousClock.now - start > .milliseconds(800))
                }
            }
        }
    }

    @Test func newLimitsHoldForWhatIsUnderWay() async throws {
        let size = 8 << 20
        try await ScriptedServer.run(honest(size)) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node({ $0.limits.downloadRate = 500_000 }) { node in
                    let start = ContinuousClock.now
                    let download = await node.download(request(server.url()))
                    #expect(await download.reaches(1))
                    node.setLimits(NodeLimits())
                    #expect(await download.outcome().error == nil)
                    // 16 seconds at the first rate.
                    #expect(ContinuousClock.now - start < .seconds(10))
                }
            }
        }
    }
}
