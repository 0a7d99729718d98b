import MinionCore
import NIOPosix
import PieceStore
import Swarm

/// What a node does for its cache.
extension MinionNode {
    /// Serves what the cache has complete, and tells the node's trackers. Returns when all of it is served. To be called
    /// after a start; what is downloaded later is served without it.
    package func announceCache() async {
        guard let cache = services.cache, services.configuration.mayUpload else { return }
        let entries = (try? await services.pool.runIfActive { cache.list() }) ?? []
        var seen: Set<TaskID> = []
        for entry in entries where entry.isComplete && seen.insert(entry.task).inserted {
            let isServed = services.desk.serving(entry.task)?.order.trackers.isEmpty == false
            guard !isServed, !services.trackers(for: entry.task).isEmpty, services.mayUpload(entry.label),
                let (run, pin) = await begin(entry.task, in: cache)
            else { continue }
            await run.life.settled.wait()
            // Let go only now, so that the run need not open it a second time.
            withExtendedLifetime(pin) {}
        }
    }

    /// Nil if it is not complete after all, or is being asked for just now.
    private func begin(_ task: TaskID, in cache: ContentCache) async -> (TaskRun, ContentPin)? {
        // What cannot be used is told by the cache itself.
        guard let found = try? await services.pool.runIfActive({ try cache.complete(task) }) else { return nil }
        let pin = ContentPin(found, services.intake)
        let version = TaskVersion(found.version, at: services.wallClock())
        let content = CachedContent(pin, of: cache, version: version, intake: services.intake)
        let order = RunOrder(content, of: task, label: found.label, trackers: services.trackers(for: task))
        let run = TaskRun(order, reception)
        guard services.desk.serve(run) == .begun else { return nil }
        reception.start(run)
        return (run, pin)
    }

    /// Evicts what is too old or too much, and serves no more what the cache no longer has. Happens by itself every
    /// minute.
    package func tidy() async {
        guard let cache = services.cache else { return }
        let complete = try? await services.pool.runIfActive {
            cache.evict()
            return Set(cache.list().lazy.filter(\.isComplete).map(\.task))
        }
        guard let complete else { return }
        for run in services.desk.serving where run.servesCache && !complete.contains(run.task) {
            run.stop(removingFile: false)
        }
    }
}
