package import MinionCore
import Swarm

/// A roll-out as an operator describes it.
package struct SimulationOptions: Hashable, Sendable {
    package var hosts = 16
    package var size = ByteSize(128 << 20)
    /// Nil: as real nodes cut a file of this size.
    package var pieceSize: ByteSize?
    /// Rates of the hosts' links, framing included; cycled over the hosts.
    package var up = [ByteRate(bytesPerSecond: 125e6)]
    package var down = [ByteRate(bytesPerSecond: 125e6)]
    package var sourceUp = ByteRate(bytesPerSecond: 125e6)
    /// One-way delay between any two.
    package var delay = Duration.microseconds(200)
    package var neighbours: Int?
    package var uploadSlots: Int?
    /// So many hosts have links ten times slower.
    package var slowHosts = 0
    /// So many hosts join after this time.
    package var lateHosts = 0
    package var lateBy = Duration.zero
    package var faults: [FaultOption] = []
    package var seed: UInt64 = 1
    package var precision = Scenario.Precision.automatic

    package init() {}

    /// Hosts that are simulated at most.
    package static let maximumHosts = 100_000
    /// What the piece sets of all neighbours may take in memory.
    private static let maximumMemory = 16 << 30

    /// The scenario that these options mean.
    package func scenario() throws(SimulationOptionsError) -> Scenario {
        try validate()
        var random = SeededGenerator(seed: seed ^ 0x5EED)
        var plans: [HostPlan] = []
        for index in 0..<hosts {
            let half = Duration.nanoseconds(delay.nanoseconds / 2)
            plans.append(HostPlan(up: up[index % up.count], down: down[index % down.count], delay: half))
        }
        for index in draw(slowHosts, using: &random) {
            plans[index].up = ByteRate(bytesPerSecond: plans[index].up.bytesPerSecond / 10)
            plans[index].down = ByteRate(bytesPerSecond: plans[index].down.bytesPerSecond / 10)
        }
        for index in draw(lateHosts, using: &random) { plans[index].start = lateBy }
        var scenario = Scenario(seed: seed, size: size.bytes, hosts: plans)
        scenario.pieceSize = pieceSize?.bytes
        scenario.source.up = sourceUp
        scenario.source.delay = .nanoseconds(delay.nanoseconds / 2)
        scenario.tracker.delay = .nanoseconds(delay.nanoseconds / 2)
        scenario.neighbours = neighbours
        if let uploadSlots { scenario.uploadLimits.slots = uploadSlots }
        scenario.precision = precision
        for fault in faults { fault.apply(to: &scenario, hosts: draw(fault.hosts, using: &random)) }
        scenario.deadline = deadline(of: scenario)
        return scenario
    }

    /// Long after anything that works would have ended.
    private func deadline(of scenario: Scenario) -> Duration {
        let bound = Bound(size: size.bytes, sourceUp: sourceUp, hosts: scenario.hosts).time.inSeconds
        return scenario.lastChange + .inSeconds(600 + 100 * bound)
    }

    private func draw(_ count: Int, using random: inout SeededGenerator) -> [Int] {
        count == 0 ? [] : Array(Array(0..<hosts).shuffled(using: &random).prefix(count))
    }

    private func validate() throws(SimulationOptionsError) {
        func require(_ condition: Bool, _ message: String) throws(SimulationOptionsError) {
            if !condition { throw SimulationOptionsError(message: message) }
        }
        try require(
            (1...Self.maximumHosts).contains(hosts), "the number of hosts must be from 1 to \(Self.maximumHosts)")
        try require(!up.isEmpty && !down.isEmpty, "at least one rate is needed in each direction")
        try require(delay >= .zero && delay <= .seconds(60), "the delay must be from 0 to 60 s")
        if let neighbours {
            try require((1...1024).contains(neighbours), "the number of neighbours must be from 1 to 1024")
        }
        if let uploadSlots {
            try require((1...1024).contains(uploadSlots), "the number of upload slots must be from 1 to 1024")
        }
        try require((0...hosts).contains(slowHosts), "there cannot be more slow hosts than hosts")
        try require((0...hosts).contains(lateHosts), "there cannot be more late hosts than hosts")
        for fault in faults {
            try require(fault.hosts <= hosts, "the fault '\(fault.kind.rawValue)' concerns more hosts than there are")
        }
        if let pieceSize {
            let sizes = PieceLayout.pieceSizes
            try require(
                sizes.contains(pieceSize.bytes),
                "the piece size must be from \(ByteSize(sizes.lowerBound)) to \(ByteSize(sizes.upperBound))")
        }
        let layout =
            pieceSize.map { PieceLayout(size: size.bytes, pieceSize: $0.bytes) } ?? PieceLayout(size: size.bytes)
        guard let layout else {
            throw SimulationOptionsError(
                message: "a file of \(size) has too many pieces of that size; take larger ones")
        }
        let needed = Double(hosts) * Double(min(hosts, 2 * (neighbours ?? 32)) + 8) * Double(layout.count / 8 + 48)
        try require(
            needed < Double(Self.maximumMemory),
            "this would take about \(ByteSize(Int64(needed))) of memory; take larger pieces or fewer hosts")
    }
}

/// Options that make no scenario. The message is one line, without a full stop.
package struct SimulationOptionsError: Error, Hashable, Sendable, CustomStringConvertible {
    package let message: String

    package init(message: String) { self.message = message }

    package var description: String { message }
}
