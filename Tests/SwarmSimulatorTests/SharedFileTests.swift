import MinionCore
import Swarm
import SwarmSimulator
import Testing

/// Files that a host shares and no source has.
struct SharedFileTests {
    /// Host 0 shares 16 MiB with the others, which may not read a source unless told otherwise. Its link takes 1.4 s for
    /// the file.
    private func sharing(
        hosts: Int = 8, seed: UInt64, pieceSize: Int64 = 256 << 10, size: Int64 = 16 << 20, mayFetch: Bool = false,
        _ change: (inout Scenario) -> Void = { _ in }
    ) throws -> Scenario {
        var scenario = try swarm(hosts: hosts, size: size, pieceSize: pieceSize) { $0.seed = seed }
        scenario.source.isAbsent = true
        for index in 1..<hosts { scenario.hosts[index].canFetch = mayFetch }
        var held = HeldContent()
        held.isSigned = false
        scenario.hosts[0].holds = held
        change(&scenario)
        return scenario
    }

    private static let seeds = 1...20 as ClosedRange<UInt64>

    @Test(arguments: seeds) func everybodyGetsItFromTheSharer(seed: UInt64) throws {
        let report = run(try sharing(seed: seed))
        #expect(report.completed == 8)
        #expect(report.sourceStats == 0 && report.sourceCopies == 0)
        // With so few pieces, some leave the sharer twice before all have left it once.
        #expect(try #require(report.lastSeconds) < 3.5)
    }

    @Test(arguments: seeds) func thoseWhoCameFirstAreServedWhenTheSharerJoins(seed: UInt64) throws {
        let early = run(try sharing(seed: seed) { $0.hosts[0].start = .seconds(5) })
        #expect(early.completed == 8)
        #expect(try #require(early.lastSeconds) < 8.5)
        // One alone waits for three seconds before it gives up.
        let alone = run(try sharing(hosts: 2, seed: seed) { $0.hosts[0].start = .milliseconds(2500) })
        #expect(alone.completed == 2)
        #expect(try #require(alone.lastSeconds) < 4.2)
    }

    @Test(arguments: seeds) func nobodyAsksASourceForAURLThatIsShared(seed: UInt64) throws {
        let report = run(
            try sharing(seed: seed, mayFetch: true) { scenario in
                for index in 1..<8 { scenario.hosts[index].start = .milliseconds(200 * index) }
                scenario.tracker.faults = [Timed(.restarts, at: .milliseconds(1500))]
            })
        #expect(report.completed == 8)
        #expect(report.sourceStats == 0 && report.sourceCopies == 0)
    }

    @Test(arguments: seeds) func whatTheOthersHaveAmongThemOutlivesTheSharer(seed: UInt64) throws {
        let report = run(
            try sharing(seed: seed) { scenario in
                // It sends several copies, of which the others have hardly passed on anything when it goes.
                scenario.hosts[0].up = ByteRate(bytesPerSecond: 125e6)
                for index in 1..<8 { scenario.hosts[index].up = ByteRate(bytesPerSecond: 1e6) }
                scenario.hosts[0].faults = [Timed(seed % 2 == 0 ? .leaves : .dies, at: .milliseconds(1200))]
            })
        #expect(report.completed == 8)
        #expect(try #require(report.lastSeconds) > 1.5)
    }

    @Test(arguments: seeds) func whatIsLostWithTheSharerFailsTheOthers(seed: UInt64) throws {
        let fault = [HostFault.leaves, .dies, .vanishes][Int(seed) % 3]
        let report = run(
            try sharing(seed: seed) { scenario in
                scenario.hosts[0].faults = [Timed(fault, at: .milliseconds(500))]
                // Patience is 30 s; a connection to a host that has vanished takes 25 s to be given up.
                scenario.deadline = .seconds(fault == .vanishes ? 70 : 45)
            })
        #expect(report.completed == 1 && report.failed == 7)
    }

    @Test(arguments: seeds) func whatIsMissingComesWhenTheSharerIsBack(seed: UInt64) throws {
        let scenario = try sharing(seed: seed) { scenario in
            scenario.hosts[0].faults = [Timed(.dies, at: .milliseconds(500)), Timed(.restarts, at: .seconds(10))]
        }
        let report = run(scenario)
        #expect(report.completed == 8)
        #expect(try #require(report.lastSeconds) < 14)
    }

    @Test(arguments: seeds) func aSecondFileOfTheNameWaitsForTheFirst(seed: UInt64) throws {
        func scenario(_ change: (inout Scenario) -> Void) throws -> Scenario {
            try sharing(seed: seed) { scenario in
                scenario.source.faults = [Timed(.changes(size: 8 << 20), at: .milliseconds(100))]
                scenario.hosts[1].holds = HeldContent()
                scenario.hosts[1].holds?.version = 1
                change(&scenario)
            }
        }
        let late = run(try scenario { $0.hosts[1].start = .seconds(1) })
        #expect(late.completed == 7 && late.failed == 1)
        // Of the first, pieces are lost for good: the second takes its place.
        let successor = run(
            try scenario { scenario in
                scenario.hosts[0].faults = [Timed(.leaves, at: .milliseconds(500))]
                scenario.hosts[1].start = .seconds(3)
            })
        #expect(successor.completed == 8 && successor.failed == 0)
        #expect(try #require(successor.lastSeconds) < 6)
    }

    @Test(arguments: seeds) func aTrackerThatForgetsLearnsOfTheSharerAgain(seed: UInt64) throws {
        let report = run(
            try sharing(seed: seed) { scenario in
                scenario.tracker.faults = [Timed(.restarts, at: .milliseconds(700))]
                // Those who come later find nobody else who has it.
                for index in 4..<8 { scenario.hosts[index].start = .seconds(6) }
                for index in 1..<4 { scenario.hosts[index].faults = [Timed(.leaves, at: .seconds(5))] }
            })
        #expect(report.completed == 8)
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>) func aVerySlowLinkIsNotTakenForSilence(seed: UInt64) throws {
        let report = run(
            try sharing(hosts: 3, seed: seed, size: 4 << 20) { scenario in
                // A piece takes nine seconds, and two of them are asked of each neighbour, one after the other.
                scenario.hosts[2].down = ByteRate(bytesPerSecond: 30e3)
            })
        #expect(report.completed == 3)
    }

    @Test func manyUnsignedPiecesAreSigned() throws {
        let scenario = try sharing(hosts: 3, seed: 1, pieceSize: 64 << 10, size: 10_000 << 16)
        let report = run(scenario)
        #expect(report.pieces == 10_000)
        #expect(report.completed == 3)
        // Two copies of 625 MiB; with what each gets from the other, the sharer's uplink carries little more than one.
        #expect(try #require(report.lastSeconds) < 75)
    }

    @Test func aHundredGetItFromOneAlmostAsFastAsFromASource() throws {
        let scenario = try sharing(hosts: 101, seed: 1, size: 64 << 20)
        let report = run(scenario)
        #expect(report.completed == 101)
        // In the order of their arrival, requests for the same pieces make it 2.35.
        #expect(try #require(report.ratioToBound) < 1.8)
    }

    @Test("whatever goes wrong, the invariants hold", arguments: Array(stride(from: UInt64(1), to: 201, by: 20)))
    func invariantsHold(first: UInt64) {
        for seed in first..<first + 20 {
            let simulation = Simulation(.randomShared(seed: seed), isChecked: true)
            let report = simulation.run()
            if let violation = simulation.violations.first { Issue.record("\(violation); seed \(seed)") }
            #expect(report.sourceCopies == 0)
        }
    }
}

/// Hosts that have everything from the start, beside a source.
struct HeldContentTests {
    private static let seeds = 1...20 as ClosedRange<UInt64>

    /// Host 0 holds something; the others come after two seconds.
    private func swarm(seed: UInt64, _ change: (inout Scenario) -> Void) throws -> Scenario {
        var scenario = try SwarmSimulatorTests.swarm(hosts: 8) { $0.seed = seed }
        scenario.hosts[0].holds = HeldContent()
        scenario.hosts[0].isSeed = true
        for index in 1..<8 { scenario.hosts[index].start = .seconds(2) }
        change(&scenario)
        return scenario
    }

    @Test(arguments: seeds, [true, false]) func nothingLeavesTheSource(seed: UInt64, isFresh: Bool) throws {
        let report = run(
            try swarm(seed: seed) { scenario in
                scenario.hosts[0].holds?.freshSeconds = isFresh ? nil : 0
                scenario.hosts[0].holds?.isSigned = seed % 2 == 0
            })
        #expect(report.completed == 8)
        #expect(report.sourceCopies == 0)
        #expect(report.sourceStats == (isFresh ? 0 : 1))
    }

    @Test(arguments: seeds) func anOldVersionIsNotOffered(seed: UInt64) throws {
        let report = run(
            try swarm(seed: seed) { scenario in
                scenario.hosts[0].holds?.freshSeconds = 0
                scenario.source.faults = [Timed(.changes(size: 12 << 20), at: .seconds(1))]
            })
        #expect(report.completed == 8 && report.failed == 0)
        #expect(report.sourceStats == 1)
        #expect(report.sourceCopies < 1)
    }

    @Test(arguments: seeds) func whoComesWithAnOldVersionIsTold(seed: UInt64) throws {
        let report = run(
            try swarm(seed: seed) { scenario in
                scenario.source.faults = [Timed(.changes(size: 12 << 20), at: .seconds(1))]
                scenario.hosts[0].start = .milliseconds(2500)
            })
        #expect(report.completed == 7 && report.failed == 1)
    }

    @Test(arguments: seeds) func whatIsNotWholeIsNotOffered(seed: UInt64) throws {
        let report = run(try swarm(seed: seed) { $0.hosts[0].holds?.lacks = 1 })
        #expect(report.completed == 7 && report.failed == 1)
        #expect(report.sourceCopies > 0.9 && report.sourceCopies < 1.1)
    }

    @Test(arguments: seeds) func withoutATrackerItServesOn(seed: UInt64) throws {
        let report = run(
            try swarm(seed: seed) { scenario in
                scenario.tracker.faults = [Timed(.closes, at: .milliseconds(2500)), Timed(.recovers, at: .seconds(20))]
            })
        #expect(report.completed == 8)
        #expect(report.sourceCopies == 0)
    }
}
