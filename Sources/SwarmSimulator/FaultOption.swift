import MinionCore
import Swarm

/// Something that is to go wrong, as it is written on a command line: `name[=number][@start[+length]]`.
package struct FaultOption: Hashable, Sendable {
    package enum Kind: String, CaseIterable, Hashable, Sendable {
        case die, vanish, leave, restart, stall, lie, corrupt
        case sourceFail = "source-fail"
        case sourceRefuse = "source-refuse"
        case sourceSlow = "source-slow"
        case sourceChange = "source-change"
        case noRanges = "no-ranges"
        case noLength = "no-length"
        case trackerRestart = "tracker-restart"
        case trackerDown = "tracker-down"
        case trackerHang = "tracker-hang"

        /// Whether it concerns hosts, whose number can be given.
        fileprivate var concernsHosts: Bool {
            switch self {
            case .die, .vanish, .leave, .restart, .stall, .lie, .corrupt: true
            default: false
            }
        }

        fileprivate var hasTime: Bool {
            switch self {
            case .lie, .corrupt, .noRanges, .noLength: false
            default: true
            }
        }

        fileprivate var hasLength: Bool {
            switch self {
            case .restart, .stall, .sourceFail, .sourceRefuse, .sourceSlow, .trackerDown, .trackerHang: true
            default: false
            }
        }
    }

    package let kind: Kind
    /// How many hosts it concerns; for `source-slow`, by how much the source gets slower.
    package let number: Double
    package let start: Duration
    /// Nil: for good.
    package let length: Duration?

    /// What the names mean, for a help text.
    package static let help = """
        Comma-separated, each name[=number][@start[+length]]: die, vanish (without closing its connections), leave, \
        restart (length: how long it is gone), stall (its uplink), lie (about its pieces), corrupt (what it sends): so \
        many hosts; source-fail, source-refuse, source-slow (number: how many times slower), source-change, no-ranges, \
        no-length; tracker-restart, tracker-down, tracker-hang. Example: die=3@10s,source-slow=10@5s+20s
        """

    package var hosts: Int { kind.concernsHosts ? Int(number) : 0 }

    package init(_ text: String) throws(SimulationOptionsError) {
        func wrong(_ message: String) -> SimulationOptionsError {
            SimulationOptionsError(message: "cannot read the fault '\(text)': \(message)")
        }
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        let head = parts[0].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard let kind = Kind(rawValue: String(head[0])) else {
            let known = Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw wrong("there is none of this name; known are \(known)")
        }
        self.kind = kind
        var number = kind == .sourceSlow ? 10.0 : 1.0
        if head.count == 2 {
            guard kind.concernsHosts || kind == .sourceSlow else { throw wrong("it takes no number") }
            guard let value = Double(head[1]), value >= 1, value <= 1e6,
                kind == .sourceSlow || value == value.rounded()
            else { throw wrong("the number must be 1 or more") }
            number = value
        }
        self.number = number
        var start = Duration.zero
        var length: Duration?
        if parts.count == 2 {
            guard kind.hasTime else { throw wrong("it has no time; it holds throughout") }
            let times = parts[1].split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
            guard let value = Duration(simulationText: String(times[0])) else {
                throw wrong("a time is written like 200ms, 10s or 5m")
            }
            start = value
            if times.count == 2 {
                guard kind.hasLength else { throw wrong("it has no length") }
                guard let value = Duration(simulationText: String(times[1])), value > .zero else {
                    throw wrong("a length is written like 200ms, 10s or 5m")
                }
                length = value
            }
        }
        self.start = start
        self.length = kind == .restart ? length ?? .seconds(5) : length
    }

    func apply(to scenario: inout Scenario, hosts: [Int]) {
        func onHosts(_ fault: HostFault, then end: HostFault? = nil) {
            for index in hosts {
                scenario.hosts[index].faults.append(Timed(fault, at: start))
                if let end, let length { scenario.hosts[index].faults.append(Timed(end, at: start + length)) }
            }
        }
        func onSource(_ fault: SourceFault, then end: SourceFault? = nil) {
            scenario.source.faults.append(Timed(fault, at: start))
            if let end, let length { scenario.source.faults.append(Timed(end, at: start + length)) }
        }
        func onTracker(_ fault: TrackerFault, then end: TrackerFault? = nil) {
            scenario.tracker.faults.append(Timed(fault, at: start))
            if let end, let length { scenario.tracker.faults.append(Timed(end, at: start + length)) }
        }
        switch kind {
        case .die: onHosts(.dies)
        case .vanish: onHosts(.vanishes)
        case .leave: onHosts(.leaves)
        case .restart: onHosts(.dies, then: .restarts)
        case .stall: onHosts(.stalls, then: .recovers)
        case .lie: for index in hosts { scenario.hosts[index].lies = true }
        case .corrupt: for index in hosts { scenario.hosts[index].corrupts = true }
        case .sourceFail: onSource(.fails(.busy), then: .recovers)
        case .sourceRefuse: onSource(.fails(.refused), then: .recovers)
        case .sourceSlow: onSource(.slows(1 / number), then: .slows(1))
        case .sourceChange: onSource(.changes(size: scenario.size))
        case .noRanges: scenario.source.hasRanges = false
        case .noLength: scenario.source.hasLength = false
        case .trackerRestart: onTracker(.restarts)
        case .trackerDown: onTracker(.closes, then: .recovers)
        case .trackerHang: onTracker(.hangs, then: .recovers)
        }
    }
}

extension Duration {
    /// Reads `150us`, `0.2ms`, `10s`, `5m`, `1h`. Nil for anything else and for more than a thousand hours.
    package init?(simulationText text: String) {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let number = Double(digits), digits.contains(where: \.isNumber) else { return nil }
        let factor: Double
        switch text.dropFirst(digits.count) {
        case "us", "µs": factor = 1e-6
        case "ms": factor = 1e-3
        case "s": factor = 1
        case "m", "min": factor = 60
        case "h": factor = 3600
        default: return nil
        }
        guard number * factor <= 3.6e6 else { return nil }
        self = .inSeconds(number * factor)
    }
}
