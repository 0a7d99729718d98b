import ArgumentParser
import FoundationEssentials
import Glibc
import Logging
import MinionLog
import ServiceLifecycle
import UnixSignals

/// `minion peer`: the node of a host.
struct PeerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peer",
        abstract: "Run this host's node: a cache, and one budget for all downloads.",
        discussion: """
            'minion get' on this host uses it, and returns at once with what it has. What it has it gives to other machines, \
            also after a restart.

            Each setting is a flag (--cache-size 100G), a variable (MINION_CACHE_SIZE=100G) or a line of the settings' file \
            (cache-size = "100G"); the flag counts more than the variable, and this more than the file. SIGHUP has the file \
            read again: sizes, ages, rates and numbers change at once, the rest with a restart.

            Examples:
              minion peer --tracker box:8080 --cache-size 200G --upload-rate 1gbit
              minion peer --config /srv/minion.toml --print-config

            Exit codes: 0 stopped by SIGTERM or Ctrl-C; 1 failed, as when another node has the cache; 2 wrong settings.
            """)

    @OptionGroup(title: "Settings") var flags: PeerFlags
    @OptionGroup var file: SettingsFileFlags

    @Flag(help: "Print every setting with its value and where it came from, and do nothing else.")
    var printConfig = false

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        let reader = PeerSettingsReader(
            flags: flags.given, environment: ProcessInfo.processInfo.environment,
            workingDirectory: try GetOptions.currentDirectory(), file: file.config)
        let loaded = try await reader.load()
        if printConfig {
            FileDescriptors.writeAll(STDOUT_FILENO, loaded.text)
            return
        }
        FileDescriptors.raiseLimit()
        umask(0o077)
        let settings = loaded.settings
        let level = Logger.Level(rawValue: settings.logLevel.rawValue) ?? .info
        let format = LineLogHandler.Format(rawValue: settings.logFormat.rawValue) ?? .logfmt
        LoggingSystem.bootstrap { LineLogHandler(label: $0, level: level, format: format) }
        let logger = Logger(label: "minion")
        let service = PeerService(settings: loaded, reader: reader, manager: ServiceManager(), logger: logger)
        var configuration = ServiceGroupConfiguration(
            services: [service], gracefulShutdownSignals: [.sigterm, .sigint], logger: Self.quiet(logger))
        configuration.maximumGracefulShutdownDuration = .seconds(20)
        try await ServiceGroup(configuration: configuration).run()
    }

    /// What the framework tells of itself is of interest only when something is wrong.
    private static func quiet(_ logger: Logger) -> Logger {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .error)
        return quiet
    }
}
