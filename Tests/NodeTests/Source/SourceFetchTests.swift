import MinionCore
import Node
import Swarm
import Testing

@Suite struct SourceFetchTests {
    private static let date = "Sun, 06 Nov 1994 08:49:37 GMT"

    @Test func everyByteOfTheRangeInOrder() async throws {
        try await ScriptedServer.run(honest(1_000_000)) { server in
            try await withSource { source in
                for range in [0..<1_000_000, 10..<11, 123_456..<789_012, 999_999..<1_000_000] {
                    let collector = Collector()
                    try await source.fetch(
                        server.url(), range: Int64(range.lowerBound)..<Int64(range.upperBound), of: version(1_000_000)
                    ) { collector.take($0) }
                    #expect(collector.bytes == pattern(range))
                }
                #expect(server.connectionCount == 1)
                #expect(server.requests.last?.headers["range"] == "bytes=999999-999999")
            }
        }
    }

    @Test func emptyRangeAsksNothing() async throws {
        try await ScriptedServer.run(honest(10)) { server in
            try await withSource { source in
                try await source.fetch(server.url(), range: 5..<5, of: version(10)) { _ in Issue.record("bytes") }
                #expect(server.requests.isEmpty)
            }
        }
    }

    @Test(arguments: [("\"strong\"", true), (date, true), ("W/\"weak\"", false), ("unquoted", false), ("", false)])
    func ifRangeIsSentForValidatorsThatSuit(validator: String, isSent: Bool) async throws {
        let field =
            validator == Self.date ? "Last-Modified: \(validator)" : validator.isEmpty ? "X: y" : "ETag: \(validator)"
        try await ScriptedServer.run(honest(10, validator: field)) { server in
            try await withSource { source in
                try await source.fetch(server.url(), range: 0..<5, of: version(10, validator: validator)) { _ in }
                #expect(server.requests.first?.headers["if-range"] == (isSent ? validator : nil))
            }
        }
    }

    // MARK: Answers that are not what was asked for

    struct Case: Sendable, CustomTestStringConvertible {
        let head: String
        var body = "xxxxx"
        var closes = false
        var validator = "\"a\""
        let kind: SourceFailure.Kind
        let message: String
        var testDescription: String { head.replacing("\n", with: " | ") }
    }

    /// All to a request for the bytes 5 to 9 of 20.
    @Test(arguments: [
        Case(
            head: "HTTP/1.1 200 OK\nContent-Length: 20\nETag: \"a\"", kind: .malformed,
            message: "stopped answering ranges"),
        Case(head: "HTTP/1.1 200 OK\nContent-Length: 20\nETag: \"b\"", kind: .changed, message: "has changed"),
        Case(head: "HTTP/1.1 200 OK\nContent-Length: 21\nETag: \"a\"", kind: .changed, message: "21 bytes, not 20"),
        Case(
            head: "HTTP/1.1 206 OK\nContent-Range: bytes 5-9/20\nContent-Length: 5\nETag: \"b\"", kind: .changed,
            message: "has changed"),
        Case(
            head: "HTTP/1.1 206 OK\nContent-Range: bytes 5-9/20\nContent-Length: 5\nETag: W/\"a\"", kind: .changed,
            message: "has changed"),
        Case(
            head: "HTTP/1.1 206 OK\nContent-Range: bytes 5-9/21\nContent-Length: 5\nETag: \"a\"", kind: .changed,
            message: "21 bytes, not 20"),
        Case(
            head:
                "HTTP/1.1 206 OK\nContent-Range: bytes 5-9/20\nContent-Length: 5\nLast-Modified: Mon, 07 Nov 1994 08:49:37 GMT",
            validator: date, kind: .changed, message: "has changed"),
        Case(
            head: "HTTP/1.1 206 OK\nContent-Range: bytes 5-9/20\nContent-Length: 5", validator: "W/\"a\"",
            kind: .changed, message: "has changed"),
        Case(
            head: "HTTP/1.1 206 OK\nContent-Range: bytes 4-8/20\nContent-Length: 5\nETag: \"a\"", kind: .malformed,
            message: "sent bytes 4-8 when asked for 5-9"),
        Case(
            head: "HTTP/1.1 206 OK\nContent-Range: bytes 5-8/20\nContent-Length: 4\nETag: \"a\"", kind: .malformed,
            message: "sent bytes 5-8 when asked for 5-9"),
        Case(
            head: "HTTP/1.1 206 OK\nContent-Range: bytes */20\nContent-Length: 5\nETag: \"a\"", kind: .malformed,
            message: "Content-Range"),
        Case(
            head: "HTTP/1.1 206 OK\nContent-Type: multipart/byteranges\nContent-Length: 5\nETag: \"a\"",
            kind: .malformed, message: "Content-Range"),
        Case(
            head: "HTTP/1.1 206 OK\nContent-Range: bytes 5-9/20\nContent-Length: 6\nETag: \"a\"", kind: .malformed,
            message: "announced 6 bytes"),
        Case(
            head: "HTTP/1.1 206 OK\nContent-Range: bytes 5-9/20\nContent-Length: 5\nETag: \"a\"", body: "xx",
            closes: true, kind: .interrupted, message: "closed the connection"),
        Case(
            head: "HTTP/1.1 206 OK\nContent-Range: bytes 5-9/20\nTransfer-Encoding: chunked\nETag: \"a\"",
            body: "2\r\nxx\r\n0\r\n\r\n",
            kind: .interrupted, message: "ended after 2 of 5 bytes"),
        Case(
            head: "HTTP/1.1 206 OK\nContent-Range: bytes 5-9/20\nTransfer-Encoding: chunked\nETag: \"a\"",
            body: "6\r\nxxxxxx\r\n0\r\n\r\n",
            kind: .malformed, message: "more bytes than it announced"),
        Case(
            head: "HTTP/1.1 206 OK\nContent-Range: bytes 5-9/20\nTransfer-Encoding: chunked\nETag: \"a\"",
            body: "zz\r\nx",
            kind: .malformed, message: "does not answer in HTTP"),
        Case(
            head: "HTTP/1.1 206 OK\nContent-Range: bytes 5-9/20\nETag: \"a\"", body: "xx", closes: true,
            kind: .interrupted, message: "ended after 2 of 5 bytes"),
        Case(
            head: "HTTP/1.1 416 No\nContent-Range: bytes */4\nContent-Length: 0", body: "", kind: .changed,
            message: "4 bytes, not 20"),
        Case(
            head: "HTTP/1.1 416 No\nContent-Range: bytes */20\nContent-Length: 0", body: "", kind: .malformed,
            message: "does not have the bytes 5-9"),
        Case(
            head: "HTTP/1.1 404 Not Found\nContent-Length: 0", body: "", kind: .refused,
            message: "answered 404 Not Found"),
        Case(
            head: "HTTP/1.1 502 Bad Gateway\nContent-Length: 0", body: "", kind: .busy,
            message: "answered 502 Bad Gateway"),
    ])
    func answersToARange(_ testCase: Case) async throws {
        let text = testCase.head.replacing("\n", with: "\r\n") + "\r\n\r\n" + testCase.body
        try await ScriptedServer.run({ _, _ in testCase.closes ? [.text(text), .close] : [.text(text)] }) { server in
            try await withSource { source in
                let collector = Collector()
                let failure = try await failure {
                    try await source.fetch(server.url(), range: 5..<10, of: version(20, validator: testCase.validator))
                    {
                        collector.take($0)
                    }
                }
                #expect(failure.kind == testCase.kind, "\(failure.message)")
                #expect(failure.message.contains(testCase.message), "\(failure.message)")
                #expect(collector.bytes.count <= 5)
            }
        }
    }

    @Test(arguments: [
        "HTTP/1.1 206 OK\nContent-Range: bytes 0-4/5\nContent-Length: 5",
        "HTTP/1.1 206 OK\nContent-Range: bytes 0-4/*\nContent-Length: 5\nETag: \"a\"",
        "HTTP/1.1 200 OK\nContent-Length: 5\nETag: \"a\"",
    ])
    func answersThatWillDoForTheWholeRange(head: String) async throws {
        try await ScriptedServer.run(answer(head, "hello")) { server in
            try await withSource { source in
                let collector = Collector()
                try await source.fetch(server.url(), range: 0..<5, of: version(5)) { collector.take($0) }
                #expect(collector.bytes == Array("hello".utf8))
            }
        }
    }

    @Test func sourceWithoutRangesIsReadFromItsBeginning() async throws {
        let script: ScriptedServer.Script = { request, _ in
            guard range(of: request) == nil else { return [.close] }
            return [
                .text("HTTP/1.1 200 OK\r\nContent-Length: 900000\r\nETag: \"a\"\r\n\r\n"), .bytes(pattern(0..<900_000)),
            ]
        }
        try await ScriptedServer.run(script) { server in
            try await withSource { source in
                for range in [0..<900_000, 300_000..<900_000, 100_000..<100_001] {
                    let collector = Collector()
                    try await source.fetch(
                        server.url(), range: Int64(range.lowerBound)..<Int64(range.upperBound),
                        of: version(900_000, hasRanges: false)
                    ) { collector.take($0) }
                    #expect(collector.bytes == pattern(range))
                }
            }
        }
    }

    @Test func whatIsNotWantedOfASourceWithoutRangesIsNotRead() async throws {
        let script: ScriptedServer.Script = { _, _ in
            [.text("HTTP/1.1 200 OK\r\nContent-Length: 900000000000\r\nETag: \"a\"\r\n\r\n"), .flood("x")]
        }
        try await ScriptedServer.run(script) { server in
            try await withSource { source in
                let collector = Collector()
                try await source.fetch(
                    server.url(), range: 100..<200_000, of: version(900_000_000_000, hasRanges: false)
                ) {
                    collector.take($0)
                }
                #expect(collector.bytes.count == 199_900)
                try await server.connectionClosed()
            }
        }
    }

    // MARK: Connections

    @Test func keptConnectionThatTheSourceHasClosedIsReplaced() async throws {
        let script: ScriptedServer.Script = { request, number in
            number == 1 ? [.close] : partial(range(of: request) ?? 0..<1, of: 10)
        }
        try await ScriptedServer.run(script) { server in
            try await withSource { source in
                for _ in 0..<2 { try await source.fetch(server.url(), range: 0..<10, of: version(10)) { _ in } }
                #expect(server.requests.count == 3)
            }
        }
    }

    @Test func manyReadsAtOnceGetAConnectionEach() async throws {
        let gate = Gate()
        try await ScriptedServer.run(honest(10)) { server in
            try await withSource { source in
                let url = server.url()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<32 {
                        group.addTask {
                            try await source.fetch(url, range: 0..<10, of: version(10)) { _ in
                                try await gate.arriveAndWait(for: 32)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(server.requests.count == 32)
            }
        }
    }

    @Test func sourceThatStopsSendingIsGivenUp() async throws {
        let script: ScriptedServer.Script = { _, _ in Array(partial(0..<10, of: 10).prefix(1)) + [.bytes([1, 2])] }
        try await ScriptedServer.run(script) { server in
            try await withSource(impatient()) { source in
                let failure = try await failure {
                    try await source.fetch(server.url(), range: 0..<10, of: version(10)) { _ in }
                }
                #expect(failure == SourceFailure(.interrupted, "127.0.0.1:\(server.port) has sent nothing for 0.15 s"))
                try await server.connectionClosed()
            }
        }
    }

    @Test func slowConsumerIsNotTheSourcesFault() async throws {
        try await ScriptedServer.run(honest(200_000)) { server in
            try await withSource(impatient(.milliseconds(500))) { source in
                let collector = Collector()
                try await source.fetch(server.url(), range: 0..<200_000, of: version(200_000)) { bytes in
                    if collector.bytes.isEmpty { try await Task.sleep(for: .milliseconds(900)) }
                    collector.take(bytes)
                }
                #expect(collector.bytes == pattern(0..<200_000))
            }
        }
    }

    @Test func slowConsumerSlowsTheSourceDown() async throws {
        let script: ScriptedServer.Script = { request, _ in
            if request.target == "/other" { return honest(64 << 20)(request, 0) }
            return [
                .text("HTTP/1.1 206 OK\r\nContent-Range: bytes 0-899999999/900000000\r\nETag: \"a\"\r\n\r\n"),
                .flood("x"),
            ]
        }
        try await ScriptedServer.run(script) { server in
            try await withSource { source in
                let gate = Gate()
                let url = server.url()
                let held = Task {
                    try await source.fetch(url, range: 0..<900_000_000, of: version(900_000_000)) { _ in
                        try await gate.arriveAndWait(for: 2)
                    }
                }
                try await gate.waitForArrival()
                // As long as this takes, the other could have sent as much.
                try await source.fetch(server.url("/other"), range: 0..<(64 << 20), of: version(64 << 20)) { _ in }
                #expect(server.flooded < 32 << 20)
                held.cancel()
                await #expect(throws: CancellationError.self) { try await held.value }
            }
        }
    }

    @Test func cancellationClosesTheConnection() async throws {
        let script: ScriptedServer.Script = { request, _ in
            request.target == "/silent" ? [] : Array(partial(0..<10, of: 10).prefix(1)) + [.bytes([1, 2])]
        }
        try await ScriptedServer.run(script) { server in
            try await withSource { source in
                let gate = Gate()
                let url = server.url()
                let task = Task {
                    try await source.fetch(url, range: 0..<10, of: version(10)) { _ in
                        try await gate.arriveAndWait(for: 1)
                    }
                }
                try await gate.waitForArrival()
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
                try await server.connectionClosed(0)

                let silent = server.url("/silent")
                let early = Task { _ = try await source.stat(silent) }
                early.cancel()
                await #expect(throws: CancellationError.self) { try await early.value }
            }
        }
    }

    @Test func errorOfTheConsumerComesThroughAndClosesTheConnection() async throws {
        struct DiskFull: Error {}
        let script: ScriptedServer.Script = { _, _ in
            [
                .text("HTTP/1.1 206 OK\r\nContent-Range: bytes 0-899999999/900000000\r\nETag: \"a\"\r\n\r\n"),
                .flood("x"),
            ]
        }
        try await ScriptedServer.run(script) { server in
            try await withSource { source in
                await #expect(throws: DiskFull.self) {
                    try await source.fetch(server.url(), range: 0..<900_000_000, of: version(900_000_000)) { _ in
                        throw DiskFull()
                    }
                }
                try await server.connectionClosed()
            }
        }
    }

    @Test func limitedReadsTakeTheirTime() async throws {
        try await ScriptedServer.run(honest(1_000_000)) { server in
            let rate = try #require(ByteRate("1MB/s"))
            try await withSource(limiter: RateLimiter(rate: rate)) { source in
                let url = server.url()
                let start = ContinuousClock.now
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<2 {
                        group.addTask {
                            try await source.fetch(url, range: 0..<500_000, of: version(1_000_000)) { _ in }
                        }
                    }
                    try await group.waitForAll()
                }
                // A million bytes at that rate, less the burst of a tenth of a second.
                #expect(ContinuousClock.now - start >= .milliseconds(800))
            }
        }
    }
}
