import MinionCore
import SwarmSimulator
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct OptionsTests {
    struct Nonsense: Sendable {
        var reason: String
        var change: @Sendable (inout SimulationOptions) -> Void

        init(_ reason: String, _ change: @escaping @Sendable (inout SimulationOptions) -> Void) {
            self.reason = reason
            self.change = change
        }
    }

    @Test(
        "nonsense is refused with a reason",
        arguments: [
            Nonsense("number of hosts") { $0.hosts = 0 },
            Nonsense("number of hosts") { $0.hosts = 100_001 },
            Nonsense("more slow hosts") { $0.slowHosts = 17 },
            Nonsense("more slow hosts") { $0.slowHosts = -1 },
            Nonsense("more late hosts") { $0.lateHosts = 17 },
            Nonsense("rate") { $0.up = [] },
            Nonsense("delay") { $0.delay = .seconds(61) },
            Nonsense("neighbours") { $0.neighbours = 0 },
            Nonsense("upload slots") { $0.uploadSlots = 0 },
        ])
    func nonsense(item: Nonsense) throws {
        var options = SimulationOptions()
        item.change(&options)
        let error = #expect(throws: SimulationOptionsError.self) { try options.scenario() }
        #expect(error?.message.contains(item.reason) == true)
    }

    @Test func piecesOfWrongSizeAreRefused() throws {
        var options = SimulationOptions()
        options.pieceSize = ByteSize(1000)
        #expect(throws: SimulationOptionsError.self) { try options.scenario() }
        options.pieceSize = ByteSize(64 << 10)
        options.size = ByteSize(1 << 50)
        #expect(throws: SimulationOptionsError.self) { try options.scenario() }
    }

    @Test func aSwarmThatDoesNotFitIsRefused() throws {
        var options = SimulationOptions()
        options.hosts = 100_000
        options.size = ByteSize(100 << 30)
        options.pieceSize = ByteSize(64 << 10)
        let error = #expect(throws: SimulationOptionsError.self) { try options.scenario() }
        #expect(error?.message.contains("memory") == true)
    }

    @Test func ratesAreCycledOverTheHosts() throws {
        var options = SimulationOptions()
        options.hosts = 3
        options.up = [ByteRate(bytesPerSecond: 10), ByteRate(bytesPerSecond: 20)]
        #expect(try options.scenario().hosts.map(\.up.bytesPerSecond) == [10, 20, 10])
    }

    @Test func faultsAreRead() throws {
        let die = try FaultOption("die=3@10s")
        #expect(die.kind == .die && die.hosts == 3 && die.start == .seconds(10) && die.length == nil)
        let slow = try FaultOption("source-slow=10@5s+20s")
        #expect(slow.hosts == 0 && slow.number == 10 && slow.length == .seconds(20))
        #expect(try FaultOption("no-ranges").kind == .noRanges)
    }

    @Test(
        "what is no fault is refused",
        arguments: [
            "", "explode", "die=0", "die=-1", "die=1.5", "die=x", "die@", "die@10", "die@1s+2s", "no-ranges@1s",
            "lie@1s",
            "tracker-down=3", "stall=1@1s+0s", "die=1@1s+", "source-slow=0.1",
        ])
    func faultsThatAreNone(text: String) {
        #expect(throws: SimulationOptionsError.self) { try FaultOption(text) }
    }

    @Test("times are read", arguments: [("150us", 0.00015), ("0.2ms", 0.0002), ("10s", 10), ("5m", 300), ("1h", 3600)])
    func times(text: String, seconds: Double) {
        #expect(Duration(simulationText: text) == .inSeconds(seconds))
    }

    @Test("what is no time is refused", arguments: ["", "s", "10", "-1s", "1 s", "1e3s", "1d", "9999999h"])
    func timesThatAreNone(text: String) { #expect(Duration(simulationText: text) == nil) }
}

struct ReportTests {
    @Test func theReportIsReadableByProgramsAndPeople() throws {
        let report = run(try swarm(hosts: 3, size: 1 << 20))
        let decoded = try JSONDecoder().decode(SimulationReport.self, from: Data(report.json.utf8))
        #expect(decoded == report)
        for key in ["lastSeconds", "boundSeconds", "ratioToBound", "sourceCopies"] {
            #expect(report.json.contains("\"\(key)\" :"))
        }
        #expect(report.text.hasPrefix("3 hosts, 1.00 MiB in 4 pieces of 256 KiB, seed 1\n"))
        #expect(report.text.contains("complete                    3 of 3\n"))
        #expect(report.text.contains("set by the source uplink"))
    }

    @Test func aRunInWhichNobodyFinishesHasNoTimes() throws {
        let report = run(try swarm(hosts: 2, faults: "source-refuse"))
        #expect(report.lastSeconds == nil && report.ratioToBound == nil)
        #expect(report.text.contains("complete                    0 of 2, 2 failed\n"))
    }
}
