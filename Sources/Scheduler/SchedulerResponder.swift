package import HTTPFront
import HTTPTypes
package import Hummingbird
package import Logging
import MinionCore
import NIOCore
import NIOPosix
import Swarm
import Wire

/// Answers every request to a scheduler.
///
/// The paths are few and fixed, so that a `switch` over them serves better than a router: it tells a wrong method from an
/// unknown path and a bad id from both.
package struct SchedulerResponder: HTTPResponder {
    package typealias Context = FrontContext

    let driver: TrackerDriver
    /// Of a scheduler that has a manager.
    let hosts: HostDriver?
    let minion: MinionResponder
    let bodies: BodyReader
    let refusals: RefusalLog
    private let version: String
    private let logger: Logger

    /// Makes a scheduler that has no tasks yet; loads its key, or makes it. Throws `SchedulerError` if that fails.
    package init(_ configuration: SchedulerConfiguration, logger: Logger) async throws {
        let directory = configuration.dataDirectory
        let key = try await NIOThreadPool.singleton.runIfActive {
            try directory.map { try TrackerKeyFile.load(fromDirectory: $0) } ?? TrackerKey()
        }
        let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
        let driver = TrackerDriver(
            limits: configuration.trackerLimits, seed: configuration.seed, key: key, eventLoop: eventLoop,
            logger: logger)
        self.driver = driver
        hosts = configuration.fleet.map { HostDriver($0, tracker: driver, eventLoop: eventLoop, logger: logger) }
        version = configuration.version
        self.logger = logger
        bodies = BodyReader(limit: configuration.largeBodies)
        minion = MinionResponder(
            driver: driver, bodies: bodies, limits: configuration.minionLimits, seed: ~configuration.seed)
        refusals = RefusalLog(logger: logger)
    }

    /// The public half of the key that signs proofs, in hexadecimal.
    package var publicKeyHex: String { driver.publicKeyHex }

    /// How many tasks it has, and how many peers are in them together.
    package var load: (tasks: Int, peers: Int) {
        let summaries = driver.summaries
        return (summaries.count, summaries.reduce(0) { $0 + $1.peers })
    }

    /// Whether a path is one of the scheduler's, where it shares a port.
    package static func owns(_ path: String) -> Bool {
        path.hasPrefix("/v1/") || ["/peer/", "/res/", "/peer", "/res", "/healthz"].contains(path)
    }

    /// Nobody waits for an answer on this connection any more.
    package func connectionClosed(_ connection: ConnectionID) {
        driver.connectionClosed(connection)
        hosts?.connectionClosed(connection)
    }

    /// Answers at once what is being held back, and holds nothing back from now on.
    package func stop() {
        driver.stop()
        hosts?.stop()
    }

    /// How many hosts keep a link to it, how many of them are seeds, and how many parts of jobs it does. Nil without a
    /// manager.
    package var fleetLoad: (hosts: Int, seeds: Int, jobs: Int)? { hosts?.load }

    /// Keeps the manager up to date, until `stop` or until the task is cancelled. Returns at once without a manager.
    ///
    /// - Parameter endpoints: where the scheduler listens, once that is known.
    package func runFleet(on endpoints: AsyncStream<ListeningEndpoints>) async {
        guard let hosts else { return }
        var iterator = endpoints.makeAsyncIterator()
        guard let endpoints = await iterator.next() else { return await hosts.configuration.link.close() }
        hosts.listening(on: endpoints, version: version)
        await ManagerReporter(
            driver: hosts, link: hosts.configuration.link, interval: hosts.configuration.keepAlive, logger: logger
        ).run()
    }

    package func respond(to request: Request, context: FrontContext) async throws -> Response {
        let path = request.uri.path
        var shape = ErrorShape.tasks
        do {
            switch path {
            case "/healthz":
                guard request.method == .get || request.method == .head else {
                    throw Refusal.methodNotAllowed("GET, HEAD")
                }
                return request.method == .head ? Response(status: .ok) : .json(Array(#"{"status":"ok"}"#.utf8))
            case "/peer/", "/peer":
                shape = .minion
                return try await minion.peer(request, context)
            case "/res/", "/res":
                shape = .minion
                return try minion.resources(request)
            default:
                if let host = try Self.hostID(in: path) { return try await respond(to: request, of: host, context) }
                return try await respond(to: request, at: TaskPath.parse(path), context)
            }
        } catch let error as TaskPath.ParseError {
            return refuse(refusal(for: error), request, context, shape)
        } catch let refusal as Refusal {
            return refuse(refusal, request, context, shape)
        }
    }

    private func refuse(
        _ refusal: Refusal, _ request: Request, _ context: FrontContext, _ shape: ErrorShape
    ) -> Response {
        refusals.note(refusal, of: request, from: context.remoteHost)
        return shape.response(to: refusal)
    }

    private func refusal(for error: TaskPath.ParseError) -> Refusal {
        switch error {
        case .unknown: Refusal(.notFound, "there is nothing here; see /v1/tasks")
        case .badTaskID: Refusal(.badRequest, "a task id has 64 hexadecimal digits in lower case")
        case .badPeerID: Refusal(.badRequest, "a peer id has 16 hexadecimal digits in lower case")
        }
    }

    private func respond(
        to request: Request, at path: TaskPath, _ context: FrontContext
    ) async throws -> Response {
        switch (path, request.method) {
        case (.peer(let task, let peer), .post): return try await report(request, from: peer, task: task, context)
        case (.peer(let task, let peer), .delete): return try leave(request, peer, task: task)
        case (.peer, _): throw Refusal.methodNotAllowed("POST, DELETE")
        case (.tasks, .get): return .json(WireJSON.encodeMessage(TaskList(driver.summaries)))
        case (.task(let task), .get):
            guard let summary = driver.summary(of: task) else { throw Refusal(.notFound, "there is no such task") }
            return .json(WireJSON.encodeMessage(summary))
        case (.peers(let task), .get): return try peers(request, of: task)
        case (.tasks, _), (.task, _), (.peers, _): throw Refusal.methodNotAllowed("GET")
        case (.content, _), (.news, _): throw Refusal(.notFound, "a tracker has no content; its peers do")
        }
    }

    /// The query may have `limit`, from 1 to `WireLimits.peersPerPage`, and `after`, a peer's id.
    private func peers(_ request: Request, of task: TaskID) throws -> Response {
        let parameters: [String: String]
        do {
            parameters = try MinionCompat.parameters(of: request.uri.query ?? "")
        } catch {
            throw Refusal(.badRequest, error.message)
        }
        var limit = WireLimits.peersPerPage
        if let text = parameters["limit"] {
            guard let number = Int(text), (1...WireLimits.peersPerPage).contains(number) else {
                throw Refusal(.badRequest, "limit is not a number from 1 to \(WireLimits.peersPerPage)")
            }
            limit = number
        }
        var after: PeerID?
        if let text = parameters["after"] {
            after = PeerID(hex: text)
            guard after != nil else { throw refusal(for: .badPeerID) }
        }
        guard let page = driver.peerPage(of: task, after: after, limit: limit) else {
            throw Refusal(.notFound, "there is no such task")
        }
        return .json(WireJSON.encodeMessage(page))
    }

    private func report(
        _ request: Request, from peer: PeerID, task: TaskID, _ context: FrontContext
    ) async throws -> Response {
        try refuseIfRemoved()
        var report = try await bodies.read(request, upTo: WireLimits.reportBytes) { try WireJSON.report(from: $0) }
        if let endpoint = report.introduction?.endpoint, endpoint.isUnspecified {
            guard let host = context.remoteHost else { throw Refusal(.badRequest, "introduction.endpoint has no host") }
            report.introduction?.endpoint = Endpoint(host: host, port: endpoint.port)
        }
        let reply = await driver.reply(to: report, from: peer, task: task, connection: context.connection)
        try refuseIfRemoved()
        if let reason = reply?.refusal {
            refusals.note(Refusal(.ok, reason), of: request, from: context.remoteHost)
        }
        return .json(WireJSON.encode(reply ?? TrackerReply()))
    }

    /// A scheduler that is none of its cluster's serves nobody: its peers go to the next.
    private func refuseIfRemoved() throws {
        if let refusal = hosts?.refusal { throw Refusal(.serviceUnavailable, refusal) }
    }

    private func leave(_ request: Request, _ peer: PeerID, task: TaskID) throws -> Response {
        let secret = request.headers[.minionSecret] ?? ""
        switch driver.leave(peer, task: task, secret: secret) {
        case .wrongSecret: throw Refusal(.forbidden, "the peer's secret is wrong; send it as \(HeaderName.secret)")
        case .confirmed, .unknown: return Response(status: .noContent)
        }
    }
}

/// The answer to `GET /v1/tasks`: the tasks with the most peers, but for those that are not for everybody.
private struct TaskList: Encodable {
    /// For people and their tools; who needs more looks at single tasks.
    static let limit = 1000

    /// How many tasks there are, listed or not.
    var total: Int
    var tasks: [TaskSummary]

    init(_ all: [TaskSummary]) {
        total = all.count
        let sorted = all.filter { !$0.resource.isEmpty }.sorted { a, b in
            a.peers != b.peers ? a.peers > b.peers : a.task.hex < b.task.hex
        }
        tasks = Array(sorted.prefix(Self.limit))
    }
}

extension Endpoint {
    /// Whether the host is left to whoever sees the address.
    var isUnspecified: Bool { host.isEmpty || host == "0.0.0.0" || host == "::" }
}

extension HTTPField.Name {
    // The name is a valid one, as is checked by every test that leaves.
    // swift-format-ignore: NeverForceUnwrap
    static let minionSecret = HTTPField.Name(HeaderName.secret)!
}
