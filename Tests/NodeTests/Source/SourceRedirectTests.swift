import Node
import Swarm
import Testing

@Suite struct SourceRedirectTests {
    private static func redirect(_ location: String, status: Int = 302) -> [ScriptedServer.Step] {
        [.text("HTTP/1.1 \(status) Moved\r\nLocation: \(location)\r\nContent-Length: 4\r\n\r\ngone")]
    }

    @Test(arguments: [301, 302, 303, 307, 308])
    func relativeRedirectsAreFollowedOverTheSameConnection(status: Int) async throws {
        let script: ScriptedServer.Script = { request, _ in
            switch request.target {
            case "/a/file?x=1": Self.redirect("../b/other", status: status)
            case "/b/other": Self.redirect("/c#part", status: status)
            case "/c": honest(10)(request, 0)
            default: [.close]
            }
        }
        try await ScriptedServer.run(script) { server in
            try await withSource { source in
                guard case .ranged(let version) = try await source.stat(server.url("/a/file?x=1")) else {
                    Issue.record("not ranged")
                    return
                }
                #expect(version.size == 10)
                #expect(server.requests.map(\.target) == ["/a/file?x=1", "/b/other", "/c"])
                #expect(server.connectionCount == 1)
            }
        }
    }

    @Test func credentialsStayWithTheirServer() async throws {
        try await ScriptedServer.run(honest(10)) { other in
            let away = other.url("/away")
            let script: ScriptedServer.Script = { request, _ in
                request.target == "/file" ? Self.redirect("/next") : Self.redirect(away)
            }
            try await ScriptedServer.run(script) { server in
                try await withSource { source in
                    let headers: [DownloadRequest.Header] = [
                        .init(name: "Authorization", value: "Bearer t"), .init(name: "cookie", value: "c=1"),
                        .init(name: "X-API-Key", value: "k"), .init(name: "Private-Token", value: "p"),
                        .init(name: "X-Harmless", value: "h"), .init(name: "Host", value: "virtual.example"),
                    ]
                    _ = try await source.stat(server.url(), headers: headers)
                    // The second time the target is remembered.
                    try await source.fetch(server.url(), headers: headers, range: 0..<5, of: version(10)) { _ in }
                    #expect(server.requests.map { $0.headers["authorization"] } == ["Bearer t", "Bearer t"])
                    #expect(server.requests.map { $0.headers["host"] } == ["virtual.example", "virtual.example"])
                    #expect(other.requests.count == 2)
                    for request in other.requests {
                        for name in ["authorization", "cookie", "x-api-key", "private-token"] {
                            #expect(request.headers[name] == nil)
                        }
                        #expect(request.headers["x-harmless"] == "h")
                        #expect(request.headers["host"] == "127.0.0.1:\(other.port)")
                    }
                }
            }
        }
    }

    @Test func circleEndsAfterTenRedirects() async throws {
        try await ScriptedServer.run({ _, _ in Self.redirect("/file") }) { server in
            try await withSource { source in
                let failure = try await failure { _ = try await source.stat(server.url()) }
                #expect(failure.kind == .malformed)
                #expect(failure.message.contains("redirects without end"))
                #expect(server.requests.count == 11)
            }
        }
    }

    @Test(arguments: [
        ("file:///etc/passwd", SourceFailure.Kind.refused), ("ftp://host/file", .refused), ("gopher://x", .refused),
        ("unix:///run/socket", .refused), ("http://", .refused),
    ])
    func redirectsToElsewhereThanHTTPAreRefused(location: String, kind: SourceFailure.Kind) async throws {
        try await ScriptedServer.run({ _, _ in Self.redirect(location) }) { server in
            try await withSource { source in
                let failure = try await failure { _ = try await source.stat(server.url()) }
                #expect(failure.kind == kind, "\(failure.message)")
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test func redirectWithoutTarget() async throws {
        try await ScriptedServer.run(answer("HTTP/1.1 302 Found\nContent-Length: 0")) { server in
            try await withSource { source in
                let failure = try await failure { _ = try await source.stat(server.url()) }
                #expect(failure.kind == .malformed)
                #expect(failure.message.hasSuffix("answered 302 Found without saying where to"))
            }
        }
    }

    // MARK: Memory

    @Test func rangesGoStraightToWhereTheRedirectLed() async throws {
        let script: ScriptedServer.Script = { request, _ in
            request.target == "/file" ? Self.redirect("/signed") : partial(range(of: request) ?? 0..<1, of: 10)
        }
        try await ScriptedServer.run(script) { server in
            try await withSource { source in
                _ = try await source.stat(server.url())
                for _ in 0..<3 { try await source.fetch(server.url(), range: 2..<5, of: version(10)) { _ in } }
                #expect(server.requests.map(\.target) == ["/file", "/signed", "/signed", "/signed", "/signed"])
                // A stat is to see what is there now.
                _ = try await source.stat(server.url())
                #expect(server.requests.suffix(2).map(\.target) == ["/file", "/signed"])
            }
        }
    }

    @Test func expiredTargetLeadsBackToTheBeginning() async throws {
        let script: ScriptedServer.Script = { request, number in
            switch request.target {
            case "/file": Self.redirect("/signed-\(number)")
            case "/signed-0" where number > 1: [.text("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")]
            default: partial(range(of: request) ?? 0..<1, of: 10)
            }
        }
        try await ScriptedServer.run(script) { server in
            try await withSource { source in
                _ = try await source.stat(server.url())
                for _ in 0..<2 { try await source.fetch(server.url(), range: 2..<5, of: version(10)) { _ in } }
                #expect(
                    server.requests.map(\.target)
                        == ["/file", "/signed-0", "/signed-0", "/file", "/signed-3", "/signed-3"])
            }
        }
    }

    @Test func targetOfOneIsNotGivenToAnother() async throws {
        let script: ScriptedServer.Script = { request, _ in
            switch request.target {
            case "/file":
                request.headers["authorization"] == "good"
                    ? Self.redirect("/signed") : [.text("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")]
            default: partial(range(of: request) ?? 0..<1, of: 10)
            }
        }
        try await ScriptedServer.run(script) { server in
            try await withSource { source in
                _ = try await source.stat(server.url(), headers: [.init(name: "Authorization", value: "good")])
                let failure = try await failure {
                    try await source.fetch(server.url(), range: 2..<5, of: version(10)) { _ in }
                }
                #expect(failure.kind == .refused)
            }
        }
    }
}
