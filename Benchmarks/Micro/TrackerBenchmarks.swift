import MinionCore
import Swarm

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the tracker's rules cost; its sockets and its JSON are not in it.
enum TrackerBenchmarks {
    static let speed = [(1000, 1), (50_000, 50), (50_000, 1)].map { peers, tasks in
        Benchmark("tracker, \(peers) peers of \(tasks) \(tasks == 1 ? "task" : "tasks")", .perSecond) {
            var population = Population(peers: peers, tasks: tasks)
            return {
                for _ in 0..<100 { population.report() }
                return 100
            }
        }
    }

    static let memory = [
        Benchmark("tracker, memory of a peer", .bytes) {
            let peers = 50_000
            let before = residentBytes()
            let population = Population(peers: peers, tasks: 50)
            let grown = residentBytes() - before
            consume(population)
            return Double(grown) / Double(peers)
        }
    ]

    /// Peers in the middle of their downloads, that report in turn, each every two seconds of virtual time; so the
    /// tracker's regular look at all of them has its true share.
    private struct Population {
        private var tracker = Tracker(seed: 3)
        private let tasks: [TaskID]
        private let peers: Int
        private var reports: [PeerReport] = []
        private var next = 0
        private var now = Instant.zero

        init(peers: Int, tasks count: Int) {
            self.peers = peers
            var random = SeededGenerator(seed: 3)
            tasks = (0..<count).map { number in
                let hex = Samples.peer(number).hex
                guard let task = TaskID(hex: hex + hex + hex + hex) else { preconditionFailure("64 digits") }
                return task
            }
            let version = Samples.version(pieces: 1024)
            reports = (0..<64).map { _ in
                var report = PeerReport()
                report.version = version
                report.have = Hex.text(Samples.pieces(1024, part: 0.5, &random).bytes)
                report.wantsNeighbours = 4
                report.uplink = 125e6
                return report
            }
            for number in 0..<peers {
                // A name of its own for each, as every one comes in a message of its own.
                let resource = "https://host.example/images/disk-\(number % count).img"
                report(introduction: Samples.introduction(of: number, resource: resource))
            }
            precondition(tracker.resources.count == count, "the tracker has not taken all tasks")
        }

        mutating func report(introduction: PeerIntroduction? = nil) {
            var report = reports[next % reports.count]
            report.introduction = introduction
            report.secret = Samples.secret(of: next)
            now = now + .nanoseconds(2_000_000_000 / Int64(peers))
            let event = TrackerEvent.report(
                report, from: Samples.peer(next), task: tasks[next % tasks.count], ticket: UInt64(next))
            let actions = tracker.handle(event, at: now)
            precondition(!actions.isEmpty, "a report that may not wait has no answer")
            next = (next + 1) % peers
        }
    }

    /// What the process holds in memory; 0 where the system has no such file.
    private static func residentBytes() -> Int {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return 0 }
        for line in status.split(separator: "\n") where line.hasPrefix("VmRSS:") {
            return line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) }.map { $0 * 1024 } ?? 0
        }
        return 0
    }
}
