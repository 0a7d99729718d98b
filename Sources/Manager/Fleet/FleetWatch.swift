import Fleet
import Logging
import ManagerStore

/// Looks each second whether schedulers have fallen silent and parts of jobs are overdue. Several managers may do so at the
/// same time.
final class FleetWatch: Sendable {
    private static let interval = Duration.seconds(1)
    /// Silence that a manager has not listened to says nothing: after it starts, and after it was held up or could not reach
    /// the store, schedulers have so long to report.
    private static let patience = Duration.seconds(5)

    private let fleet: FleetService
    private let logger: Logger

    init(_ fleet: FleetService, logger: Logger) {
        self.fleet = fleet
        self.logger = logger
    }

    /// Runs until the task is cancelled.
    func run() async {
        var listensSince = ContinuousClock.now
        var lastLook = listensSince
        var lastTraffic = listensSince
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            guard !Task.isCancelled else { break }
            let now = ContinuousClock.now
            if now - lastLook > Self.interval * 3 { listensSince = now }
            do {
                if now - lastTraffic >= FleetService.trafficInterval {
                    lastTraffic = now
                    try await fleet.writeTraffic()
                }
                try await fleet.look(atSchedulers: now - listensSince >= Self.patience)
                lastLook = now
            } catch is CancellationError {
                break
            } catch {
                logger.warning("cannot look after the fleet", metadata: ["error": "\(error)"])
            }
        }
        // A cancelled task could not wait for the store.
        await Task { try? await fleet.writeTraffic() }.value
    }
}

extension FleetService {
    /// Notes which schedulers have fallen silent, and which parts of jobs have failed for want of somebody who does them.
    package func look(atSchedulers: Bool) async throws {
        let isDue = try await store.read { store in
            let now = try store.commonTime()
            if atSchedulers, try !store.schedulers.silent(now: now).isEmpty { return true }
            return try !Self.overdue(store, now).isEmpty
        }
        guard isDue else { return }
        let silent = try await store.write { store -> [Scheduler] in
            let now = try store.commonTime()
            let silent = atSchedulers ? try store.schedulers.silent(now: now) : []
            for scheduler in silent { try store.schedulers.deactivate(scheduler.id) }
            var jobs: Set<Int64> = []
            for (part, reason) in try Self.overdue(store, now) {
                try store.jobParts.note(part.id, .failure, error: reason)
                jobs.insert(part.jobID)
            }
            for job in jobs.sorted() { try JobResults.refresh(job, store) }
            return silent
        }
        for scheduler in silent {
            logger.warning(
                "scheduler fell silent",
                metadata: [
                    "scheduler": "\(scheduler.id)", "host": "\(scheduler.hostName)", "address": "\(scheduler.ip)",
                ])
        }
    }

    private static func overdue(_ store: Transaction, _ now: Timestamp) throws -> [(StoredPart, String)] {
        let parts = try store.jobParts.unfinished()
        guard !parts.isEmpty else { return [] }
        let receivers = try store.schedulers.find(Set(parts.map(\.schedulerID)))
        return parts.compactMap { part in
            let isHeld = part.leaseUntil.map { $0 > now } ?? false
            if part.dueAt <= now {
                return (part, "not done within the job's timeout")
            }
            if part.attempts >= attempts, !isHeld {
                return (part, "given up: \(attempts) times a scheduler took it and was lost")
            }
            guard part.schedulerID != 0, !isHeld else { return nil }
            // One that is only restarted does what it was to do.
            let isGone = receivers[part.schedulerID].map {
                $0.state != .active && now.duration(since: $0.lastKeepAliveAt ?? .unset) > lease
            }
            return isGone ?? true ? (part, "the scheduler that was to do it has gone") : nil
        }
    }
}
