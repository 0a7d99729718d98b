import MinionCore
import SwarmSimulator
import Testing

/// A swarm of equal hosts with 100 Mbit/s links.
func swarm(
    hosts: Int = 12, size: Int64 = 16 << 20, pieceSize: Int64 = 256 << 10, faults: String = "",
    _ change: (inout SimulationOptions) -> Void = { _ in }
) throws -> Scenario {
    var options = SimulationOptions()
    options.hosts = hosts
    options.size = ByteSize(size)
    options.pieceSize = ByteSize(pieceSize)
    let rate = try #require(ByteRate("100mbit"))
    (options.up, options.down, options.sourceUp) = ([rate], [rate], rate)
    options.faults = try faults.split(separator: ",").map { try FaultOption(String($0)) }
    change(&options)
    return try options.scenario()
}

/// Runs a scenario with all invariants checked, and records those that do not hold.
@discardableResult
func run(_ scenario: Scenario, sourceLocation: SourceLocation = #_sourceLocation) -> SimulationReport {
    let simulation = Simulation(scenario, isChecked: true)
    let report = simulation.run()
    if !simulation.violations.isEmpty {
        Issue.record("\(simulation.explanation(lines: 30))", sourceLocation: sourceLocation)
    }
    return report
}
