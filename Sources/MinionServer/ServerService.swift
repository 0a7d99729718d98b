package import HTTPFront
package import Logging
package import Manager
package import ManagerStore
import MinionCore
package import Scheduler
import ServiceLifecycle

/// What a server is to its users.
package enum Role: String, CaseIterable, Sendable {
    /// Accounts, clusters, jobs: the REST interface.
    case manager
    /// The tracker, which lets machines find each other.
    case scheduler
}

/// The server as a service: the roles that it has, on one port.
package struct ServerService: Service {
    package var roles: Set<Role> = Set(Role.allCases)
    package var front = FrontConfiguration()
    package var scheduler = SchedulerConfiguration()
    package var manager = ManagerConfiguration()
    /// How the scheduler belongs to a cluster.
    package var fleet = FleetOptions()
    /// Of a server with the role `manager`.
    package var store: StoreConfiguration?
    package var logger: Logger
    /// Called once, when all addresses are being listened on, with the ports that they got.
    package var onListening: @Sendable (ListeningEndpoints) -> Void = { _ in }

    package init(logger: Logger) { self.logger = logger }

    /// Runs until the group stops. Throws what keeps it from starting: `SchedulerError`, `StoreError`, `ManagerError`,
    /// `FrontError`.
    package func run() async throws {
        guard roles.contains(.manager), let store else { return try await serve(manager: nil) }
        let open = try await Store.open(store, logger: logger)
        do {
            try await run(on: open)
        } catch {
            await open.close()
            throw error
        }
        await open.close()
    }

    private func run(on store: Store) async throws {
        var configuration = manager
        configuration.serverIP = OwnAddresses.pair
        let manager = try await Manager(configuration, store: store, logger: logger)
        do {
            try await run(manager)
        } catch {
            await manager.shutDown()
            throw error
        }
        await manager.shutDown()
    }

    private func run(_ manager: Manager) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await manager.run() }
            do {
                try await serve(manager: manager)
            } catch {
                group.cancelAll()
                throw error
            }
            // Nothing is answered any more: now the audit can be written to its end.
            group.cancelAll()
        }
    }

    private func serve(manager: Manager?) async throws {
        var configuration = scheduler
        configuration.fleet = link(to: manager).map(fleet.configuration)
        let tracker = roles.contains(.scheduler) ? try await SchedulerResponder(configuration, logger: logger) : nil
        let responder = ServerResponder(scheduler: tracker, manager: manager.map(ManagerResponder.init))
        let front = HTTPFront(configuration: front, responder: responder, logger: logger) { connection in
            tracker?.connectionClosed(connection)
        }
        let (listening, source) = AsyncStream.makeStream(of: ListeningEndpoints.self)
        defer { source.finish() }
        async let reporting: Void? = tracker?.runFleet(on: listening)
        try await front.run { endpoints in
            source.yield(endpoints)
            var metadata: Logger.Metadata = [
                "address": "\(endpoints.all.map(\.description).joined(separator: ","))",
                "roles": "\(roles.map(\.rawValue).sorted().joined(separator: ","))", "version": "\(scheduler.version)",
            ]
            if let tracker { metadata["key"] = "\(tracker.publicKeyHex)" }
            logger.info("server started", metadata: metadata)
            onListening(endpoints)
        } onStopping: {
            tracker?.stop()
        }
        source.finish()
        // The last report says good-bye.
        _ = await reporting
        logger.info("server stopped")
    }

    /// The scheduler's way to its manager, if it has one.
    private func link(to manager: Manager?) -> (any ManagerLink)? {
        guard roles.contains(.scheduler) else { return nil }
        if manager == nil, !fleet.managers.isEmpty {
            return HTTPManagerLink(managers: fleet.managers, token: fleet.joinToken)
        }
        return manager.map { manager in
            OwnManagerLink { try await manager.fleet.receive($0, from: "127.0.0.1", identity: .own) }
        }
    }
}

extension ServerService: CustomStringConvertible {
    /// What logs call it. Its members have secrets among them.
    package var description: String { "server" }
}
