import MinionCore
import SwarmSimulator
import Testing

struct RandomScenarioTests {
    static let seedsPerCase: UInt64 = 25

    @Test("whatever goes wrong, the invariants hold", arguments: Array(stride(from: UInt64(1), to: 501, by: 25)))
    func invariantsHold(first: UInt64) {
        for seed in first..<first + Self.seedsPerCase {
            let simulation = Simulation(.random(seed: seed), isChecked: true)
            _ = simulation.run()
            guard let violation = simulation.violations.first else { continue }
            Issue.record("\(violation); replay: minion simulate --scenario random --seed \(seed) --check")
        }
    }

    @Test func aRunDependsOnNothingButItsScenario() {
        for seed in [3, 18, 119, 296] as [UInt64] {
            #expect(Simulation(.random(seed: seed)).run() == Simulation(.random(seed: seed), isChecked: true).run())
        }
    }

    @Test func theSeedsCoverWhatCanGoWrong() {
        let scenarios = (UInt64(1)...500).map { Scenario.random(seed: $0) }
        #expect(scenarios.contains { $0.size == 0 })
        #expect(scenarios.contains { $0.size > 0 && $0.layout?.count == 1 })
        #expect(scenarios.contains { $0.hosts.count == 1 })
        #expect(scenarios.contains { $0.hosts.count >= 35 })
        #expect(scenarios.contains { ($0.layout?.count ?? 0) > 200 })
        for fault in [HostFault.dies, .vanishes, .leaves, .restarts, .stalls, .recovers] {
            #expect(scenarios.contains { $0.hosts.contains { $0.faults.contains { $0.what == fault } } }, "\(fault)")
        }
        #expect(scenarios.contains { $0.hosts.contains(where: \.lies) })
        #expect(scenarios.contains { $0.hosts.contains(where: \.corrupts) })
        #expect(scenarios.contains { $0.hosts.contains(where: \.inOrder) })
        #expect(scenarios.contains { $0.hosts.contains { !$0.canFetch } })
        #expect(scenarios.contains { $0.hosts.contains { !$0.canUpload } })
        #expect(scenarios.contains { !$0.source.hasRanges })
        #expect(scenarios.contains { !$0.source.hasLength })
        #expect(scenarios.contains { $0.tracker.faults.contains { $0.what == .restarts } })
        #expect(scenarios.contains { $0.tracker.faults.contains { $0.what == .hangs } })
        #expect(scenarios.contains { $0.hosts.allSatisfy(\.faults.isEmpty) && $0.source.faults.isEmpty })
    }
}

/// The checks must be able to fail.
struct CheckTests {
    @Test func aHostThatIsNotDoneInTimeIsNoticed() throws {
        var scenario = try swarm()
        scenario.deadline = .seconds(1)
        let simulation = Simulation(scenario, isChecked: true)
        _ = simulation.run()
        #expect(simulation.violations.contains { $0.contains("has not finished") })
        #expect(simulation.explanation().contains("host 0: running"))
    }

    @Test func aHostThatNobodyCanHelpIsNotExpectedToFinish() throws {
        var scenario = try swarm(hosts: 2)
        for index in scenario.hosts.indices { scenario.hosts[index].canFetch = false }
        let report = run(scenario)
        #expect(report.completed == 0)
        #expect(report.failed == 2)
    }
}
