import MinionCore
import Node
import Swarm
import Testing

@Suite struct SourceStatTests {
    @Test func readsTheFirstByteAndTakesSizeAndValidator() async throws {
        try await ScriptedServer.run(honest(1_000_000)) { server in
            try await withSource { source in
                let stat = try await source.stat(server.url(), headers: [.init(name: "X-Extra", value: "yes")])
                guard case .ranged(let version) = stat else {
                    Issue.record("not ranged")
                    return
                }
                #expect(version.size == 1_000_000 && version.validator == "\"a\"" && version.hasRanges)
                #expect(version.pieceSize == PieceLayout(size: 1_000_000)?.pieceSize)
                let request = try #require(server.requests.first)
                #expect(request.method == "GET" && request.target == "/file")
                #expect(request.headers["range"] == "bytes=0-0")
                #expect(request.headers["accept-encoding"] == "identity")
                #expect(request.headers["user-agent"] == "minion")
                #expect(request.headers["x-extra"] == "yes")
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test func fieldsThatAreOursCannotBeOverridden() async throws {
        try await ScriptedServer.run(honest(10)) { server in
            try await withSource { source in
                _ = try await source.stat(
                    server.url(),
                    headers: [
                        .init(name: "range", value: "bytes=5-6"), .init(name: "Accept-Encoding", value: "gzip"),
                        .init(name: "user-agent", value: "other/1"),
                    ])
                let headers = try #require(server.requests.first).headers
                #expect(headers["range"] == "bytes=0-0")
                #expect(headers["accept-encoding"] == "identity")
                #expect(headers["user-agent"] == "other/1")
            }
        }
    }

    @Test func userAndPasswordOfTheURLAreSent() async throws {
        try await ScriptedServer.run(honest(10)) { server in
            try await withSource { source in
                _ = try await source.stat("http://us%40er:pw@127.0.0.1:\(server.port)/")
                #expect(server.requests.first?.headers["authorization"] == "Basic dXNAZXI6cHc=")
            }
        }
    }

    @Test(arguments: [
        ("ETag: \"x\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "\"x\""),
        ("ETag: W/\"x\"", "W/\"x\""),
        ("ETag: unquoted", "unquoted"),
        ("Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("X-Nothing: 1", ""),
        ("ETag: \"\(String(repeating: "x", count: 2000))\"", ""),
    ])
    func validator(fields: String, expected: String) async throws {
        try await ScriptedServer.run(honest(10, validator: fields)) { server in
            try await withSource { source in
                guard case .ranged(let version) = try await source.stat(server.url()) else {
                    Issue.record("not ranged")
                    return
                }
                #expect(version.validator == expected)
            }
        }
    }

    @Test(arguments: [
        ("", 60.0),
        ("Cache-Control: max-age=120", 120),
        ("Cache-Control: public, Max-Age=\"30\"", 30),
        ("Cache-Control: max-age=10, s-maxage=20", 20),
        ("Cache-Control: max-age=100\r\nAge: 40", 60),
        ("Cache-Control: max-age=100\r\nAge: 400", 0),
        ("Cache-Control: max-age=99999999", 86_400),
        ("Cache-Control: max-age=-5", 0),
        ("Cache-Control: max-age=nan", 0),
        ("Cache-Control: no-cache, max-age=100", 0),
        ("Cache-Control: no-store", 0),
        ("Cache-Control: max-age=5\r\nExpires: Sun, 06 Nov 1994 09:49:37 GMT", 5),
        ("Expires: 0", 0),
        ("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nExpires: Sun, 06 Nov 1994 08:51:37 GMT", 120),
        ("Date: Sunday, 06-Nov-94 08:49:37 GMT\r\nExpires: Sun Nov  6 08:51:37 1994", 120),
        ("Date: Wed, 28 Feb 2024 23:59:59 GMT\r\nExpires: Thu, 29 Feb 2024 00:00:09 GMT", 10),
        ("Date: Fri, 31 Dec 1999 23:59:50 GMT\r\nExpires: Sat, 01 Jan 2000 00:00:00 GMT", 10),
        ("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nExpires: Sun, 06 Nov 1994 08:40:37 GMT", 0),
    ])
    func freshness(fields: String, expected: Double) async throws {
        let line = fields.isEmpty ? "" : fields + "\r\n"
        try await ScriptedServer.run({ _, _ in partial(0..<1, of: 10, extra: line) }) { server in
            try await withSource { source in
                guard case .ranged(let version) = try await source.stat(server.url()) else {
                    Issue.record("not ranged")
                    return
                }
                #expect(version.freshSeconds == expected)
            }
        }
    }

    // MARK: Sources without ranges

    @Test func wholeAnswerIsHandedOverSoThatNothingIsReadTwice() async throws {
        let script: ScriptedServer.Script = { _, _ in
            [.text("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\nETag: \"w\"\r\n\r\n"), .bytes(pattern(0..<300_000))]
        }
        try await ScriptedServer.run(script) { server in
            try await withSource { source in
                guard case .whole(let version, let response) = try await source.stat(server.url()) else {
                    Issue.record("not whole")
                    return
                }
                #expect(version.size == 300_000 && version.validator == "\"w\"" && !version.hasRanges)
                let collector = Collector()
                try await response.read { collector.take($0) }
                #expect(collector.bytes == pattern(0..<300_000))
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: \"u\"\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nETag: \"u\"\r\n\r\nhello world",
    ])
    func unsizedAnswerIsHandedOver(text: String) async throws {
        try await ScriptedServer.run({ _, _ in text.hasPrefix("HTTP/1.0") ? [.text(text), .close] : [.text(text)] }) {
            server in
            try await withSource { source in
                guard case .unsized("\"u\"", 60, let response) = try await source.stat(server.url()) else {
                    Issue.record("not unsized")
                    return
                }
                let collector = Collector()
                try await response.read { collector.take($0) }
                #expect(collector.bytes == Array("hello world".utf8))
            }
        }
    }

    @Test func bodyThatIsNotWantedClosesTheConnection() async throws {
        let script: ScriptedServer.Script = { _, _ in
            [.text("HTTP/1.1 200 OK\r\nContent-Length: 900000000000\r\n\r\n"), .flood("x")]
        }
        try await ScriptedServer.run(script) { server in
            try await withSource { source in
                _ = try await source.stat(server.url())
                try await server.connectionClosed()
            }
        }
    }

    @Test func emptyFile() async throws {
        try await ScriptedServer.run(
            answer("HTTP/1.1 416 Range Not Satisfiable\nContent-Range: bytes */0\nETag: \"e\"\nContent-Length: 0")
        ) { server in
            try await withSource { source in
                guard case .ranged(let version) = try await source.stat(server.url()) else {
                    Issue.record("not ranged")
                    return
                }
                #expect(version.size == 0 && version.validator == "\"e\"")
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test(arguments: [
        "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-0/*\r\nContent-Length: 1\r\n\r\nx",
    ])
    func rangeAnswerWithoutSizeLeadsToAPlainRead(first: String) async throws {
        let script: ScriptedServer.Script = { request, _ in
            request.headers["range"] != nil
                ? [.text(first)] : [.text("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")]
        }
        try await ScriptedServer.run(script) { server in
            try await withSource { source in
                guard case .whole(let version, _) = try await source.stat(server.url()) else {
                    Issue.record("not whole")
                    return
                }
                #expect(version.size == 3 && !version.hasRanges)
                #expect(server.requests.count == 2 && server.connectionCount == 1)
            }
        }
    }
}
