import MinionCore
import Scheduler
import Swarm
import Testing
import Wire

/// The calls of the first Minion's clients.
@Suite(.timeLimit(.minutes(1)))
struct MinionProtocolTests {
    private static let success = #"{"ret": "success"}"#
    private static let resource = "http%3A%2F%2Fhost%2Ff%3Fa%3D1"

    private static func body(_ ip: String, _ port: Int, site: String? = nil, resource: String = "http://host/f?a=1")
        -> String
    {
        let info = site.map { #", "adt_info": {"site": "\#($0)", "hostname": "h"}"# } ?? ""
        return #"{"ip": "\#(ip)", "port": \#(port), "res": "\#(resource)"\#(info)}"#
    }

    @Test func peersAreAnnouncedListedAndWithdrawn() async throws {
        try await withScheduler { scheduler in
            let empty = try await scheduler.request("GET", "/peer/?res=\(Self.resource)")
            #expect(empty.status == 200)
            #expect(empty.text == #"{"http://host/f?a=1": [], "ret": "success"}"#)
            for _ in 0..<2 {
                let posted = try await scheduler.request("POST", "/peer/", json: Self.body("127.0.0.1", 5000))
                #expect(posted.status == 200 && posted.text == Self.success)
                #expect(posted.headers["content-type"] == "application/json")
            }
            let listed = try await scheduler.request("GET", "/peer/?res=\(Self.resource)")
            #expect(listed.text == #"{"http://host/f?a=1": [["127.0.0.1", 5000]], "ret": "success"}"#)
            #expect(
                try await scheduler.request("GET", "/res/").text
                    == #"{"resources": ["http://host/f?a=1"], "ret": "success"}"#)
            let deleted = try await scheduler.request("DELETE", "/peer/?res=\(Self.resource)&ip=127.0.0.1&port=5000")
            #expect(deleted.status == 200 && deleted.text == Self.success)
            #expect(try await scheduler.request("GET", "/peer/?res=\(Self.resource)").text == empty.text)
            #expect(try await scheduler.request("GET", "/res/").text == #"{"resources": [], "ret": "success"}"#)
        }
    }

    @Test func whoeverAnnouncedAPeerMayWithdrawIt() async throws {
        try await withScheduler { scheduler in
            _ = try await scheduler.request("POST", "/peer/", json: Self.body("10.1.1.1", 5000))
            let path = "/peer/?res=\(Self.resource)&ip=10.1.1.1&port=5000"
            #expect(try await scheduler.request("DELETE", path).text == Self.success)
            #expect(try await scheduler.request("GET", "/peer/?res=\(Self.resource)").text.contains("[]"))
            // Nothing matches now, which is a success as well.
            #expect(try await scheduler.request("DELETE", path).text == Self.success)
        }
    }

    @Test(.enabled(if: hasIPv6))
    func anotherHostsPeerStays() async throws {
        let both = [Endpoint(host: "127.0.0.1", port: 0), Endpoint(host: "::1", port: 0)]
        try await withScheduler(listen: both) { scheduler in
            _ = try await scheduler.request("POST", "/peer/", json: Self.body("10.1.1.1", 5000))
            let stranger = try await RawConnection.open(host: "::1", port: scheduler.endpoints[1].port)
            let answer = try await stranger.exchange(
                "DELETE /peer/?res=\(Self.resource)&ip=10.1.1.1&port=5000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
            #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.hasSuffix(Self.success))
            #expect(try await scheduler.request("GET", "/peer/?res=\(Self.resource)").text.contains("10.1.1.1"))
        }
    }

    @Test func verboseTellsSites() async throws {
        try await withScheduler { scheduler in
            _ = try await scheduler.request("POST", "/peer/", json: Self.body("10.1.1.1", 1, site: "eu"))
            for value in ["1", "0", "no"] {
                let text = try await scheduler.request("GET", "/peer/?res=\(Self.resource)&verbose=\(value)").text
                #expect(text.contains(#"[["10.1.1.1", 1, {"site": "eu"}]]"#))
            }
            for query in ["&verbose=", "&verbose", ""] {
                let text = try await scheduler.request("GET", "/peer/?res=\(Self.resource)\(query)").text
                #expect(text.contains(#"[["10.1.1.1", 1]]"#))
            }
            _ = try await scheduler.request("POST", "/peer/", json: Self.body("10.1.1.2", 2))
            let mixed = try await scheduler.request("GET", "/peer/?res=\(Self.resource)&verbose=1").text
            #expect(mixed.contains(#"["10.1.1.2", 2]"#) && mixed.contains(#"["10.1.1.1", 1, {"site": "eu"}]"#))
        }
    }

    @Test func strictFiltersByTheCallersSite() async throws {
        try await withScheduler { scheduler in
            _ = try await scheduler.request("POST", "/peer/", json: Self.body("10.1.1.1", 1, site: "eu"))
            _ = try await scheduler.request("POST", "/peer/", json: Self.body("10.1.1.2", 2, site: "us"))
            let path = "/peer/?res=\(Self.resource)&strict=site"
            let onlyEU = #"{"http://host/f?a=1": [["10.1.1.1", 1]], "ret": "success"}"#
            #expect(try await scheduler.request("GET", path + "&site=eu").text == onlyEU)
            let withBody = try await scheduler.request("GET", path, json: #"{"adt_info": {"site": "eu"}}"#)
            #expect(withBody.text == onlyEU)
            #expect(try await scheduler.request("GET", path).status == 400)
            #expect(try await scheduler.request("GET", path, json: "{}").status == 400)
            #expect(try await scheduler.request("GET", path, json: "x").status == 400)
            let other = try await scheduler.request("GET", "/peer/?res=\(Self.resource)&strict=unknown").text
            #expect(other.contains("10.1.1.1") && other.contains("10.1.1.2"))
        }
    }

    @Test func numLimitsTheAnswer() async throws {
        try await withScheduler { scheduler in
            for port in 1...50 { _ = try await scheduler.request("POST", "/peer/", json: Self.body("10.1.1.1", port)) }
            func count(_ query: String) async throws -> Int {
                try await scheduler.request("GET", "/peer/?res=\(Self.resource)\(query)").text.split(
                    separator: "10.1.1.1"
                ).count - 1
            }
            #expect(try await count("") == 40)
            #expect(try await count("&num=3") == 3)
            #expect(try await count("&num=0") == 0)
            #expect(try await count("&num=99999999999999999999") == 50)
        }
    }

    @Test func whatMadeTheOldTrackerFailIsRefused() async throws {
        let gets = [
            "/peer/", "/peer/?num=3", "/peer/?res=", "/peer/?res=ret", "/peer/?res=r&num=x",
            "/peer/?res=r&num=-1", "/peer/?res=r&num=", "/peer/?res=r&num=1.5",
        ]
        let posts = [
            "", "x", "[]", "{}", Self.body("1.2.3", 1), Self.body("::1", 1), Self.body("1.2.3.4", 0),
            Self.body("1.2.3.4", 70000), Self.body("1.2.3.4", 1, resource: "ret"),
            Self.body("1.2.3.4", 1, resource: ""),
            Self.body("1.2.3.4", 1, site: String(repeating: "s", count: 65)),
        ]
        let deletes = [
            "/peer/", "/peer/?res=r", "/peer/?res=r&ip=1.2.3.4", "/peer/?res=r&ip=x&port=1",
            "/peer/?res=r&ip=1.2.3.4&port=x",
        ]
        try await withScheduler { scheduler in
            for path in gets {
                let answer = try await scheduler.request("GET", path)
                #expect(answer.status == 400 && answer.text.hasPrefix(#"{"ret": ""#), "\(path)")
            }
            let broken = try await RawConnection.open(to: scheduler.endpoint)
                .exchange("GET /peer/?res=%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(broken.hasPrefix("HTTP/1.1 400 "))
            for body in posts {
                let answer = try await scheduler.request("POST", "/peer/", json: body)
                #expect(answer.status == 400 && answer.text.hasPrefix(#"{"ret": ""#), "\(body)")
            }
            for path in deletes {
                let answer = try await scheduler.request("DELETE", path)
                #expect(answer.status == 400 && answer.text.hasPrefix(#"{"ret": ""#), "\(path)")
            }
            #expect(try await scheduler.request("GET", "/res/").text == #"{"resources": [], "ret": "success"}"#)
        }
    }

    @Test func fullRegistryIsNoServersFault() async throws {
        try await withScheduler(configured { $0.minionLimits.peers = 1 }) { scheduler in
            #expect(try await scheduler.request("POST", "/peer/", json: Self.body("10.1.1.1", 1)).status == 200)
            let refused = try await scheduler.request("POST", "/peer/", json: Self.body("10.1.1.1", 2))
            #expect(refused.status == 429 && refused.text.hasPrefix(#"{"ret": ""#))
        }
    }

    @Test func nodesAreListedForOldClients() async throws {
        let layout = try #require(PieceLayout(size: 4 << 18, pieceSize: 1 << 18))
        try await withScheduler { scheduler in
            func join(_ number: UInt64, _ host: String, have: String, canUpload: Bool = true) async throws {
                var report = joining(port: 7000 + Int(number), host: host, resource: "http://host/f?a=1")
                report.introduction?.canUpload = canUpload
                report.introduction?.site = "eu"
                report.version = TaskVersion(validator: "v", layout: layout)
                report.have = have
                _ = try await scheduler.report(report, from: PeerID(number), task: makeTask())
            }
            try await join(1, "10.2.2.1", have: "0f")
            try await join(2, "fd00::2", have: "0f")
            try await join(3, "10.2.2.3", have: "00")
            try await join(4, "10.2.2.4", have: "0f", canUpload: false)
            let listed = try await scheduler.request("GET", "/peer/?res=\(Self.resource)&verbose=1")
            #expect(listed.text == #"{"http://host/f?a=1": [["10.2.2.1", 7001, {"site": "eu"}]], "ret": "success"}"#)
            #expect(
                try await scheduler.request("GET", "/res/").text
                    == #"{"resources": ["http://host/f?a=1"], "ret": "success"}"#)
        }
    }
}
