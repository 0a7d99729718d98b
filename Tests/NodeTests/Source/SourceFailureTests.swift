import Node
import Swarm
import Testing

@Suite struct SourceFailureTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let head: String
        let kind: SourceFailure.Kind
        let message: String
        var retryAfter: Double?
        var testDescription: String { String(head.prefix(60)) }
    }

    @Test(arguments: [
        Case(head: "HTTP/1.1 404 Not Found", kind: .refused, message: "answered 404 Not Found"),
        Case(head: "HTTP/1.1 401 Unauthorized", kind: .refused, message: "answered 401 Unauthorized"),
        Case(head: "HTTP/1.1 403 Forbidden", kind: .refused, message: "answered 403 Forbidden"),
        Case(head: "HTTP/1.1 410 \u{1b}[31mGone for evil", kind: .refused, message: "answered 410 Gone"),
        Case(
            head: "HTTP/1.1 429 Too Many Requests\nRetry-After: 7", kind: .busy,
            message: "answered 429 Too Many Requests", retryAfter: 7),
        Case(
            head:
                "HTTP/1.1 503 Service Unavailable\nDate: Sun, 06 Nov 1994 08:49:37 GMT\nRetry-After: Sun, 06 Nov 1994 08:50:07 GMT",
            kind: .busy, message: "answered 503 Service Unavailable", retryAfter: 30),
        Case(head: "HTTP/1.1 503 Service Unavailable\nRetry-After: 99999999999", kind: .busy, message: "503"),
        Case(head: "HTTP/1.1 503 Service Unavailable\nRetry-After: -3", kind: .busy, message: "503"),
        Case(
            head: "HTTP/1.1 503 Service Unavailable\nRetry-After: 4000000000", kind: .busy, message: "503",
            retryAfter: 86_400),
        Case(head: "HTTP/1.1 408 Request Timeout", kind: .busy, message: "answered 408 Request Timeout"),
        Case(head: "HTTP/1.1 500 Internal Server Error", kind: .busy, message: "answered 500 Internal Server Error"),
        Case(head: "HTTP/1.1 304 Not Modified", kind: .malformed, message: "answered 304 Not Modified"),
        Case(head: "HTTP/1.1 204 No Content", kind: .malformed, message: "answered 204 No Content"),
        Case(head: "HTTP/1.1 799 Whatever", kind: .busy, message: "answered 799"),
    ])
    func status(_ testCase: Case) async throws {
        let isBodyless = testCase.head.contains(" 204 ") || testCase.head.contains(" 304 ")
        let script = answer(testCase.head + (isBodyless ? "" : "\nContent-Length: 0"))
        try await ScriptedServer.run(script) { server in
            try await withSource { source in
                let failure = try await failure { _ = try await source.stat(server.url()) }
                #expect(failure.kind == testCase.kind)
                #expect(failure.message.hasPrefix("127.0.0.1:\(server.port) "))
                #expect(failure.message.hasSuffix(testCase.message) || testCase.message == "503")
                #expect(failure.retryAfterSeconds == testCase.retryAfter)
            }
        }
    }

    @Test(arguments: [
        "HTTP/1.1 206 Partial Content\nContent-Length: 1",
        "HTTP/1.1 206 Partial Content\nContent-Range: bytes 1-1/10\nContent-Length: 1",
        "HTTP/1.1 206 Partial Content\nContent-Range: bytes 0-0/nonsense\nContent-Length: 1",
        "HTTP/1.1 206 Partial Content\nContent-Range: bytes 0-0/9999999999999999\nContent-Length: 1",
        "HTTP/1.1 200 OK\nContent-Length: 9999999999999999",
        "HTTP/1.1 200 OK\nContent-Length: 99999999999999999999999999",
        "HTTP/1.1 200 OK\nContent-Length: -1",
        "HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6",
        "HTTP/1.1 2x0 OK",
        "SSH-2.0-OpenSSH_9.2",
    ])
    func answersThatMakeNoSense(head: String) async throws {
        try await ScriptedServer.run(answer(head, "x")) { server in
            try await withSource { source in
                let failure = try await failure { _ = try await source.stat(server.url()) }
                #expect(failure.kind == .malformed, "\(failure.message)")
            }
        }
    }

    @Test func headerWithoutEndIsCutOff() async throws {
        let script: ScriptedServer.Script = { _, _ in [.text("HTTP/1.1 200 OK\r\nX-Long: "), .flood("x")] }
        try await ScriptedServer.run(script) { server in
            try await withSource { source in
                let failure = try await failure { _ = try await source.stat(server.url()) }
                #expect(failure.kind == .malformed)
                #expect(failure.message.hasSuffix("sent a header that is too long"))
                try await server.connectionClosed()
                #expect(server.flooded < 64 << 20)
            }
        }
    }

    @Test func headersWithoutEndAreCutOff() async throws {
        let script: ScriptedServer.Script = { _, _ in [.text("HTTP/1.1 200 OK\r\n"), .flood("X-Some: thing\r\n")] }
        try await ScriptedServer.run(script) { server in
            try await withSource { source in
                let failure = try await failure { _ = try await source.stat(server.url()) }
                #expect(failure.kind == .malformed)
            }
        }
    }

    @Test func errorPageWithoutEndDoesNotHoldTheFailureUp() async throws {
        let script: ScriptedServer.Script = { _, _ in
            [.text("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"), .flood("4\r\nabcd\r\n")]
        }
        try await ScriptedServer.run(script) { server in
            try await withSource { source in
                let failure = try await failure { _ = try await source.stat(server.url()) }
                #expect(failure.kind == .refused)
                try await server.connectionClosed()
            }
        }
    }

    // MARK: Connections

    @Test func silentSourceIsGivenUp() async throws {
        try await ScriptedServer.run({ _, _ in [] }) { server in
            try await withSource(impatient()) { source in
                let failure = try await failure { _ = try await source.stat(server.url()) }
                #expect(failure == SourceFailure(.connection, "127.0.0.1:\(server.port) did not answer in time"))
                try await server.connectionClosed()
            }
        }
    }

    @Test func sourceThatOnlyEverSaysContinueIsGivenUp() async throws {
        try await ScriptedServer.run({ _, _ in [.flood("HTTP/1.1 100 Continue\r\n\r\n")] }) { server in
            try await withSource(impatient()) { source in
                let failure = try await failure { _ = try await source.stat(server.url()) }
                #expect(failure.kind == .connection || failure.kind == .malformed)
                try await server.connectionClosed()
            }
        }
    }

    @Test func closedConnectionIsTriedASecondTimeAndNoMore() async throws {
        try await ScriptedServer.run({ _, _ in [.close] }) { server in
            try await withSource { source in
                let failure = try await failure { _ = try await source.stat(server.url()) }
                #expect(failure == SourceFailure(.connection, "127.0.0.1:\(server.port) closed the connection"))
                #expect(server.requests.count == 2)
            }
        }
    }

    @Test func connectionThatBreaksInTheHead() async throws {
        try await ScriptedServer.run({ _, _ in [.text("HTTP/1.1 200 OK\r\nContent-Le"), .close] }) { server in
            try await withSource { source in
                let failure = try await failure { _ = try await source.stat(server.url()) }
                #expect(failure.kind == .connection, "\(failure.message)")
            }
        }
    }

    @Test func refusedConnection() async throws {
        let port = try await ScriptedServer.run({ _, _ in [] }) { $0.port }
        try await withSource { source in
            let failure = try await failure { _ = try await source.stat("http://127.0.0.1:\(port)/") }
            #expect(failure == SourceFailure(.connection, "127.0.0.1:\(port) refused the connection"))
        }
    }

    @Test func nameThatDoesNotResolve() async throws {
        // No label may be this long, so that no name server has to be asked.
        let name = String(repeating: "a", count: 64) + ".example"
        try await withSource { source in
            let failure = try await failure { _ = try await source.stat("http://\(name)/") }
            #expect(failure == SourceFailure(.nameResolution, "the name \(name) does not resolve"))
        }
    }

    @Test(arguments: [
        "", "nonsense", "ftp://host/file", "file:///etc/passwd", "http://", "http:///path", "http+unix://x/y",
    ])
    func whatIsNoURL(text: String) async throws {
        try await withSource { source in
            let failure = try await failure { _ = try await source.stat(text) }
            #expect(failure == SourceFailure(.malformed, "\(text) is not an http or https URL"))
        }
    }

    @Test func headerFieldThatMayNotBeSent() async throws {
        try await ScriptedServer.run(honest(10)) { server in
            try await withSource { source in
                let failure = try await failure {
                    _ = try await source.stat(server.url(), headers: [.init(name: "X", value: "a\r\nEvil: b")])
                }
                #expect(failure.kind == .malformed)
                #expect(server.requests.isEmpty)
            }
        }
    }
}
