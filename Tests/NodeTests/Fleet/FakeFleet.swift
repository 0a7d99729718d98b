import Fleet
import Foundation
import MinionCore
import Node
import Synchronization

/// A manager and a scheduler in one, as a script for a `ScriptedServer`: it never holds an answer back, and says what the
/// test wants it to say.
final class FakeFleet: Sendable {
    struct Said: Sendable {
        var route: RouteAnswer?
        var news: HostNews?
        var refusal: String?
        var orders: [HostOrder] = []
        /// The status of all answers about hosts; nil: 200.
        var status: Int?
        var routeStatus: Int?
    }

    private struct State {
        var said = Said()
        var reports: [HostReport] = []
        var questions: [RouteQuestion] = []
        var tokens: Set<String> = []
        var goodbyes: [String] = []
        var known: Set<String> = []
        var ended: [String: OrderProgress] = [:]
    }

    private let state = Mutex(State())

    func say(_ change: (inout Said) -> Void) { state.withLock { change(&$0.said) } }

    var reports: [HostReport] { state.withLock { $0.reports } }
    var questions: [RouteQuestion] { state.withLock { $0.questions } }
    /// What was shown as a join token.
    var tokens: Set<String> { state.withLock { $0.tokens } }
    /// The secrets of hosts that said good-bye.
    var goodbyes: [String] { state.withLock { $0.goodbyes } }
    /// Orders whose end has been told.
    var ended: [String: OrderProgress] { state.withLock { $0.ended } }

    @Sendable func answer(_ request: ScriptedServer.Request, _ number: Int) -> [ScriptedServer.Step] {
        state.withLock { state in
            if let token = request.headers["authorization"] { state.tokens.insert(token) }
            if request.target == "/internal/v1/route" { return route(request, &state) }
            guard request.target.hasPrefix("/v1/hosts/") else { return Self.reply(404, "{}") }
            if request.method == "DELETE" {
                state.goodbyes.append(request.headers["minion-secret"] ?? "")
                return Self.reply(204, "")
            }
            return host(request, &state)
        }
    }

    private func route(_ request: ScriptedServer.Request, _ state: inout State) -> [ScriptedServer.Step] {
        if let question = try? JSONDecoder().decode(RouteQuestion.self, from: Data(request.body.utf8)) {
            state.questions.append(question)
        }
        if let status = state.said.routeStatus { return Self.reply(status, #"{"message":"no such token"}"#) }
        guard let route = state.said.route else { return Self.reply(503, "{}") }
        return Self.reply(200, Self.json(route))
    }

    private func host(_ request: ScriptedServer.Request, _ state: inout State) -> [ScriptedServer.Step] {
        guard let report = try? JSONDecoder().decode(HostReport.self, from: Data(request.body.utf8)) else {
            return Self.reply(400, #"{"error":"nonsense"}"#)
        }
        state.reports.append(report)
        if let status = state.said.status { return Self.reply(status, #"{"error":"told to say so"}"#) }
        var reply = HostReply()
        reply.nextReportSeconds = 0.05
        reply.refusal = state.said.refusal
        if report.facts != nil { state.known.insert(request.target) }
        reply.mustIntroduce = !state.known.contains(request.target)
        for progress in report.progress where progress.state != .running { state.ended[progress.id] = progress }
        reply.orders = state.said.orders.filter { state.ended[$0.id] == nil }
        if let news = state.said.news, news.tag != report.known { reply.news = news }
        return Self.reply(200, Self.json(reply))
    }

    /// Forgets all hosts, as a scheduler does that starts anew.
    func restart() { state.withLock { $0.known = [] } }

    private static func json(_ value: some Encodable) -> String {
        (try? JSONEncoder().encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    private static func reply(_ status: Int, _ body: String) -> [ScriptedServer.Step] {
        [.text("HTTP/1.1 \(status) X\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")]
    }

    /// Runs `body` with `count` servers that each are a fleet.
    static func run<Result>(
        _ count: Int, _ body: ([(fleet: FakeFleet, url: String)]) async throws -> Result
    ) async throws -> Result {
        try await run(count, [], body)
    }

    private static func run<Result>(
        _ count: Int, _ made: [(fleet: FakeFleet, url: String)],
        _ body: ([(fleet: FakeFleet, url: String)]) async throws -> Result
    ) async throws -> Result {
        guard made.count < count else { return try await body(made) }
        let fleet = FakeFleet()
        return try await ScriptedServer.run(fleet.answer) { server in
            try await run(count, made + [(fleet, server.url(""))], body)
        }
    }
}

extension RouteAnswer {
    /// Clusters with ids from 1 on, best first.
    init(_ clusters: [String]...) {
        let candidates = clusters.enumerated().map { index, schedulers in
            Candidate(
                id: Int64(index + 1), name: "c\(index + 1)", score: 0.5, reasons: [], schedulers: schedulers)
        }
        self.init(address: "127.0.0.1", clusters: candidates, time: 0)
    }
}

extension HostNews {
    init(
        _ tag: String, _ cluster: String = "c1", schedulers: [String] = [], applications: [ApplicationRule] = [],
        _ change: (inout HostRules) -> Void = { _ in }
    ) {
        var rules = HostRules(loadLimit: 100)
        change(&rules)
        self.init(tag: tag, clusterName: cluster, rules: rules, applications: applications, schedulers: schedulers)
    }
}

extension NodeConfiguration {
    /// Becomes part of a fleet, and waits for nothing long.
    mutating func join(managers: [String] = [], trackers: [String] = []) {
        self.trackers = trackers
        fleet.managers = managers
        fleet.joinToken = "mnj_test"
        fleet.hostName = "host-1"
        fleet.timing.routeInterval = .milliseconds(100)
        fleet.timing.firstPause = .milliseconds(50)
        fleet.timing.longestPause = .milliseconds(200)
        fleet.timing.patience = .milliseconds(500)
        fleet.timing.lostAfter = .milliseconds(100)
        fleet.timing.refusedPause = .milliseconds(100)
    }
}
