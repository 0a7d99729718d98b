import MinionCore
import Node
import Swarm
import Synchronization
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite("piece server: content")
struct ServingContentTests {
    private static let size = 200_000

    @Test(arguments: [
        ("bytes=0-0", 0..<1), ("bytes=0-65535", 0..<65536), ("bytes=65536-131071", 65536..<131072),
        ("bytes=100-199999", 100..<200_000), ("bytes=199999-", 199_999..<200_000), ("bytes=150000-", 150_000..<200_000),
        ("bytes=-1", 199_999..<200_000), ("bytes=-999999", 0..<200_000), ("bytes=199990-999999", 199_990..<200_000),
        ("bytes=10-9223372036854775807", 10..<200_000), ("bytes=10-99999999999999999999999", 10..<200_000),
        ("bytes= 5-9", 5..<10),
    ])
    func oneRangeIsAnsweredWithItsBytes(range: (String, Range<Int>)) async throws {
        try await ServingFixture.with(size: Self.size) { fixture in
            let response = try await fixture.get(fixture.base + "/content", ["Range: \(range.0)"])
            #expect(response.status == 206)
            #expect(response.body == fixture.bytes(range.1))
            #expect(response["content-range"] == "bytes \(range.1.lowerBound)-\(range.1.upperBound - 1)/200000")
        }
    }

    @Test(arguments: [
        "bytes=200000-", "bytes=200000-200001", "bytes=9223372036854775807-9223372036854775807", "bytes=-0",
        "bytes=99999999999999999999-", "bytes=5-4", "bytes=", "bytes=a-b", "bytes=-", "bytes=1", "bytes=-1-2",
        "bytes=0x1-2", "bytes=" + (0..<1000).map { "\($0)-\($0)" }.joined(separator: ","),
    ])
    func aRangeThatMeansNothingIsRefused(range: String) async throws {
        try await ServingFixture.with(size: Self.size) { fixture in
            let response = try await fixture.get(fixture.base + "/content", ["Range: \(range)"])
            #expect(response.status == 416)
            #expect(response["content-range"] == "bytes */200000")
        }
    }

    @Test(arguments: [nil, "Range: bytes=0-1,5-6", "Range: pieces=1-2"])
    func withoutOneRangeTheWholeFileIsSent(field: String?) async throws {
        try await ServingFixture.with(size: Self.size) { fixture in
            let response = try await fixture.get(fixture.base + "/content", field.map { [$0] } ?? [])
            #expect(response.status == 200)
            #expect(response.body == fixture.content)
            #expect(response["accept-ranges"] == "bytes")
            #expect(response["content-range"] == nil)
            // They are counted when the write has ended, which the client may be told first.
            #expect(try await eventually { fixture.task.bytesSent == 200_000 })
            #expect(try await eventually { fixture.server.status.bytesSent == 200_000 })
        }
    }

    @Test func onlyOfferedPiecesAreSent() async throws {
        try await ServingFixture.with(size: Self.size, offering: [1]) { fixture in
            let path = fixture.base + "/content"
            for range in ["bytes=0-65535", "bytes=65535-65536", "bytes=131071-131072", "bytes=-1"] {
                let response = try await fixture.get(path, ["Range: \(range)"])
                #expect(response.status == 503, "\(range)")
                #expect(response["minion-missing"] == "true")
                #expect(response["retry-after"] == "1")
            }
            let whole = try await fixture.get(path)
            #expect(whole.status == 503)
            #expect(whole["minion-missing"] == "true")
            let piece = try await fixture.get(path, ["Range: bytes=65536-131071"])
            #expect(piece.status == 206)
            #expect(piece.body == fixture.bytes(65536..<131072))

            fixture.task.withdraw(1)
            #expect(try await fixture.get(path, ["Range: bytes=65536-131071"]).status == 503)
        }
    }

    @Test func exactlyOnePieceCarriesItsProof() async throws {
        try await ServingFixture.with(size: Self.size) { fixture in
            for piece in 0..<fixture.layout.count {
                let range = fixture.layout.range(of: piece)
                let field = "Range: bytes=\(range.lowerBound)-\(range.upperBound - 1)"
                let proof = fixture.proof(piece)
                let response = try await fixture.get(fixture.base + "/content", [field])
                #expect(response["minion-proof"] == "\(proof.hash.hex).\(proof.signature)")
            }
            for range in ["0-65534", "1-65535", "0-131071", "0-65536", "0-0"] {
                let response = try await fixture.get(fixture.base + "/content", ["Range: bytes=\(range)"])
                #expect(response.status == 206)
                #expect(response["minion-proof"] == nil, "\(range)")
            }
        }
    }

    @Test func conditionsAreHeldAgainstTheVersion() async throws {
        try await ServingFixture.with(size: Self.size) { fixture in
            let path = fixture.base + "/content"
            let tag = try #require(try await fixture.get(path, method: "HEAD")["etag"])
            #expect(try await fixture.get(path, ["If-None-Match: \"x\", W/\(tag)"]).status == 304)
            #expect(try await fixture.get(path, ["If-None-Match: *"]).status == 304)
            #expect(try await fixture.get(path, ["If-None-Match: \"x\""]).status == 200)
            #expect(try await fixture.get(path, ["If-Range: \(tag)", "Range: bytes=0-9"]).status == 206)
            let other = try await fixture.get(path, ["If-Range: \"x\"", "Range: bytes=0-9"])
            #expect(other.status == 200)
            #expect(other.body.count == Self.size)
        }
    }

    @Test func headTellsWithoutSending() async throws {
        try await ServingFixture.with(size: Self.size) { fixture in
            try await blocking {
                let client = try fixture.client()
                let whole = try client.request("HEAD", fixture.base + "/content")
                #expect(whole.status == 200)
                #expect(whole["content-length"] == "200000")
                let part = try client.request("HEAD", fixture.base + "/content", ["Range: bytes=0-9"])
                #expect(part.status == 206)
                #expect(part["content-length"] == "10")
                #expect(try client.request("HEAD", "/nothing").status == 404)
                // Nothing of a body lies in the way of the next answer.
                #expect(try client.request("GET", "/healthz").text == "{\"status\":\"ok\"}\n")
            }
        }
    }

    @Test func anEmptyFileIsWhole() async throws {
        try await ServingFixture.with(size: 0) { fixture in
            let whole = try await fixture.get(fixture.base + "/content")
            #expect(whole.status == 200)
            #expect(whole["content-length"] == "0")
            #expect(try await fixture.get(fixture.base + "/content", ["Range: bytes=0-0"]).status == 416)
            #expect(try await fixture.get(fixture.base + "/content", ["Range: bytes=-1"]).status == 416)
        }
    }

    @Test(arguments: [
        "/", "/nothing", "/v1/tasks/../../etc/passwd", "/v1/tasks/%2e%2e%2fetc/content", "/v1/tasks//content",
        "/v1/tasks/" + String(repeating: "AB", count: 32) + "/content",
        "/v1/tasks/" + String(repeating: "cd", count: 32) + "/content",
        "/v1/tasks/" + String(repeating: "cd", count: 32) + "/news",
        "/v1/tasks/" + String(repeating: "ab", count: 32) + "%2fcontent",
        "/v1/tasks/" + String(repeating: "ab", count: 32) + "/content/../content", "*", "//", "/?", "/?res_url=",
        "/?res_url=%", "/?res_url=unknown",
    ])
    func whatIsNotThereIsNotFound(path: String) async throws {
        try await ServingFixture.with(size: 1000) { fixture in
            let response = try await fixture.get(path)
            #expect(response.status == 404)
            #expect(response.text.hasPrefix("{\"error\":\""))
        }
    }

    @Test(arguments: ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
    func otherMethodsAreRefused(method: String) async throws {
        try await ServingFixture.with(size: 1000) { fixture in
            let response = try await fixture.get(fixture.base + "/content", method: method)
            #expect(response.status == 405)
            #expect(response["allow"] == "GET, HEAD")
        }
    }

    @Test func aFileThatSomebodyChangedIsNoLongerServed() async throws {
        try await ServingFixture.with(size: Self.size) { fixture in
            let path = fixture.base + "/content"
            #expect(try await fixture.get(path, ["Range: bytes=0-9"]).status == 206)
            fixture.isUnchanged.withLock { $0 = false }
            try await Task.sleep(for: .milliseconds(110))
            #expect(try await fixture.get(path, ["Range: bytes=0-9"]).status == 404)
            #expect(fixture.shelf.tasks.isEmpty)
            #expect(fixture.task.offered.isEmpty)
            #expect(try await eventually { fixture.openDescriptors == 0 })
        }
    }

    @Test func aFileThatWasCutShortEndsTheConnection() async throws {
        try await ServingFixture.with(size: Self.size) { fixture in
            #expect(truncate(fixture.path, 100_000) == 0)
            let isClosed = try await blocking {
                let client = try fixture.client()
                try client.send("GET \(fixture.base)/content HTTP/1.1\r\n\r\n")
                return try client.isClosedByServer()
            }
            #expect(isClosed)
            #expect(fixture.shelf.tasks.isEmpty)
            #expect(try await eventually { fixture.server.status.uploads == 0 })
        }
    }

    @Test func aFileThatCannotBeOpenedIsAnError() async throws {
        try await ServingFixture.with(size: Self.size) { fixture in
            #expect(unlink(fixture.path) == 0)
            let response = try await fixture.get(fixture.base + "/content")
            #expect(response.status == 500)
            #expect(fixture.server.status.uploads == 0)
        }
    }

    @Test func theDateOfACompleteFileIsTold() async throws {
        try await ServingFixture.with(size: Self.size) { fixture in
            var times = [timeval(tv_sec: 784_111_777, tv_usec: 0), timeval(tv_sec: 784_111_777, tv_usec: 0)]
            #expect(utimes(fixture.path, &times) == 0)
            let response = try await fixture.get(fixture.base + "/content", ["Range: bytes=0-9"])
            #expect(response["last-modified"] == "Sun, 06 Nov 1994 08:49:37 GMT")
        }
    }

    @Test func oldVersionsOfHTTPAreAnswered() async throws {
        try await ServingFixture.with(size: Self.size) { fixture in
            try await blocking {
                let client = try fixture.client()
                try client.send("GET \(fixture.base)/content HTTP/1.0\r\n\r\n")
                let response = try client.response()
                #expect(response.body == fixture.content)
                #expect(response["connection"] == "close")
                #expect(try client.isClosedByServer())
            }
        }
    }

    @Test func eightParallelDownloadsGetTheRightBytes() async throws {
        try await ServingFixture.with(size: 24 << 20, pieceSize: 256 << 10) { fixture in
            let count = fixture.layout.count
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        try await blocking {
                            let client = try fixture.client()
                            for step in 0..<count {
                                // Each in another order, so that no two read the same piece at the same time.
                                let range = fixture.layout.range(of: (step * 5 + worker * 12) % count)
                                let field = "Range: bytes=\(range.lowerBound)-\(range.upperBound - 1)"
                                let response = try client.request("GET", fixture.base + "/content", [field])
                                #expect(response.status == 206)
                                let expected = fixture.content[Int(range.lowerBound)..<Int(range.upperBound)]
                                guard response.body.elementsEqual(expected) else { throw ClientError("wrong bytes") }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await eventually { fixture.task.bytesSent == 8 * 24 << 20 })
            #expect(try await eventually { fixture.server.status.connections == 0 })
            #expect(fixture.server.status.uploads == 0)
            #expect(fixture.openDescriptors == 0)
        }
    }

    @Test func aWholeLargeFileComesInWindows() async throws {
        try await ServingFixture.with(size: 9 << 20 | 12345, pieceSize: 1 << 20) { fixture in
            let response = try await fixture.get(fixture.base + "/content")
            #expect(response.body == fixture.content)
        }
    }

    @Test func peopleCanSeeWhatIsServed() async throws {
        try await ServingFixture.with(size: Self.size, offering: [0]) { fixture in
            let list = try await fixture.get("/v1/tasks")
            #expect(list.status == 200)
            #expect(list.text.contains("\"resource\":\"http://source/file\""))
            #expect(list.text.contains("\"piecesOffered\":1"))
            #expect(try await fixture.get(fixture.base).text.contains("\"pieces\":4"))
        }
    }
}
