import Glibc
import Wire

/// What came of a measurement.
struct Figures: Encodable {
    struct Times: Encodable {
        var p50 = 0.0
        var p99 = 0.0
        var p999 = 0.0
        var max = 0.0

        /// - Parameter nanoseconds: in any order.
        init(_ nanoseconds: [Int64]) {
            let sorted = nanoseconds.sorted()
            guard let last = sorted.last else { return }
            func quantile(_ part: Double) -> Double { Double(sorted[Int(Double(sorted.count - 1) * part)]) / 1e6 }
            (p50, p99, p999, max) = (quantile(0.5), quantile(0.99), quantile(0.999), Double(last) / 1e6)
        }

        var text: String { "p50 \(p50.short), p99 \(p99.short), p99.9 \(p999.short), max \(max.short) ms" }
    }

    var peers: Int
    var tasks: Int
    var connections: Int
    var holding: Int
    var joinsPerSecond = 0.0
    var seconds = 0.0
    var requestsPerSecond = 0.0
    /// Of answers that are given at once, in milliseconds.
    var latency = Times([])
    var held = 0
    var heldAnsweredEarly = 0
    /// How much later than their `waitSeconds` held reports were answered, in milliseconds.
    var heldLateness = Times([])
    /// Peers that the tracker had forgotten.
    var introducedAgain = 0
    var errors = 0
    var firstError: String?
    var bytesPerPeer: Int?
    var trackerCPU: Double?
    var generatorCPU = 0.0

    init(peers: Int, tasks: Int, connections: Int, holding: Int) {
        (self.peers, self.tasks, self.connections, self.holding) = (peers, tasks, connections, holding)
    }

    mutating func take(_ tally: Tally) {
        requestsPerSecond = Double(tally.latencies.count + tally.held) / seconds
        latency = Times(tally.latencies)
        held = tally.held
        heldAnsweredEarly = tally.heldEarly
        heldLateness = Times(tally.lateness)
        introducedAgain = tally.introducedAgain
        errors = tally.errors
        firstError = tally.firstError
    }

    var text: String {
        var lines = [
            "\(peers) peers, \(tasks) tasks, \(connections) connections, \(holding) more that hold a report",
            "joining:   \(joinsPerSecond.short) joins/s",
            "mixed:     \(requestsPerSecond.short) requests/s in \(seconds.short) s",
            "latency:   \(latency.text)",
            "held:      \(held), \(heldAnsweredEarly) answered early; others late by \(heldLateness.text)",
            "errors:    \(errors)\(firstError.map { " (\($0))" } ?? ""); introduced again: \(introducedAgain)",
            "generator: \(generatorCPU.short) CPU seconds",
        ]
        if let trackerCPU { lines.append("tracker:   \(trackerCPU.short) CPU seconds") }
        if let bytesPerPeer { lines.append("memory:    \(bytesPerPeer) bytes a peer") }
        return lines.joined(separator: "\n")
    }

    func write(to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        let bytes = WireJSON.encodeMessage(self)
        guard descriptor >= 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw TrackerProcess.StartError(description: "cannot write \(path)")
        }
        close(descriptor)
    }
}

/// What a run counts.
struct Tally {
    /// Nanoseconds from a request to its whole answer, of those that need not be held.
    var latencies: [Int64] = []
    var lateness: [Int64] = []
    var held = 0
    var heldEarly = 0
    var introducedAgain = 0
    var errors = 0
    var firstError: String?
}

extension Double {
    /// One decimal, two below ten.
    fileprivate var short: String {
        let digits = self < 10 ? 100.0 : 10.0
        return "\((self * digits).rounded() / digits)"
    }
}
