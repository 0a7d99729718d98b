import ArgumentParser
import FoundationEssentials
import Glibc
import HTTPFront
import Logging
import Manager
import ManagerStore
import MinionCore
import MinionLog
import Scheduler
import ServiceLifecycle
import UnixSignals

/// The program `minion-server`.
struct ServerProgram: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "minion-server",
        abstract: "The server side of Minion: the tracker, and the manager with its REST interface.",
        version: version, subcommands: [ServeCommand.self])

    static let version = "0.1.0"
}

/// Runs the program with the arguments behind its name, and ends it. Exit codes: 0 stopped, 1 failed, 2 wrong arguments.
package func runServer(_ arguments: [String]) async -> Never {
    do {
        var command = try ServerProgram.parseAsRoot(arguments)
        if var command = command as? any AsyncParsableCommand {
            try await command.run()
        } else {
            try command.run()
        }
        exit(0)
    } catch {
        let code = ServerProgram.exitCode(for: error)
        if code == .success || code == .validationFailure {
            let text = code == .success ? ServerProgram.fullMessage(for: error) + "\n" : usage(error)
            write(text, to: code == .success ? STDOUT_FILENO : STDERR_FILENO)
            exit(code == .success ? 0 : 2)
        }
        write("minion-server: \(error)\n", to: STDERR_FILENO)
        exit(1)
    }
}

private func usage(_ error: any Error) -> String {
    let line = ServerProgram.message(for: error).split(separator: "\n").joined(separator: " ")
    return "minion-server: \(line.prefix(1).lowercased() + line.dropFirst())\n"
        + "  hint: 'minion-server serve --help' tells what can be given\n"
}

private func write(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
        var start = 0
        while start < bytes.count {
            let count = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: start), bytes.count - start)
            guard count > 0 else { return }
            start += count
        }
    }
}

/// `minion-server serve`
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve: as tracker, as manager, or as both on one port.",
        discussion: """
            Examples:
              minion-server serve
              minion-server serve --listen 10.0.0.5:9000 --database postgres://minion@db/minion
              minion-server serve --roles scheduler

            Environment:
              MINION_DATABASE                what --database says
              MINION_INITIAL_ROOT_PASSWORD   the password of root in an empty store (else: dragonfly)
              MINION_PAT                     a token that an empty store begins with
              (DRAGONFLY_INITIAL_ROOT_PASSWORD and DRAGONFLY_PAT do the same.)

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
            Where the server keeps its key and, without --database, everything. (default: /var/lib/minion for root, else \
            $XDG_DATA_HOME/minion or ~/.local/share/minion)
            """, valueName: "folder"))
    var dataDir: String?

    @Option(
        help: ArgumentHelp(
            "postgres://… with all that libpq knows (sslmode, sslrootcert …), or sqlite:PATH. (default: a file in --data-dir)",
            valueName: "url"))
    var database: String?

    @Option(
        help: ArgumentHelp(
            "What the server is: manager, scheduler, or both. (default: manager,scheduler)", valueName: "roles"),
        transform: ServeCommand.roles)
    var roles: Set<Role> = Set(Role.allCases)

    @Option(
        help: ArgumentHelp("Who can make accounts: anybody (open) or root (closed). (default: open)", valueName: "who"),
        transform: { try choice($0) })
    var signup: ManagerConfiguration.SignUp = .open

    @Option(
        help: ArgumentHelp(
            "Whether scripts of pages can read the cookie of a session, as Dragonfly's console must: readable or http-only. (default: http-only)",
            valueName: "mode"),
        transform: { try choice($0) })
    var jwtCookie: ManagerConfiguration.TokenCookie = .httpOnly

    @Option(
        help: ArgumentHelp(
            "An origin whose pages may use the interface with their users' sessions, such as https://console.example; * allows all. Repeatable.",
            valueName: "origin"),
        transform: ServeCommand.origin)
    var corsOrigin: [String] = []

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
        LoggingSystem.bootstrap { [logLevel, logFormat] in
            LineLogHandler(label: $0, level: logLevel, format: logFormat)
        }
        let logger = Logger(label: "minion-server")
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [try service(logger, environment: ProcessInfo.processInfo.environment)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }

    private func service(_ logger: Logger, environment: [String: String]) throws -> ServerService {
        let folder = try dataFolder(environment)
        var service = ServerService(logger: logger)
        service.roles = roles
        if !listen.isEmpty { service.front.listen = listen }
        service.scheduler.dataDirectory = folder
        service.scheduler.version = ServerProgram.version
        service.store = try StoreConfiguration(database: database ?? environment["MINION_DATABASE"], dataFolder: folder)
        service.manager.signUp = signup
        service.manager.tokenCookie = jwtCookie
        service.manager.corsOrigins = Set(corsOrigin)
        let value = { (name: String) in
            ["MINION_\(name)", "DRAGONFLY_\(name)"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        }
        service.manager.initialRootPassword = value("INITIAL_ROOT_PASSWORD")
        service.manager.initialToken = value("PAT")
        service.onListening = { endpoints in
            write(
                "minion-server serves on \(endpoints.map(\.description).joined(separator: ", "))\n", to: STDOUT_FILENO)
        }
        return service
    }

    private func dataFolder(_ environment: [String: String]) throws -> String {
        if let dataDir {
            guard !dataDir.isEmpty else { throw ValidationError("--data-dir is empty; '.' is the current folder") }
            return dataDir.hasPrefix("/") ? dataDir : FileManager.default.currentDirectoryPath + "/" + dataDir
        }
        if geteuid() == 0 { return "/var/lib/minion" }
        if let data = environment["XDG_DATA_HOME"], data.hasPrefix("/") { return data + "/minion" }
        if let home = environment["HOME"], home.hasPrefix("/") { return home + "/.local/share/minion" }
        throw ValidationError("there is no home folder to keep data in; give --data-dir FOLDER")
    }

    private static func address(_ text: String) throws -> Endpoint {
        let isPort = !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) }
        guard let endpoint = Endpoint(hostOptional: isPort ? ":" + text : text) ?? Endpoint(text, defaultPort: 8080)
        else { throw ValidationError("give HOST:PORT, [IPv6]:PORT, :PORT or PORT") }
        return endpoint
    }

    private static func roles(_ text: String) throws -> Set<Role> {
        let roles = text.split(separator: ",").map { Role(rawValue: String($0)) }
        guard !roles.isEmpty, !roles.contains(nil) else {
            throw ValidationError("give manager, scheduler, or both with a comma between")
        }
        return Set(roles.compactMap { $0 })
    }

    private static func origin(_ text: String) throws -> String {
        guard text == "*" || TextRule.Format.url.accepts(text) && text.count(where: { $0 == "/" }) == 2 else {
            throw ValidationError("give an origin such as https://console.example, without a path")
        }
        return text
    }

    private static func choice<Value: RawRepresentable & CaseIterable>(_ text: String) throws -> Value
    where Value.RawValue == String {
        guard let value = Value(rawValue: text) else {
            throw ValidationError("give one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return value
    }
}
