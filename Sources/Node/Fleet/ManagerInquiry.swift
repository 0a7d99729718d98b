package import Fleet
import MinionCore
package import NIOCore

/// A question to managers, and the answer of the first that has one.
package final class ManagerInquiry: Sendable {
    /// What a manager answered.
    package struct Reading: Sendable {
        /// Its base URL.
        package var manager: String
        package var answer: RouteAnswer
        /// What it took.
        package var duration: Duration

        package init(manager: String, answer: RouteAnswer, duration: Duration) {
            self.manager = manager
            self.answer = answer
            self.duration = duration
        }
    }

    static let path = "/internal/v1/route"

    private let client: DirectClient

    /// For those who have no node. `shutdown` has to be called in the end. For `certificateFile` see `SourceOptions`.
    package convenience init(group: any EventLoopGroup, certificateFile: String? = nil) {
        self.init(DirectClient(group: group, certificateFile: certificateFile))
    }

    init(_ client: DirectClient) { self.client = client }

    package func shutdown() async { await client.shutdown() }

    /// How long a server takes to say that it is well. Throws `FleetError` and `CancellationError`.
    package func health(of server: String, limit: Duration = .seconds(5)) async throws -> Duration {
        let start = SteadyClock.now
        try await FleetExchange(client: client, token: "").look(server, at: "/healthz", limit: limit)
        return SteadyClock.now - start
    }

    /// Asks the managers, base URLs, one after the other, until one answers. Throws `FleetError`, which tells of all, and
    /// `CancellationError`.
    package func route(
        _ question: RouteQuestion, managers: [String], token: String, limit: Duration = .seconds(3)
    ) async throws -> Reading {
        let exchange = FleetExchange(client: client, token: token)
        var errors: [FleetError] = []
        for manager in managers {
            do {
                let start = SteadyClock.now
                let answer: RouteAnswer = try await exchange.ask(question, of: manager, at: Self.path, limit: limit)
                return Reading(manager: manager, answer: answer, duration: SteadyClock.now - start)
            } catch let error as FleetError {
                errors.append(error)
            }
        }
        let kind = errors.allSatisfy { $0.kind == .refused } ? .refused : errors.first?.kind ?? .unreachable
        throw FleetError(kind, errors.map(\.message).joined(separator: "; "))
    }
}

extension RouteAnswer {
    /// The schedulers that a task's trackers are, in the order in which they are to be asked: the best cluster's first.
    package func trackers(of task: String) -> [String] {
        var trackers: [String] = []
        for cluster in clusters {
            for scheduler in SchedulerRing.order(of: cluster.schedulers, for: task) where !trackers.contains(scheduler)
            {
                trackers.append(scheduler)
            }
        }
        return trackers
    }
}
