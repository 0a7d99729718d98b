import Fleet
import Testing

@Suite struct SchedulerRingTests {
    private let schedulers = (1...5).map { "http://10.0.0.\($0):8080" }
    private let keys = (0..<10_000).map { "task-\($0)" }

    @Test func eachSchedulerIsFirstForAnEqualPart() {
        var counts: [String: Int] = [:]
        for key in keys { counts[SchedulerRing.order(of: schedulers, for: key)[0], default: 0] += 1 }
        for scheduler in schedulers { #expect(abs((counts[scheduler] ?? 0) - 2000) < 200) }
    }

    @Test func onlyTheTasksOfOneThatGoesMove() {
        let rest = Array(schedulers.dropLast())
        for key in keys {
            let before = SchedulerRing.order(of: schedulers, for: key)
            #expect(SchedulerRing.order(of: rest, for: key) == before.filter { $0 != schedulers[4] })
        }
    }

    @Test func theOrderDoesNotDependOnHowTheyAreListed() {
        for key in keys.prefix(100) {
            let order = SchedulerRing.order(of: schedulers, for: key)
            #expect(SchedulerRing.order(of: schedulers.reversed(), for: key) == order)
            #expect(order.sorted() == schedulers.sorted())
        }
    }
}
