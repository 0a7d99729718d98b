import HTTPFront
import Hummingbird
import Manager
import MinionCore
import NIOCore
import Scheduler

/// Answers on the one port: what is the scheduler's goes to it at once, everything else to the manager.
struct ServerResponder: HTTPResponder {
    typealias Context = FrontContext

    let scheduler: SchedulerResponder?
    let manager: ManagerResponder?
    private let schedulerCounts = RequestCounts()
    private let managerCounts = RequestCounts()

    init(scheduler: SchedulerResponder?, manager: ManagerResponder?) {
        self.scheduler = scheduler
        self.manager = manager
    }

    func respond(to request: Request, context: FrontContext) async throws -> Response {
        let path = request.uri.path
        if path == "/metrics" { return metrics(for: request.method) }
        let began = ContinuousClock.now
        let response: Response
        // Who has a manager is well only if its store is.
        if let scheduler, manager == nil || SchedulerResponder.owns(path) && path != "/healthz" {
            response = try await scheduler.respond(to: request, context: context)
            schedulerCounts.note(response.status, after: .zero)
        } else if let manager {
            response = try await manager.respond(to: request, context: context)
            managerCounts.note(response.status, after: ContinuousClock.now - began)
        } else {
            response = Response(status: .notFound)
        }
        return response
    }

    private func metrics(for method: HTTPRequest.Method) -> Response {
        guard method == .get || method == .head else {
            return Response(status: .methodNotAllowed, headers: [.allow: "GET, HEAD"])
        }
        var page = MetricsPage()
        page.information(version: MinionVersion.current)
        var parts: [(String, RequestCounts)] = []
        if let scheduler {
            parts.append(("tracker", schedulerCounts))
            let load = scheduler.load
            page.gauge("minion_tracker_tasks", "Tasks that are being distributed.", load.tasks)
            page.gauge("minion_tracker_peers", "Peers in them; a node is one in each of its tasks.", load.peers)
        }
        if let load = scheduler?.fleetLoad {
            page.gauge("minion_hosts", "Nodes that keep a link to this scheduler.", load.hosts)
            page.gauge("minion_seed_hosts", "Seeds among them.", load.seeds)
            page.gauge("minion_job_parts", "Parts of jobs that this scheduler does.", load.jobs)
        }
        if manager != nil { parts.append(("manager", managerCounts)) }
        page.requests(parts, timed: manager == nil ? nil : managerCounts)
        page.process()
        let response = Response(
            status: .ok, headers: [.contentType: MetricsPage.type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: page.text)))
        return method == .head ? response.createHeadResponse() : response
    }
}
