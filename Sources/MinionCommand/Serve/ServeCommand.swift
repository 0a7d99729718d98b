import ArgumentParser
import FoundationEssentials
import Glibc
import HTTPFront
import Logging
import MinionCore
import MinionLog
import NIOCore
import Scheduler
import ServiceLifecycle
import UnixSignals

/// `minion serve`: the tracker.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the tracker, which lets machines find each other.",
        discussion: """
            Run it on one machine that all others reach. It stores no files and passes none on.

            Examples:
              minion serve
              minion serve --listen 10.0.0.5:9000 --data-dir /srv/minion --log-format json

            Exit codes: 0 stopped by SIGTERM or Ctrl-C; 1 failed, as when the port is in use; 2 wrong arguments.
            """)

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Where to listen: HOST:PORT, [IPv6]:PORT, :PORT or PORT; repeatable. (default: 0.0.0.0:8080)",
            valueName: "address"),
        transform: ServeCommand.address)
    var listen: [Endpoint] = []

    @Option(
        help: ArgumentHelp(
            """
            Where the tracker keeps its key. (default: /var/lib/minion for root, else $XDG_DATA_HOME/minion or \
            ~/.local/share/minion)
            """, valueName: "folder"))
    var dataDir: String?

    @Option(
        help: ArgumentHelp(
            "What is logged to stderr, with all that is worse: trace, debug, info, … critical. (default: info)",
            valueName: "level"),
        transform: { try choice($0) })
    var logLevel: Logger.Level = .info

    @Option(
        help: ArgumentHelp("How it is written: logfmt or json. (default: logfmt)", valueName: "format"),
        transform: { try choice($0) })
    var logFormat: LineLogHandler.Format = .logfmt

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        FileDescriptors.raiseLimit()
        LoggingSystem.bootstrap { [logLevel, logFormat] in
            LineLogHandler(label: $0, level: logLevel, format: logFormat)
        }
        let logger = Logger(label: "minion")
        var configuration = SchedulerConfiguration()
        if !listen.isEmpty { configuration.front.listen = listen }
        configuration.dataDirectory = try directory()
        configuration.version = MinionProgram.version
        let service = SchedulerService(configuration: configuration, logger: logger) { endpoints in
            FileDescriptors.writeAll(STDOUT_FILENO, Self.greeting(endpoints))
        }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [service], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        do {
            try await group.run()
        } catch let error as SchedulerError {
            throw CommandError(error.message)
        }
    }

    private func directory() throws -> String {
        let path: String
        if let dataDir {
            guard !dataDir.isEmpty else {
                throw CommandError.usage("--data-dir is empty", hint: "'.' is the current folder")
            }
            path = Destination.absolute(dataDir, in: try GetOptions.currentDirectory())
        } else if let standard = DataDirectory.standard(
            environment: ProcessInfo.processInfo.environment, isRoot: geteuid() == 0)
        {
            path = standard
        } else {
            throw CommandError.usage("there is no home folder to keep data in", hint: "give --data-dir FOLDER")
        }
        try DataDirectory.makeParents(of: path)
        return path
    }

    private static func address(_ text: String) throws -> Endpoint {
        guard let endpoint = ArgumentValues.listenAddress(text, defaultPort: ArgumentValues.defaultTrackerPort) else {
            throw ValidationError("give HOST:PORT, [IPv6]:PORT, :PORT or PORT")
        }
        return endpoint
    }

    private static func choice<Value: RawRepresentable & CaseIterable>(_ text: String) throws -> Value
    where Value.RawValue == String {
        guard let value = Value(rawValue: text) else {
            throw ValidationError("give one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return value
    }

    /// Where it listens, and the line to copy to other machines.
    private static func greeting(_ endpoints: [Endpoint]) -> String {
        guard let first = endpoints.first else { return "" }
        let host = ["", "0.0.0.0", "::"].contains(first.host) ? ownAddress() : first.host
        return """
            minion serves on \(endpoints.map(\.description).joined(separator: ", "))
            on each machine: minion get URL --tracker \(Endpoint(host: host, port: first.port))

            """
    }

    /// An address of this machine that others may reach.
    private static func ownAddress() -> String {
        let addresses = (try? System.enumerateDevices())?.compactMap(\.address) ?? []
        let outward = addresses.first { $0.protocol == .inet && $0.ipAddress?.hasPrefix("127.") == false }
        return outward?.ipAddress ?? "localhost"
    }
}
