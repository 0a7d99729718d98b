import MinionCore
import Node
import Swarm
import Testing

@Suite("piece server: limits and hostile clients")
struct ServingLimitsTests {
    private static let large = 32 << 20

    private static func isIdle(_ fixture: ServingFixture) -> Bool {
        let status = fixture.server.status
        return status.uploads == 0 && status.waiting == 0 && status.connections == 0 && fixture.openDescriptors == 0
    }

    @Test func requestsWaitForASlotAndStartWhenOneIsFree() async throws {
        var limits = ServingLimits()
        limits.uploads = .init(slots: 1, waiting: 2)
        try await ServingFixture.with(size: Self.large, pieceSize: 1 << 20, limits: limits) { fixture in
            let request = "GET \(fixture.base)/content HTTP/1.1\r\nRange: bytes=0-9\r\n\r\n"
            let clients = try await blocking {
                let slow = try fixture.client(receiveBuffer: 4096)
                try slow.send("GET \(fixture.base)/content HTTP/1.1\r\n\r\n")
                _ = try slow.head()
                let waiting = [try fixture.client(), try fixture.client()]
                for client in waiting { try client.send(request) }
                return Unshared([slow] + waiting)
            }
            #expect(try await eventually { fixture.server.status.waiting == 2 })
            let refused = try await fixture.get(fixture.base + "/content", ["Range: bytes=0-9"])
            #expect(refused.status == 503)
            #expect(refused["retry-after"] == "1")
            #expect(refused["minion-missing"] == nil)
            #expect(fixture.server.status.refused == 1)

            // One that waits goes away: its place is free.
            try await blocking { clients.value[1].close() }
            #expect(try await eventually { fixture.server.status.waiting == 1 })
            #expect(fixture.server.status.uploads == 1)

            // The one that is served goes away: the other's turn.
            try await blocking {
                clients.value[0].reset()
                let response = try clients.value[2].response()
                #expect(response.body == fixture.bytes(0..<10))
                clients.value[2].close()
            }
            #expect(try await eventually { Self.isIdle(fixture) })
        }
    }

    @Test func abruptEndsGiveEverythingBack() async throws {
        var limits = ServingLimits()
        limits.uploads = .init(slots: 3, waiting: 20)
        try await ServingFixture.with(size: Self.large, pieceSize: 1 << 20, limits: limits) { fixture in
            for round in 0..<5 {
                try await blocking {
                    let clients = try (0..<12).map { _ in try fixture.client(receiveBuffer: 4096) }
                    for (i, client) in clients.enumerated() {
                        try client.send("GET \(i % 2 == 0 ? fixture.base + "/content" : fixture.old) HTTP/1.1\r\n\r\n")
                        // In some rounds one of them is being served when they all go.
                        if i == 0, round > 2 { _ = try client.receive() }
                    }
                    for client in clients { round % 2 == 0 ? client.reset() : client.close() }
                }
            }
            #expect(try await eventually { Self.isIdle(fixture) })
            #expect(
                try await fixture.get(fixture.base + "/content", ["Range: bytes=5-9"]).body == fixture.bytes(5..<10))
        }
    }

    @Test func aSlotIsHeldUntilThePieceIsOnItsWay() async throws {
        try await ServingFixture.with(size: 512 << 10, pieceSize: 256 << 10) { fixture in
            let client = try await blocking {
                let client = try fixture.client(receiveBuffer: 4096)
                try client.send("GET \(fixture.base)/content HTTP/1.1\r\nRange: bytes=0-262143\r\n\r\n")
                _ = try client.head()
                return Unshared(client)
            }
            // The piece would fit into the kernel's buffers; it must not vanish there while the client is slow.
            try await Task.sleep(for: .milliseconds(100))
            #expect(fixture.server.status.uploads == 1)
            let next = try await blocking { () throws -> Int in
                var count = 0
                while count < 200_000 { count += try client.value.receive().count }
                return count
            }
            #expect(next >= 200_000)
            client.value.close()
            #expect(try await eventually { fixture.server.status.uploads == 0 })
        }
    }

    @Test func aClientThatDoesNotReadIsCutOff() async throws {
        var limits = ServingLimits()
        limits.uploads = .init(slots: 1, waiting: 2)
        limits.stallTimeout = .milliseconds(300)
        try await ServingFixture.with(size: Self.large, pieceSize: 1 << 20, limits: limits) { fixture in
            let client = try await blocking {
                let client = try fixture.client(receiveBuffer: 4096)
                try client.send("GET \(fixture.base)/content HTTP/1.1\r\n\r\n")
                _ = try client.head()
                return Unshared(client)
            }
            #expect(try await eventually { Self.isIdle(fixture) })
            #expect(try await blocking { try client.value.isClosedByServer() })
        }
    }

    @Test func aSlowButSteadyClientIsServed() async throws {
        var limits = ServingLimits()
        limits.stallTimeout = .milliseconds(200)
        limits.stallBytes = 1000
        try await ServingFixture.with(size: 8 << 20, pieceSize: 1 << 20, limits: limits) { fixture in
            let received = try await blocking {
                let client = try fixture.client(receiveBuffer: 32 << 10)
                try client.send("GET \(fixture.base)/content HTTP/1.1\r\nConnection: close\r\n\r\n")
                var count = try client.head().body.count
                let start = ContinuousClock.now
                while count < 8 << 20 {
                    let bytes = try client.receive()
                    guard !bytes.isEmpty else { break }
                    count += bytes.count
                    // Slow for longer than the time-out, then as fast as it can.
                    if ContinuousClock.now - start < .milliseconds(600) { usleepMilliseconds(20) }
                }
                return count
            }
            // What was read behind the header is not counted.
            #expect(received > (8 << 20) - (256 << 10))
        }
    }

    @Test(arguments: [
        "", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\n", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc",
    ])
    func aRequestThatDoesNotArriveIsCutOff(start: String) async throws {
        var limits = ServingLimits()
        limits.requestTimeout = .milliseconds(200)
        try await ServingFixture.with(size: 1000, limits: limits) { fixture in
            try await blocking {
                let fresh = try fixture.client()
                try fresh.send(start)
                #expect(try fresh.isClosedByServer())
                guard !start.isEmpty else { return }
                // Also as the second request of a connection.
                let used = try fixture.client()
                #expect(try used.request("GET", "/healthz").status == 200)
                try used.send(start)
                #expect(try used.isClosedByServer())
            }
        }
    }

    @Test func anIdleConnectionIsClosed() async throws {
        var limits = ServingLimits()
        limits.idleTimeout = .milliseconds(200)
        try await ServingFixture.with(size: 1000, limits: limits) { fixture in
            try await blocking {
                let client = try fixture.client()
                #expect(try client.request("GET", "/healthz").status == 200)
                #expect(try client.isClosedByServer())
            }
        }
    }

    @Test func thereIsRoomForSoManyConnectionsOnly() async throws {
        var limits = ServingLimits()
        limits.connections = 2
        try await ServingFixture.with(size: 1000, limits: limits) { fixture in
            try await blocking {
                let clients = [try fixture.client(), try fixture.client()]
                for client in clients { #expect(try client.request("GET", "/healthz").status == 200) }
                let third = try fixture.client()
                #expect(try third.response().status == 503)
                #expect(try third.isClosedByServer())
                #expect(try clients[0].request("GET", "/healthz").status == 200)
            }
            #expect(try await eventually { fixture.server.status.connections == 0 })
        }
    }

    @Test(arguments: [
        "GET /" + String(repeating: "a", count: 20_000) + " HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nX: " + String(repeating: "a", count: 20_000) + "\r\n\r\n",
        "GET / HTTP/1.1\r\n" + String(repeating: "X: y\r\n", count: 100) + "\r\n",
        "\u{1}\u{2}\u{3} nonsense\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" + String(repeating: "b", count: 100_000),
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
    ])
    func requestsThatAreNoneAreRefused(request: String) async throws {
        try await ServingFixture.with(size: 1000) { fixture in
            try await blocking {
                let client = try fixture.client()
                // The server may close before it has read all.
                try? client.send(request)
                if let status = try? client.response().status { #expect([400, 413, 431].contains(status)) }
                #expect(try client.isClosedByServer())
            }
            #expect(try await fixture.get("/healthz").status == 200)
            #expect(try await eventually { Self.isIdle(fixture) })
        }
    }

    @Test func requestsSentAheadAreAnsweredInOrder() async throws {
        try await ServingFixture.with(size: 1000) { fixture in
            try await blocking {
                let client = try fixture.client()
                let count = 20_000
                let body = "GET \(fixture.base)/content HTTP/1.1\r\nRange: bytes=3-5\r\n\r\n"
                let sender = try fixture.client()
                sender.close()
                // A body first, so that the others pile up behind it.
                try client.send(body + String(repeating: "GET /x HTTP/1.1\r\n\r\n", count: 3000) + body)
                #expect(try client.response().body == fixture.bytes(3..<6))
                for _ in 0..<3000 { #expect(try client.response().status == 404) }
                #expect(try client.response().body == fixture.bytes(3..<6))
                // A flood whose answers nobody reads stands still instead of growing.
                let flood = try fixture.client(receiveBuffer: 4096)
                try? flood.send(String(repeating: "GET /x HTTP/1.1\r\n\r\n", count: count))
                flood.reset()
            }
            #expect(try await eventually { Self.isIdle(fixture) })
        }
    }

    @Test func aHalfClosedConnectionLeaksNothing() async throws {
        var limits = ServingLimits()
        limits.uploads = .init(slots: 1, waiting: 1)
        try await ServingFixture.with(size: Self.large, pieceSize: 1 << 20, limits: limits) { fixture in
            try await blocking {
                for start in ["", "GET /", "GET \(fixture.base)/content HTTP/1.1\r\n\r\n"] {
                    let client = try fixture.client(receiveBuffer: 4096)
                    try client.send(start)
                    client.closeWriting()
                    #expect(try client.isClosedByServer())
                }
            }
            #expect(try await eventually { Self.isIdle(fixture) })
        }
    }

    @Test func theUploadRateHoldsForAllTogether() async throws {
        var limits = ServingLimits()
        limits.uploadRate = ByteRate(bytesPerSecond: 4e6)
        try await ServingFixture.with(size: 1_500_000, limits: limits) { fixture in
            let start = ContinuousClock.now
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 {
                    group.addTask { try await fixture.get(fixture.base + "/content").body.count }
                }
                for try await count in group { #expect(count == 1_500_000) }
            }
            let seconds = (ContinuousClock.now - start).inSeconds
            // 6 MB at 4 MB/s, less the burst of 0.1 s at most.
            #expect(seconds > 1.39, "\(seconds) s")
            let uplink = try #require(fixture.server.uplink)
            #expect(uplink > 2e6 && uplink <= 4e6)
        }
    }

    @Test func theRateCanBeLiftedWhileABodyIsUnderWay() async throws {
        var limits = ServingLimits()
        limits.uploadRate = ByteRate(bytesPerSecond: 100_000)
        try await ServingFixture.with(size: 10 << 20, pieceSize: 1 << 20, limits: limits) { fixture in
            async let body = fixture.get(fixture.base + "/content").body
            #expect(try await eventually { fixture.server.status.bytesSent > 8000 })
            #expect(fixture.server.status.bytesSent < 1 << 20)
            fixture.server.setUploadRate(nil)
            let received = try await body
            #expect(received == fixture.content)
        }
    }

    @Test func shutdownLetsBodiesFinishWithinTheGrace() async throws {
        var limits = ServingLimits()
        limits.uploadRate = ByteRate(bytesPerSecond: 4e6)
        try await ServingFixture.with(size: 1_000_000, limits: limits) { fixture in
            let idle = Unshared(try fixture.client())
            #expect(try await blocking { try idle.value.request("GET", "/healthz").status } == 200)
            let news = Unshared(try fixture.client())
            try await blocking {
                try news.value.send("GET \(fixture.base)/news HTTP/1.1\r\n\r\n")
                #expect(try news.value.head().status == 200)
                #expect(try news.value.chunk() == "all\n")
            }
            async let body = fixture.get(fixture.base + "/content").body
            #expect(try await eventually { fixture.server.status.uploads == 1 })
            try await fixture.server.shutdown(grace: .seconds(5))
            #expect(try await body == fixture.content)
            #expect(try await blocking { try idle.value.isClosedByServer() && news.value.isClosedByServer() })
            #expect(throws: ClientError.self) { try fixture.client() }
        }
    }

    @Test func shutdownCutsOffWhatIsNotDoneAfterTheGrace() async throws {
        try await ServingFixture.with(size: Self.large, pieceSize: 1 << 20) { fixture in
            let client = Unshared(try fixture.client(receiveBuffer: 4096))
            try await blocking {
                try client.value.send("GET \(fixture.base)/content HTTP/1.1\r\n\r\n")
                _ = try client.value.head()
            }
            let start = ContinuousClock.now
            try await fixture.server.shutdown(grace: .milliseconds(100))
            #expect(ContinuousClock.now - start < .seconds(10))
            #expect(Self.isIdle(fixture))
        }
    }
}
