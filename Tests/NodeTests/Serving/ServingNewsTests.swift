import MinionCore
import Node
import Swarm
import Synchronization
import Testing

@Suite("piece server: news")
struct ServingNewsTests {
    private static func subscribe(
        _ fixture: ServingFixture, _ fields: [String] = []
    ) throws -> (client: RawClient, status: Int) {
        let client = try fixture.client()
        try client.send(
            "GET \(fixture.base)/news HTTP/1.1\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
        return (client, try client.head().status)
    }

    @Test func theFirstLineIsTheWholeSetAndLaterOnesAreAdditions() async throws {
        try await ServingFixture.with(size: 10 * 65536, offering: [0, 1, 2, 5]) { fixture in
            try await blocking {
                let (client, status) = try Self.subscribe(fixture)
                #expect(status == 200)
                #expect(try client.chunk() == "0-2,5\n")
                fixture.offer([2, 7])
                #expect(try client.chunk() == "7\n")
                fixture.offer([3, 4])
                #expect(try client.chunk() == "3-4\n")
                fixture.offer([6, 8, 9])
                #expect(try client.chunk() == "all\n")
            }
        }
    }

    @Test func aNodeWithoutPiecesSendsAnEmptyLineFirst() async throws {
        try await ServingFixture.with(size: 10 * 65536, offering: []) { fixture in
            let line = try await blocking { try Self.subscribe(fixture).client.chunk() }
            #expect(line == "\n")
        }
    }

    @Test func aCompleteNodeSaysAll() async throws {
        try await ServingFixture.with(size: 10 * 65536) { fixture in
            let line = try await blocking { try Self.subscribe(fixture).client.chunk() }
            #expect(line == "all\n")
        }
    }

    @Test func newsThatComeTogetherShareALine() async throws {
        var limits = ServingLimits()
        limits.newsInterval = .milliseconds(200)
        try await ServingFixture.with(size: 64 * 65536, offering: [], limits: limits) { fixture in
            try await blocking {
                let client = try Self.subscribe(fixture).client
                #expect(try client.chunk() == "\n")
                // Within the interval after the first line: one line for all of them.
                for piece in 0..<40 { fixture.offer([piece]) }
                #expect(try client.chunk() == "0-39\n")
            }
        }
    }

    @Test func whatIsOfferedAgainIsToldAgain() async throws {
        try await ServingFixture.with(size: 10 * 65536, offering: [0, 1]) { fixture in
            let client = try await blocking { Unshared(try Self.subscribe(fixture).client) }
            #expect(try await blocking { try client.value.chunk() } == "0-1\n")
            fixture.task.withdraw(1)
            try await Task.sleep(for: .milliseconds(50))
            fixture.offer([1])
            #expect(try await blocking { try client.value.chunk() } == "1\n")
        }
    }

    @Test func silenceIsBrokenByKeepAlives() async throws {
        var limits = ServingLimits()
        limits.newsKeepAlive = .milliseconds(50)
        try await ServingFixture.with(size: 10 * 65536, offering: [3], limits: limits) { fixture in
            try await blocking {
                let client = try Self.subscribe(fixture).client
                #expect(try client.chunk() == "3\n")
                #expect(try client.chunk() == ".\n")
                #expect(try client.chunk() == ".\n")
            }
        }
    }

    @Test func aSubscriberIsIntroduced() async throws {
        try await ServingFixture.with(size: 10 * 65536) { fixture in
            let version = ["Minion-Validator: %22v1%22", "Minion-Layout: 655360/65536"]
            let introductions = [
                ["Minion-Peer: 00000000000000ff", "Minion-Endpoint: :4567"],
                ["Minion-Peer: 00000000000000fe", "Minion-Endpoint: host.example:1"],
            ]
            for introduction in introductions {
                let status = try await blocking { try Self.subscribe(fixture, version + introduction).status }
                #expect(status == 200)
            }
            let expected = [
                NeighbourInfo(id: PeerID(0xff), endpoint: Endpoint(host: "127.0.0.1", port: 4567)),
                NeighbourInfo(id: PeerID(0xfe), endpoint: Endpoint(host: "host.example", port: 1)),
            ]
            #expect(try await eventually { fixture.neighbours.withLock { $0 } == expected })
        }
    }

    @Test(arguments: [
        ("Minion-Validator: %22v2%22", 409), ("Minion-Layout: 655360/131072", 409),
        ("Minion-Layout: 655361/65536", 409),
        ("Minion-Validator: %2", 400), ("Minion-Layout: x", 400), ("Minion-Layout: -1/65536", 400),
        ("Minion-Peer: xyz", 400),
    ])
    func otherVersionsAndNonsenseAreRefused(field: (String, Int)) async throws {
        try await ServingFixture.with(size: 10 * 65536) { fixture in
            let fields = [field.0, "Minion-Endpoint: :4567"]
            let response = try await fixture.get(fixture.base + "/news", fields)
            #expect(response.status == field.1)
            #expect(fixture.neighbours.withLock { $0.isEmpty })
        }
    }

    @Test func thereIsRoomForSoManyOnly() async throws {
        var limits = ServingLimits()
        limits.newsSubscribers = 2
        try await ServingFixture.with(size: 10 * 65536, limits: limits) { fixture in
            let clients = try await blocking {
                Unshared([try Self.subscribe(fixture), try Self.subscribe(fixture)].map(\.client))
            }
            let refused = try await fixture.get(fixture.base + "/news")
            #expect(refused.status == 503)
            #expect(refused["retry-after"] != nil)
            #expect(refused["minion-missing"] == nil)
            // A place is free again as soon as a subscriber is gone.
            try await blocking { clients.value[0].reset() }
            #expect(try await eventually { fixture.server.status.connections == 1 })
            let status = try await blocking { try Self.subscribe(fixture).status }
            #expect(status == 200)
        }
    }

    @Test func theStreamEndsWithTheTask() async throws {
        try await ServingFixture.with(size: 10 * 65536) { fixture in
            try await blocking {
                let client = try Self.subscribe(fixture).client
                #expect(try client.chunk() == "all\n")
                fixture.shelf.remove(fixture.task)
                #expect(try client.chunk() == "")
                // The connection is good for another request.
                #expect(try client.request("GET", fixture.base + "/news").status == 404)
            }
        }
    }

    @Test func aSlowReaderGetsTheSumOfWhatItMissed() async throws {
        let count = 200_000
        let layout = try #require(PieceLayout(size: Int64(count) << 16, pieceSize: 64 << 10))
        try await ServingFixture.with(size: 0) { fixture in
            let task = ServedTask(
                id: ServingFixture.id, version: TaskVersion(validator: "\"v1\"", layout: layout), layout: layout,
                resource: "", name: "", openReader: { throw ClientError("nobody reads it") }, isUnchanged: { true })
            fixture.shelf.add(task)
            let hash = try #require(PieceHash(hex: String(repeating: "00", count: 32)))
            let offer = { (pieces: StrideTo<Int>) in task.offer(pieces.map { PieceProof(piece: $0, hash: hash) }) }
            offer(stride(from: 0, to: count, by: 4))
            let client = Unshared(try fixture.client(receiveBuffer: 4096))
            try await blocking {
                try client.value.send("GET \(fixture.base)/news HTTP/1.1\r\n\r\n")
                _ = try client.value.head()
            }
            // Far more than the sockets hold, in many steps.
            for start in [1, 2] {
                for part in 0..<50 {
                    offer(stride(from: part * 4000 + start, to: part * 4000 + 4000, by: 4))
                    try await Task.sleep(for: .milliseconds(1))
                }
            }
            let (told, longest) = try await blocking {
                var told = PieceSet(capacity: count)
                var longest = 0
                while told.count < count / 4 * 3 {
                    for line in try client.value.chunk().split(separator: "\n") {
                        longest = max(longest, line.utf8.count + 1)
                        for run in line.split(separator: ",") {
                            let ends = run.split(separator: "-").compactMap { Int($0) }
                            guard let first = ends.first, let last = ends.last else {
                                throw ClientError("no run: \(run)")
                            }
                            told.insert(first..<last + 1)
                        }
                    }
                }
                return (told, longest)
            }
            #expect(told == task.offered)
            #expect(longest <= 64 << 10)
        }
    }
}

/// A value that is used by one thread after the other, never by two at a time: each use is awaited before the next.
final class Unshared<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
