/// Runs jobs beside each other, and in the end waits for all of them.
final class Nursery: Sendable {
    private struct Job: Sendable {
        let executor: (any TaskExecutor)?
        let run: @Sendable () async -> Void
    }

    private let jobs: AsyncStream<Job>.Continuation
    private let task: Task<Void, Never>

    init() {
        let (stream, jobs) = AsyncStream<Job>.makeStream()
        self.jobs = jobs
        // Ended by `end`, which waits for it.
        task = Task {
            await withDiscardingTaskGroup { group in
                for await job in stream {
                    group.addTask(executorPreference: job.executor) { await job.run() }
                }
            }
        }
    }

    /// Runs a job soon. After `end` it is run no more.
    func add(on executor: (any TaskExecutor)? = nil, _ run: @escaping @Sendable () async -> Void) {
        jobs.yield(Job(executor: executor, run: run))
    }

    /// Returns when all jobs have returned; whoever calls it sees to it that they do.
    func end() async {
        jobs.finish()
        await task.value
    }
}
