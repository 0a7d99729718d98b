import Crypto
import Foundation
import MinionCore
import Node
import Testing

@Suite("node: several listeners", .timeLimit(.minutes(2))) struct ListenerTests {
    private let size = 3 << 20
    private var content: [UInt8] { pattern(0..<size) }
    private var rate: Double { 3e6 }

    @Test func twoWhoAskForTheSameMakeOneDownload() async throws {
        try await ScriptedServer.run(honest(size)) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node { node in
                    let first = await node.download(request(server.url()) { $0.downloadRate = rate })
                    let second = await node.download(request(server.url()) { $0.downloadRate = rate })
                    async let a = first.outcome()
                    async let b = second.outcome()
                    let outcomes = await [a, b]
                    for outcome in outcomes { #expect(outcome.has(content)) }
                    #expect(server.bytesRead == size)
                    #expect(server.stats.count == 1)
                }
            }
        }
    }

    @Test func oneCancelledDoesNotStopTheOther() async throws {
        try await ScriptedServer.run(honest(size)) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node { node in
                    let first = await node.download(request(server.url()) { $0.downloadRate = rate })
                    let second = await node.download(request(server.url()) { $0.downloadRate = rate })
                    #expect(await first.reaches(256 << 10))
                    await first.cancel()
                    #expect(await second.outcome().has(content))
                    #expect(server.bytesRead == size)
                }
            }
        }
    }

    @Test func lastOneGoneEndsTheDownloadAndTheNextGoesOn() async throws {
        try await ScriptedServer.run(honest(size)) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node { node in
                    let first = await node.download(request(server.url()) { $0.downloadRate = rate })
                    #expect(await first.reaches(1 << 20))
                    await first.cancel()
                    for _ in 0..<1000 where await !node.status().tasks.isEmpty {
                        try await Task.sleep(for: .milliseconds(5))
                    }
                    #expect(await node.status().tasks.isEmpty)
                    let outcome = await node.download(request(server.url())).outcome()
                    #expect(outcome.has(content))
                    #expect((outcome.progress?.bytesAlreadyHere ?? 0) >= 512 << 10)
                }
            }
        }
    }

    @Test func wrongDigestConcernsOnlyWhoNamedIt() async throws {
        try await ScriptedServer.run(honest(size)) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node { node in
                    let right = SHA256.hash(data: content).map { String(format: "%02x", $0) }.joined()
                    let wrong = String(right.reversed())
                    let downloads = await [
                        node.download(
                            request(server.url()) {
                                $0.digest = "sha256:" + right
                                $0.downloadRate = rate
                            }),
                        node.download(request(server.url()) { $0.digest = "sha256:" + wrong }),
                        node.download(request(server.url())),
                    ]
                    #expect(await downloads[0].outcome().has(content))
                    #expect(await downloads[1].outcome().error?.kind == .checksumMismatch)
                    #expect(await downloads[2].outcome().has(content))
                    // What was dropped is there as long as anybody may read it.
                    for download in downloads { await download.cancel() }
                }
            }
        }
    }

    @Test func wrongDigestOfWhatIsCachedDropsIt() async throws {
        try await ScriptedServer.run(honest(size)) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node { node in
                    let first = await node.download(request(server.url()))
                    #expect(await first.outcome().has(content))
                    await first.cancel()
                    let wrong = await node.download(
                        request(server.url()) { $0.digest = "md5:" + String(repeating: "0", count: 32) })
                    #expect(await wrong.outcome().error?.kind == .checksumMismatch)
                    await wrong.cancel()
                    try await eventually("it is dropped") { await node.status().cacheEntries == 0 }
                    #expect(await node.download(request(server.url())).outcome().has(content))
                    #expect(server.bytesRead == 2 * size)
                }
            }
        }
    }

    @Test func whoFollowsLaterStillGetsAllFromTheFront() async throws {
        try await ScriptedServer.run(honest(size)) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node { node in
                    let first = await node.download(request(server.url()) { $0.downloadRate = rate })
                    #expect(await first.reaches(512 << 10))
                    let second = await node.download(
                        request(server.url()) {
                            $0.inOrder = true
                            $0.downloadRate = rate
                        })
                    let outcome = await second.outcome()
                    #expect(outcome.prefixes == outcome.prefixes.sorted())
                    #expect(outcome.prefixes.last == Int64(size))
                    #expect(outcome.has(content))
                }
            }
        }
    }

    @Test func impatientOneGivesUpAlone() async throws {
        // A source that stops after the first answer.
        let size = size
        try await ScriptedServer.run({ request, number in
            number == 0 ? partial(0..<1, of: size) : []
        }) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node { node in
                    let patient = await node.download(request(server.url()))
                    let impatient = await node.download(request(server.url()) { $0.timeoutSeconds = 0.5 })
                    let error = try #require(await impatient.outcome().error)
                    #expect(error.message.contains("nothing has arrived"))
                    try await eventually("one is left") { await node.status().tasks.first?.listeners == 1 }
                    await patient.cancel()
                }
            }
        }
    }

    @Test func withoutACacheEveryPlaceGetsItsFile() async throws {
        try await ScriptedServer.run(honest(size)) { server in
            try await NodeFixture.with { fixture in
                try await fixture.node(cache: nil) { node in
                    let paths = ["a", "b"].map(fixture.path)
                    let first = await node.download(
                        request(server.url()) {
                            $0.destination = paths[0]
                            $0.downloadRate = rate
                        })
                    let second = await node.download(request(server.url()) { $0.destination = paths[1] })
                    #expect(await first.outcome().error == nil)
                    #expect(await second.outcome().error == nil)
                    for path in paths {
                        #expect(isThere(content, at: path))
                    }
                    #expect(server.bytesRead == size)
                }
            }
        }
    }

    @Test func whenTheNodeEndsListenersAreTold() async throws {
        try await ScriptedServer.run(honest(size)) { server in
            try await NodeFixture.with { fixture in
                let download = try await fixture.node { node in
                    let download = await node.download(request(server.url()) { $0.downloadRate = 100_000 })
                    #expect(await download.reaches(1))
                    return download
                }
                #expect(await download.outcome().error?.message.contains("the node is ending") == true)
            }
        }
    }
}
