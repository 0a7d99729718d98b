import ArgumentParser
import Glibc
import MinionCore
import NIOCore
import NIOPosix

/// Plays many peers against one tracker and measures how it stands that.
@main
struct TrackerLoad: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "minion-tracker-load",
        abstract: "Measure a tracker: peers join, report and leave, as fast as it answers.",
        discussion: "Exit codes: 0 every answer was right; 1 some were not, or the tracker cannot be reached.")

    @Option(help: "The tracker, HOST:PORT on this machine; without it, one is started from this program's folder.")
    var tracker: String?

    @Option(help: "Peers that are known at any time.")
    var peers = 50_000

    @Option(help: "Tasks that they are spread over.")
    var tasks = 100

    @Option(help: "Connections that always have a request under way.")
    var connections = 64

    @Option(help: "Further connections with a report each that the tracker may hold back.")
    var holding = 256

    @Option(help: "How long a held report waits at most, in seconds.")
    var wait = 2.0

    @Option(help: "How long joining, reporting and leaving go on, in seconds.")
    var seconds = 15.0

    @Option(help: "Where the figures are written as JSON.")
    var json: String?

    func validate() throws {
        guard (1...200_000).contains(peers), (1...peers).contains(tasks), (1...4096).contains(connections),
            (0...12_000).contains(holding), holding + tasks <= peers, (0.1...300).contains(seconds),
            (0.1...10).contains(wait)
        else { throw ValidationError("a number is out of range, or there are fewer peers than tasks and held reports") }
    }

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        raiseDescriptorLimit()
        let started = try tracker == nil ? TrackerProcess.start() : nil
        defer { started?.stop() }
        guard let endpoint = started?.endpoint ?? tracker.flatMap({ Endpoint($0) }), endpoint.isLoopback else {
            throw ValidationError("--tracker takes HOST:PORT of this machine's loopback")
        }
        let figures = try await measure(endpoint, started)
        print(figures.text)
        if let json { try figures.write(to: json) }
        guard figures.errors == 0 else { throw ExitCode.failure }
    }

    private func measure(_ endpoint: Endpoint, _ process: TrackerProcess?) async throws -> Figures {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let before = process?.memory
        let run = LoadRun(
            Population(peers: peers, tasks: tasks, connections: connections, holding: holding), wait: wait,
            host: endpoint.description, eventLoop: group.next())
        try await run.connect(to: endpoint)
        var figures = Figures(peers: peers, tasks: tasks, connections: connections, holding: holding)
        let joining = ContinuousClock.now
        try await run.perform(.founding, for: nil)
        try await run.perform(.joining, for: nil)
        figures.joinsPerSecond = Double(peers) / (ContinuousClock.now - joining).inSeconds
        let usage = (process?.cpuSeconds, CPU.ownSeconds)
        figures.seconds = seconds
        try await run.perform(.mixed, for: .inSeconds(seconds))
        figures.trackerCPU = process?.cpuSeconds.flatMap { after in usage.0.map { after - $0 } }
        figures.generatorCPU = CPU.ownSeconds - usage.1
        if let before, let after = process?.memory { figures.bytesPerPeer = (after - before) / peers }
        figures.take(try await run.finish())
        try await group.shutdownGracefully()
        return figures
    }

    /// Held reports take a connection each, on both sides.
    private func raiseDescriptorLimit() {
        var limit = rlimit()
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(files, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(files, &limit)
    }
}
