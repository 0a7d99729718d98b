import Logging
import ManagerStore

/// Removes what need not be kept any more, now and then: records of calls and jobs by the configuration `gc`, and
/// sessions that have ended.
struct Retention: Sendable {
    private static let firstPause = Duration.seconds(600)
    private static let sessionInterval = Duration.seconds(3600)
    /// Sessions can be renewed for a while after they expire.
    private static let sessionAge = Duration.seconds(14 * 86_400)

    /// How long it is remembered which processes an operator removed, after they last asked.
    private static let removalAge = Duration.seconds(30 * 86_400)

    let store: Store
    let jobs: JobService
    let logger: Logger

    /// Runs until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            for garbage in Garbage.allCases {
                group.addTask {
                    await repeating(every: garbage.interval) {
                        let job = try await jobs.collect(garbage, byHand: false)
                        logger.info(
                            "old rows removed", metadata: ["kind": "\(garbage)", "result": "\(job.job.result)"])
                    }
                }
            }
            group.addTask {
                await repeating(every: Self.sessionInterval) {
                    _ = try await store.write { store in
                        _ = try store.removedInstances.purge(before: store.now.advanced(by: .zero - Self.removalAge))
                        return try store.sessions.purge(before: store.now.advanced(by: .zero - Self.sessionAge))
                    }
                }
            }
        }
    }

    private func repeating(every interval: Duration, _ body: () async throws -> Void) async {
        // Not at once: a manager that starts again and again would do little else.
        var pause = Self.firstPause
        while true {
            try? await Task.sleep(for: pause)
            guard !Task.isCancelled else { return }
            pause = interval
            do {
                try await body()
            } catch {
                logger.warning("cannot remove old rows", metadata: ["error": "\(error)"])
            }
        }
    }
}
