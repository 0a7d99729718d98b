import Crypto
import MinionCore
import Node
import Swarm
import Testing

@Suite("piece server: the form of old clients")
struct ServingOldFormTests {
    private static let megabyte = 1 << 20

    private static func md5(_ bytes: some Sequence<UInt8>) -> String {
        Hex.text(Insecure.MD5.hash(data: Array(bytes)))
    }

    @Test(arguments: [(0, "[]"), (1, "[0]"), (1 << 20, "[0]"), (1 << 20 | 1, "[0,1]"), (3 << 20, "[0,1,2]")])
    func thereIsNoPhantomPiece(size: Int, pieces: String) async throws {
        try await ServingFixture.with(size: size) { fixture in
            let response = try await fixture.get(fixture.old + "&pieces=all")
            #expect(response.status == 200)
            let (status, result) = ("\"status\":\"normal\"", "\"result\":\(pieces)")
            #expect(["{\(status),\(result)}\n", "{\(result),\(status)}\n"].contains(response.text))
        }
    }

    @Test func anOldPieceIsCompleteWhenAllOfItIsOffered() async throws {
        // 16 pieces make one old piece.
        let offered = Array(0..<16) + Array(17..<32) + Array(32..<35)
        try await ServingFixture.with(size: 2 * Self.megabyte + 3 * 65536, offering: offered) { fixture in
            #expect(try await fixture.get(fixture.old + "&pieces=all").text.contains("[0,2]"))
            let some = try await fixture.get(fixture.old + "&pieces=1,2,400,-1,x,0")
            #expect(some.text.contains("[\"2\",\"0\"]"))
            fixture.offer([16])
            #expect(try await fixture.get(fixture.old + "&pieces=all").text.contains("[0,1,2]"))
        }
    }

    @Test func largerPiecesHoldSeveralOldOnes() async throws {
        try await ServingFixture.with(size: 9 * Self.megabyte, pieceSize: 4 << 20, offering: [1, 2]) { fixture in
            let response = try await fixture.get(fixture.old + "&pieces=all")
            #expect(response.text.contains("[4,5,6,7,8]"))
        }
    }

    @Test func rangesComeAsOneConcatenationWithDigests() async throws {
        let size = 2 * Self.megabyte + 777
        try await ServingFixture.with(size: size) { fixture in
            let last = 2 * Self.megabyte
            let response = try await fixture.get(
                fixture.old, ["Range: bytes=\(last)-\(size - 1),0-1048575,1048580-1048589"])
            #expect(response.status == 206)
            #expect(response["content-range"] == "bytes=\(last)-\(size - 1),0-1048575,1048580-1048589/\(size)")
            let ranges = [last..<size, 0..<Self.megabyte, 1_048_580..<1_048_590]
            #expect(response.body == ranges.flatMap(fixture.bytes))
            let digests = [last..<size, 0..<Self.megabyte, Self.megabyte..<last].map { Self.md5(fixture.content[$0]) }
            #expect(response["content-md5"] == digests.joined(separator: ","))
            #expect(response["last-modified"]?.hasSuffix("GMT") == true)
            #expect(response["minions-status"] == nil)
        }
    }

    @Test func theSizeProbeAlwaysTellsTheSize() async throws {
        try await ServingFixture.with(size: 300_000, offering: [1]) { fixture in
            let early = try await fixture.get(fixture.old, ["Range: bytes=0-0"])
            #expect(early.status == 503)
            #expect(early["content-range"] == "bytes */300000")
            fixture.offer([0])
            let late = try await fixture.get(fixture.old, ["Range: bytes=0-0"])
            #expect(late.status == 206)
            #expect(late["content-range"] == "bytes=0-0/300000")
            #expect(late.body == fixture.bytes(0..<1))
            // The old piece is not whole, so nobody can know its digest.
            #expect(late["content-md5"] == nil)
        }
    }

    @Test(arguments: [
        "bytes=300000-300001", "bytes=0-0,300000-", "bytes=9223372036854775807-", "bytes=x",
        "bytes=0-299999,0-299999", "bytes=" + (0..<300).map { "\($0)-\($0)" }.joined(separator: ","),
    ])
    func rangesThatAreNotThereAreRefused(range: String) async throws {
        try await ServingFixture.with(size: 300_000) { fixture in
            let response = try await fixture.get(fixture.old, ["Range: \(range)"])
            #expect(response.status == 416)
            #expect(response["content-range"] == "bytes */300000")
        }
    }

    @Test func openAndSuffixRangesWork() async throws {
        try await ServingFixture.with(size: 300_000) { fixture in
            let open = try await fixture.get(fixture.old, ["Range: bytes=299990-"])
            #expect(open.body == fixture.bytes(299_990..<300_000))
            #expect(open["content-range"] == "bytes=299990-299999/300000")
            #expect(try await fixture.get(fixture.old, ["Range: bytes=-5"]).body == fixture.bytes(299_995..<300_000))
        }
    }

    @Test func aWholeFileIsSentOnlyWhenItIsWhole() async throws {
        try await ServingFixture.with(size: 300_000, offering: [0, 1, 2, 3]) { fixture in
            let early = try await fixture.get(fixture.old)
            #expect(early.status == 503)
            fixture.offer([4])
            let late = try await fixture.get(fixture.old)
            #expect(late.body == fixture.content)
        }
    }

    @Test func anEmptyFileIsWhole() async throws {
        try await ServingFixture.with(size: 0) { fixture in
            let response = try await fixture.get(fixture.old)
            #expect(response.status == 200)
            #expect(response["content-length"] == "0")
            #expect(try await fixture.get(fixture.old, ["Range: bytes=0-0"]).status == 416)
        }
    }

    @Test func aFullServerSaysSo() async throws {
        var limits = ServingLimits()
        limits.uploads = .init(slots: 1, waiting: 0)
        try await ServingFixture.with(size: 32 << 20, pieceSize: 1 << 20, limits: limits) { fixture in
            try await blocking {
                let slow = try fixture.client(receiveBuffer: 4096)
                try slow.send("GET \(fixture.base)/content HTTP/1.1\r\n\r\n")
                _ = try slow.head()
                let list = try fixture.client().request("GET", fixture.old + "&pieces=all")
                #expect(list.text == "{\"status\":\"overload\"}\n")
                let bytes = try fixture.client().request("GET", fixture.old, ["Range: bytes=0-9"])
                #expect(bytes.status == 503)
                #expect(bytes["minions-status"] == "overload")
                slow.reset()
            }
            #expect(try await eventually { fixture.server.status.uploads == 0 })
            #expect(try await fixture.get(fixture.old + "&pieces=0").text.contains("[\"0\"]"))
        }
    }
}
