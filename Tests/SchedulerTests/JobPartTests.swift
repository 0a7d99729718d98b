import Fleet
import MinionCore
import Scheduler
import Swarm
import Synchronization
import Testing
import Wire

@Suite(.timeLimit(.minutes(1)))
struct JobPartTests {
    private func preheat(_ id: String, _ scope: PreheatWork.Scope = .singleSeedPeer) -> JobPart {
        var work = PreheatWork(urls: ["http://host/a"])
        work.scope = scope
        return JobPart(id: id, work: .preheat(work), timeoutSeconds: 30)
    }

    /// Reports until the host has an order.
    private func order(
        for id: UInt64, knowing news: HostNews, of scheduler: TestScheduler
    ) async throws -> HostOrder {
        while true {
            let reply = try await scheduler.hostReply(hostReport(knowing: news, wait: 5), id: id)
            if let order = reply.orders.first { return order }
        }
    }

    @Test func aPreheatIsDoneByASeed() async throws {
        let manager = FakeManager()
        try await withFleet(manager) { scheduler in
            let news = try await scheduler.join(1, isSeed: true)
            try await scheduler.join(2)
            manager.change { $0.jobs = [self.preheat("task_1")] }
            let order = try await self.order(for: 1, knowing: news, of: scheduler)
            guard case .fetch(let fetch) = order.action else { return #expect(Bool(false)) }
            #expect(fetch.url == "http://host/a")
            #expect(fetch.timeoutSeconds > 20)
            var progress = OrderProgress(id: order.id, state: .running)
            (progress.bytes, progress.size) = (5, 10)
            _ = try await scheduler.hostReply(hostReport(knowing: news, progress: [progress]), id: 1)
            #expect(try await manager.waits { $0.parts["task_1"]?.bytes == 5 })
            #expect(manager.state.withLock { $0.parts["task_1"]?.bytesExpected } == 10)
            // What ends while the manager is away is told when it is back.
            manager.change { $0.isAway = true }
            progress.state = .succeeded
            progress.bytes = 10
            let last = try await scheduler.hostReply(hostReport(knowing: news, progress: [progress]), id: 1)
            #expect(last.orders.isEmpty)
            #expect(try await scheduler.log.waits(for: "job ended", "task_1"))
            manager.change { $0.isAway = false }
            #expect(try await manager.waits { $0.parts["task_1"]?.state == .succeeded })
            let results = manager.state.withLock { $0.parts["task_1"]?.results }
            #expect(results?.map(\.hostName) == ["h1"])
            #expect(results?.map(\.address) == ["127.0.0.1"])
            #expect(try await manager.waits { $0.openParts.isEmpty })
        }
    }

    @Test func withoutASeedAPreheatFails() async throws {
        let manager = FakeManager()
        try await withFleet(manager) { scheduler in
            try await scheduler.join(2)
            manager.change { $0.jobs = [self.preheat("task_1")] }
            #expect(try await manager.waits { $0.parts["task_1"]?.state == .failed })
            #expect(
                manager.state.withLock { $0.parts["task_1"]?.error }
                    == "cluster 7 scheduler 127.0.0.1 no available seed peer")
        }
    }

    @Test func aWithdrawnPartIsTakenBack() async throws {
        let manager = FakeManager()
        try await withFleet(manager) { scheduler in
            let news = try await scheduler.join(1, isSeed: true)
            manager.change { $0.jobs = [self.preheat("task_1", .allPeers)] }
            let order = try await self.order(for: 1, knowing: news, of: scheduler)
            manager.change { $0.withdrawn = ["task_1"] }
            let progress = [OrderProgress(id: order.id, state: .running)]
            var isThere = true
            while isThere {
                let reply = try await scheduler.hostReply(hostReport(knowing: news, wait: 5, progress: progress), id: 1)
                isThere = !reply.orders.isEmpty
            }
            #expect(try await manager.waits { $0.openParts.isEmpty })
        }
    }

    @Test func hostsOfATaskAreFoundAndToldToRemoveIt() async throws {
        let manager = FakeManager()
        let task = makeTask()
        try await withFleet(manager) { scheduler in
            let news = try await scheduler.join(1, port: 7001)
            try await scheduler.join(2, port: 7002)
            let layout = try #require(PieceLayout(size: 1 << 20, pieceSize: 1 << 18))
            for port in [7001, 7009] {
                var report = joining(port: port)
                report.version = TaskVersion(validator: "v", layout: layout)
                report.have = "0f"
                _ = try await scheduler.report(report, from: PeerID(UInt64(port)), task: task)
            }
            let find = JobPart(id: "task_f", work: .findTask(task: task.hex), timeoutSeconds: 30)
            let nothing = JobPart(id: "task_n", work: .findTask(task: "nonsense"), timeoutSeconds: 30)
            manager.change { $0.jobs = [find, nothing] }
            #expect(try await manager.waits { $0.parts["task_f"]?.state == .succeeded })
            let holders = manager.state.withLock { $0.parts["task_f"]?.holders ?? [] }
            #expect(holders.map(\.hostName) == ["h1"])
            #expect(holders.map(\.isFinished) == [true])
            #expect(try await manager.waits { $0.parts["task_n"]?.holders.isEmpty == true })

            let delete = JobPart(id: "task_d", work: .deleteTask(task: task.hex), timeoutSeconds: 30)
            manager.change { $0.jobs = [delete] }
            let order = try await self.order(for: 1, knowing: news, of: scheduler)
            #expect(order.action == .delete(task: task.hex))
            var progress = OrderProgress(id: order.id, state: .failed)
            progress.message = "it is in use"
            _ = try await scheduler.hostReply(hostReport(knowing: news, progress: [progress]), id: 1)
            progress.id = "task_d/0/2"
            _ = try await scheduler.hostReply(hostReport(knowing: news, progress: [progress]), id: 1)
            #expect(try await manager.waits { $0.parts["task_d"]?.state == .succeeded })
            #expect(manager.state.withLock { $0.parts["task_d"]?.results.map(\.failure) } == ["it is in use"])
        }
    }
}
