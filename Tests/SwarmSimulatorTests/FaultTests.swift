import MinionCore
import SwarmSimulator
import Testing

/// Each fault by itself, in a swarm of twelve that would be done after about two seconds.
struct FaultTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var faults: String
        var completed = 12
        /// Seconds until the last host.
        var seconds: Double
        /// Files that leave the source.
        var copies: Double

        var testDescription: String { faults }
    }

    static let cases: [Case] = [
        Case(faults: "die=3@500ms", completed: 9, seconds: 5, copies: 1.4),
        Case(faults: "vanish=3@500ms", completed: 9, seconds: 16, copies: 1.4),
        Case(faults: "leave=3@500ms", completed: 9, seconds: 4, copies: 1.4),
        Case(faults: "restart=3@500ms+1s", seconds: 5, copies: 1.4),
        Case(faults: "stall=2@500ms", seconds: 18, copies: 1.5),
        Case(faults: "lie=2", seconds: 4, copies: 1.3),
        Case(faults: "corrupt=2", seconds: 4, copies: 1.4),
        Case(faults: "source-fail@0s+3s", seconds: 9, copies: 1.1),
        Case(faults: "source-fail@500ms+3s", seconds: 10, copies: 1.5),
        Case(faults: "source-slow=10@500ms", seconds: 12, copies: 1.1),
        Case(faults: "source-change@500ms", seconds: 6, copies: 1.6),
        Case(faults: "no-ranges", seconds: 6, copies: 1.1),
        Case(faults: "no-length", seconds: 6, copies: 1.1),
        Case(faults: "tracker-restart@500ms", seconds: 4, copies: 1.4),
        Case(faults: "tracker-down@500ms+2s", seconds: 10, copies: 2),
        // Nobody vouches for pieces any more, so everyone reads the source: as slow as without peers.
        Case(faults: "tracker-down@500ms", seconds: 20, copies: 12),
        Case(faults: "tracker-down", seconds: 24, copies: 12.1),
        Case(faults: "tracker-hang", seconds: 32, copies: 12.1),
    ]

    @Test("everybody whose process lives gets the file", arguments: cases)
    func fault(item: Case) throws {
        let report = run(try swarm(faults: item.faults))
        #expect(report.completed == item.completed)
        #expect(report.failed == 0)
        #expect(try #require(report.lastSeconds) < item.seconds)
        #expect(report.sourceCopies < item.copies)
    }

    @Test func whenTheSourceRefusesEverybodySaysSo() throws {
        let report = run(try swarm(faults: "source-refuse"))
        #expect(report.failed == 12)
        #expect(report.sourceCopies == 0)
    }

    @Test func whenTheSourceRefusesHalfWayNobodyHangs() throws {
        let report = run(try swarm(faults: "source-refuse@500ms"))
        #expect(report.completed + report.failed == 12)
    }

    @Test func aLateHostGetsEverythingFromPeers() throws {
        let report = run(
            try swarm {
                $0.lateHosts = 1
                $0.lateBy = .seconds(30)
            })
        #expect(report.completed == 12)
        #expect(report.sourceCopies < 1.01)
        // Its own link takes 1.4 s for the file.
        #expect(try #require(report.lastSeconds) < 32)
    }

    @Test func slowHostsDoNotHoldUpTheOthers() throws {
        let report = run(try swarm { $0.slowHosts = 2 })
        #expect(report.completed == 12)
        // A slow host's own link would take 14 s; what only it has keeps the others waiting for a part of that.
        #expect(try #require(report.medianSeconds) < 9)
    }

    @Test func hostsThatMayNotReadTheSourceGetEverythingFromOneThatMay() throws {
        var scenario = try swarm()
        for index in 1..<12 { scenario.hosts[index].canFetch = false }
        let report = run(scenario)
        #expect(report.completed == 12)
        #expect(report.sourceCopies <= 1.01)
    }

    @Test func hostsThatDoNotUploadAreServedByThoseWhoDo() throws {
        var scenario = try swarm()
        for index in 0..<6 { scenario.hosts[index].canUpload = false }
        let report = run(scenario)
        #expect(report.completed == 12)
        // What is leased to a host that does not upload has to be read again for the others.
        #expect(report.sourceCopies < 3.2)
    }

    @Test func readersInOrderFinish() throws {
        var scenario = try swarm()
        for index in scenario.hosts.indices { scenario.hosts[index].inOrder = true }
        #expect(run(scenario).completed == 12)
    }

    @Test(
        "a file smaller than a piece, or empty",
        arguments: [0, 1, (256 << 10) - 1, 256 << 10, (256 << 10) + 1] as [Int64])
    func smallFiles(size: Int64) throws {
        let report = run(try swarm(size: size))
        #expect(report.completed == 12)
        #expect(report.sourceCopies <= 1)
        #expect(try #require(report.lastSeconds) < 1)
    }
}
