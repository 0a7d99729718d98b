import ArgumentParser
import MinionCore
import SwarmSimulator

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `minion simulate`: how long a roll-out will take, and what limits it.
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Tell how long a roll-out will take and which link limits it.",
        discussion: """
            Runs the rules of real nodes and trackers on a virtual clock, with links of the given rates. Left out are what \
            TCP does until a connection has found its rate, losses, processor time, disks, and links that several hosts \
            share. The same seed gives the same run.
            """)

    enum Source: String, ExpressibleByArgument, CaseIterable {
        case options, random
    }

    @Option(help: "Number of hosts.")
    var hosts = 16
    @Option(help: "Size of the file, such as 10G.")
    var size = "128M"
    @Option(help: "Rate of each host's link in both directions, such as 10gbit or 50M (bytes).")
    var rate = "1gbit"
    @Option(help: "Upload rates; a comma-separated list is cycled over the hosts. Default: --rate.")
    var up: String?
    @Option(help: "Download rates, likewise.")
    var down: String?
    @Option(help: "Upload rate of the source. Default: --rate.")
    var sourceUp: String?
    @Option(help: "One-way delay between any two.")
    var delay = "0.2ms"
    @Option(help: "Size of a piece. Default: as real nodes choose it.")
    var pieceSize: String?
    @Option(help: "Neighbours that a host looks for.")
    var neighbours: Int?
    @Option(help: "Requests that a host serves at a time.")
    var uploadSlots: Int?
    @Option(help: "So many hosts have links ten times slower.")
    var slowHosts = 0
    @Option(help: "So many hosts join late, as NUMBER@TIME, such as 100@30s.")
    var lateHosts: String?
    @Option(help: ArgumentHelp("What goes wrong.", discussion: FaultOption.help))
    var faults: String?
    @Option(help: "Seed of all random draws.")
    var seed: UInt64 = 1
    @Flag(help: "Print the report as JSON.")
    var json = false
    @Option(help: ArgumentHelp("'random' draws the whole scenario from the seed, for tests.", visibility: .hidden))
    var scenario = Source.options
    @Flag(help: ArgumentHelp("Check invariants, and explain what happened if one does not hold.", visibility: .hidden))
    var check = false
    @Flag(
        help: ArgumentHelp(
            "Compute all rates exactly at every change, which takes long for many hosts.", visibility: .hidden))
    var exact = false
    @Option(help: ArgumentHelp("Events shown of a run in which an invariant did not hold.", visibility: .hidden))
    var lines = 100

    func run() throws {
        let simulation = Simulation(try makeScenario(), isChecked: check)
        let progress = isatty(STDERR_FILENO) == 1 ? ProgressLine() : nil
        simulation.onProgress = progress.map { line in { line.show($0) } }
        let report = simulation.run()
        progress?.clear()
        print(json ? report.json : report.text)
        guard simulation.violations.isEmpty else {
            StandardError.write(simulation.explanation(lines: lines) + "\n")
            throw ExitCode.failure
        }
        if !check, report.completed == 0 { throw ExitCode.failure }
    }

    /// The scenario that the options mean.
    func makeScenario() throws -> Scenario {
        guard scenario == .options else { return .random(seed: seed) }
        do {
            return try makeOptions().scenario()
        } catch let error as SimulationOptionsError {
            throw ValidationError(error.message)
        }
    }

    private func makeOptions() throws -> SimulationOptions {
        var options = SimulationOptions()
        options.hosts = hosts
        options.size = try read(size, "--size", "a size such as 10G", ByteSize.init)
        options.pieceSize = try pieceSize.map { try read($0, "--piece-size", "a size such as 1M", ByteSize.init) }
        options.up = try rates(up ?? rate, up == nil ? "--rate" : "--up")
        options.down = try rates(down ?? rate, down == nil ? "--rate" : "--down")
        options.sourceUp = try rate(sourceUp ?? rate, sourceUp == nil ? "--rate" : "--source-up")
        options.delay = try read(delay, "--delay", "a time such as 0.2ms") { Duration(simulationText: $0) }
        options.neighbours = neighbours
        options.uploadSlots = uploadSlots
        options.slowHosts = slowHosts
        if let lateHosts {
            let parts = lateHosts.split(separator: "@", omittingEmptySubsequences: false)
            guard parts.count == 2, let count = Int(parts[0]), let time = Duration(simulationText: String(parts[1]))
            else {
                throw ValidationError(
                    "cannot read --late-hosts '\(lateHosts)': give a number and a time such as 100@30s")
            }
            options.lateHosts = count
            options.lateBy = time
        }
        options.faults = try (faults ?? "").split(separator: ",").map { try FaultOption(String($0)) }
        options.seed = seed
        if exact { options.precision = .exact }
        return options
    }

    private func read<Value>(
        _ text: String, _ option: String, _ expected: String, _ parse: (String) -> Value?
    ) throws -> Value {
        guard let value = parse(text) else {
            throw ValidationError("cannot read \(option) '\(text)': give \(expected)")
        }
        return value
    }

    private func rate(_ text: String, _ option: String) throws -> ByteRate {
        try read(text, option, "a rate such as 10gbit or 50M", ByteRate.init)
    }

    private func rates(_ text: String, _ option: String) throws -> [ByteRate] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { try rate(String($0), option) }
    }
}

/// How far a long run is, on one line of a terminal.
private final class ProgressLine {
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private var last: ContinuousClock.Instant
    private var isShown = false

    init() {
        start = clock.now
        last = start
    }

    /// Says nothing in the first second, and after that a few times a second.
    func show(_ progress: SimulationProgress) {
        let now = clock.now
        guard now - start > .seconds(1), now - last > .milliseconds(250) else { return }
        last = now
        isShown = true
        let text = "simulated \(progress.virtualTime.brief), \(progress.settledHosts) of \(progress.hosts) hosts done"
        StandardError.write("\r\u{1B}[K" + text)
    }

    func clear() {
        if isShown { StandardError.write("\r\u{1B}[K") }
    }
}

private enum StandardError {
    /// Writes at once; what cannot be written is lost, as nobody is there to be told.
    static func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { put($0) }
            guard count > 0 else { return }
            bytes.removeFirst(count)
        }
    }
}

private func put(_ bytes: UnsafeRawBufferPointer) -> Int { write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
