import HTTPFront
import Hummingbird
import Manager
import Scheduler

/// Answers on the one port: what is the scheduler's goes to it at once, everything else to the manager.
struct ServerResponder: HTTPResponder {
    typealias Context = FrontContext

    let scheduler: SchedulerResponder?
    let manager: ManagerResponder?

    func respond(to request: Request, context: FrontContext) async throws -> Response {
        guard let scheduler else {
            return try await manager?.respond(to: request, context: context) ?? Response(status: .notFound)
        }
        guard let manager, !SchedulerResponder.owns(request.uri.path) else {
            return try await scheduler.respond(to: request, context: context)
        }
        return try await manager.respond(to: request, context: context)
    }
}
