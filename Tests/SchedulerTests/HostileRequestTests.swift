import HTTPFront
import MinionCore
import Scheduler
import Swarm
import Testing
import Wire

/// What comes from a network is refused with a reason, and never with a 5xx.
@Suite(.timeLimit(.minutes(1)))
struct HostileRequestTests {
    private static let report = TaskPath.peer(makeTask(), PeerID(1)).text

    @Test func healthIsTold() async throws {
        try await withScheduler { scheduler in
            let answer = try await scheduler.request("GET", "/healthz")
            #expect(answer.status == 200 && answer.text == #"{"status":"ok"}"#)
            #expect(try await scheduler.request("HEAD", "/healthz").status == 200)
        }
    }

    @Test func pathsMethodsAndIDsAreChecked() async throws {
        let cases: [(String, String, Int)] = [
            ("GET", "/", 404), ("GET", "/v1", 404), ("GET", "/v1/task", 404), ("POST", "/nowhere", 404),
            ("GET", "/v1/tasks/x", 400), ("POST", "/v1/tasks/x/peers/0000000000000001", 400),
            ("POST", "/v1/tasks/\(makeTask())/peers/1", 400), ("GET", "/v1/tasks/\(makeTask())", 404),
            ("GET", TaskPath.content(makeTask()).text, 404), ("GET", TaskPath.news(makeTask()).text, 404),
            ("GET", TaskPath.peers(makeTask()).text, 404), ("POST", TaskPath.peers(makeTask()).text, 405),
            ("GET", TaskPath.peers(makeTask()).text + "?limit=0", 400),
            ("GET", TaskPath.peers(makeTask()).text + "?limit=1001", 400),
            ("GET", TaskPath.peers(makeTask()).text + "?limit=x&after=0000000000000001", 400),
            ("GET", TaskPath.peers(makeTask()).text + "?after=1", 400),
            ("GET", TaskPath.peers(makeTask()).text + "?after=%zz", 400),
            ("POST", "/v1/tasks", 405), ("DELETE", "/v1/tasks/\(makeTask())", 405), ("GET", Self.report, 405),
            ("PUT", Self.report, 405), ("POST", "/healthz", 405), ("PUT", "/peer/", 405), ("POST", "/res/", 405),
            ("GET", "/%00", 404), ("GET", "//v1/tasks", 404),
        ]
        try await withScheduler { scheduler in
            for (method, path, status) in cases {
                let answer = try await scheduler.request(method, path)
                #expect(answer.status == status, "\(method) \(path)")
                #expect(answer.headers["content-type"] == "application/json", "\(method) \(path)")
                #expect((answer.headers["allow"] != nil) == (status == 405), "\(method) \(path)")
                let member = path.hasPrefix("/peer") || path.hasPrefix("/res") ? "ret" : "error"
                #expect(answer.text.hasPrefix("{\"\(member)\":"), "\(method) \(path)")
            }
            #expect(
                scheduler.log.first(containing: "level=info", "request refused", "status=404", "client=127.0.0.1")
                    != nil)
        }
    }

    @Test func badReportIsRefusedWithTheReason() async throws {
        var report = joining()
        report.introduction?.site = String(repeating: "s", count: 65)
        let tooLong = String(decoding: WireJSON.encode(report), as: UTF8.self)
        let cases = [
            ("", "empty"), ("x", "JSON"), ("[1]", "is no"), (#"{"secret":7}"#, "secret"),
            (tooLong, "introduction.site"), (String(repeating: "[", count: 100_000), "JSON"),
        ]
        try await withScheduler { scheduler in
            for (body, reason) in cases {
                let answer = try await scheduler.request("POST", Self.report, json: body)
                #expect(answer.status == 400, "\(body.prefix(20))")
                #expect(answer.text.contains(reason), "\(answer.text)")
            }
        }
    }

    @Test func oversizedBodyIsRefused() async throws {
        try await withScheduler { scheduler in
            let head = "POST \(Self.report) HTTP/1.1\r\nHost: x\r\n"
            let announced = try await RawConnection.open(to: scheduler.endpoint)
                .exchange(head + "Content-Length: 99999999999\r\n\r\nx")
            #expect(announced.hasPrefix("HTTP/1.1 413 "))
            #expect(announced.contains("{\"error\":"))
            let body = Array(repeating: UInt8(ascii: " "), count: MinionCompat.bodyBytes + 1)
            #expect(try await scheduler.request("POST", "/peer/", body: body).status == 413)
            let chunk = String(repeating: " ", count: 0x10001)
            let chunked = try await RawConnection.open(to: scheduler.endpoint)
                .exchange(
                    "POST /peer/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n\(chunk)\r\n0\r\n\r\n"
                )
            #expect(chunked.hasPrefix("HTTP/1.1 413 "))
        }
    }

    @Test func largeBodiesAreLimitedAltogether() async throws {
        var report = joining()
        report.introduction?.resource = String(repeating: "r", count: 8000)
        report.returned = Array(repeating: 1_000_000, count: 4096)
        report.fetched = []
        report.dropped = Array(repeating: PeerID(7), count: 256)
        let text = String(decoding: WireJSON.encode(report), as: UTF8.self) + String(repeating: " ", count: 64 << 10)
        try await withScheduler(configured { $0.largeBodies = 64 << 10 }) { scheduler in
            let answer = try await scheduler.request("POST", Self.report, json: text)
            #expect(answer.status == 429)
            #expect(answer.headers["retry-after"] == "1")
            #expect(try await scheduler.request("POST", Self.report, body: WireJSON.encode(joining())).status == 200)
        }
        try await withScheduler { scheduler in
            for _ in 0..<3 {
                let answer = try await scheduler.request("POST", Self.report, json: text)
                #expect(answer.status == 200)
            }
        }
    }

    @Test func malformedHTTPIsNoServersFault() async throws {
        let requests = [
            "\r\n\r\n\r\n", "x\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
            "GET / HTTP/1.1\r\nBad Header\r\n\r\n",
            "POST \(Self.report) HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            "POST \(Self.report) HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            "POST \(Self.report) HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "GET /\(String(repeating: "a", count: 200_000)) HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\n\(String(repeating: "A: b\r\n", count: 500))\r\n",
            "GET /peer/?res=%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "GET http:// HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "GET ? HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        ]
        try await withScheduler(
            configured {
                $0.front.requestTimeout = .milliseconds(300)
                $0.front.idleTimeout = .milliseconds(300)
            }
        ) { scheduler in
            for request in requests {
                let answer = try await RawConnection.open(to: scheduler.endpoint).exchange(request)
                #expect(!answer.contains("HTTP/1.1 5"), "\(request.prefix(60))")
            }
            #expect(try await scheduler.request("GET", "/healthz").status == 200)
        }
    }

    @Test func randomRequestsAreNoServersFault() async throws {
        try await withScheduler { scheduler in
            var random = SeededGenerator(seed: 42)
            let good = WireJSON.encode(joining())
            let paths = [Self.report, "/peer/", "/peer/?res=x", "/res/", "/v1/tasks", "/v1/tasks/\(makeTask())"]
            for _ in 0..<300 {
                var body = good
                for _ in 0..<Int.random(in: 0...4, using: &random) {
                    body[Int.random(in: 0..<body.count, using: &random)] = UInt8.random(in: 32...126, using: &random)
                }
                let method = ["GET", "POST", "DELETE"].randomElement(using: &random) ?? ""
                let path = paths.randomElement(using: &random) ?? ""
                let answer = try await scheduler.request(method, path, body: method == "POST" ? body : nil)
                #expect(answer.status < 500, "\(method) \(path)")
            }
        }
    }

    @Test func idleAndSlowConnectionsAreClosed() async throws {
        try await withScheduler(
            configured {
                $0.front.idleTimeout = .milliseconds(200)
                $0.front.requestTimeout = .milliseconds(200)
            }
        ) { scheduler in
            // Each ends only because the server closes.
            #expect(try await RawConnection.open(to: scheduler.endpoint).exchange("") == "")
            #expect(try await RawConnection.open(to: scheduler.endpoint).exchange("POST /peer/ HT") == "")
            _ = try await RawConnection.open(to: scheduler.endpoint)
                .exchange("POST /peer/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
            let answered = try await RawConnection.open(to: scheduler.endpoint)
                .exchange("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(answered.hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test func clientThatHalfClosesGetsItsAnswer() async throws {
        try await withScheduler { scheduler in
            let answer = try await RawConnection.open(to: scheduler.endpoint)
                .exchange("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(answer.hasSuffix(#"{"status":"ok"}"#))
        }
    }

    @Test func connectionsPastTheLimitWait() async throws {
        try await withScheduler(
            configured {
                $0.front.maximumConnections = 1
                $0.front.idleTimeout = .seconds(2)
            }
        ) { scheduler in
            let request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
            let started = ContinuousClock.now
            let first = try await RawConnection.open(to: scheduler.endpoint)
            async let idle = first.exchange(request)
            // By now the first is served, and keeps its place until it has been idle for too long.
            try await Task.sleep(for: .milliseconds(150))
            let answer = try await RawConnection.open(to: scheduler.endpoint).exchange(request) { $0.contains("ok") }
            #expect(answer.contains("ok"))
            #expect(ContinuousClock.now - started >= .seconds(2))
            #expect(try await idle.contains("ok"))
        }
    }
}
