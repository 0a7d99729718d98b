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

/// `minion serve`
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve: as tracker, as manager, or as both on one port.",
        discussion: """
            Examples:
              \(ServerProgram.name) serve
              \(ServerProgram.name) serve --listen 10.0.0.5:9000 --database postgres://minion@db/minion
              \(ServerProgram.name) serve --listen-tls :8443 --tls-certificate chain.pem --tls-key key.pem
              \(ServerProgram.name) serve --roles scheduler
              \(ServerProgram.name) serve --roles scheduler --manager https://manager.example --site fra

            Environment:
              MINION_JOIN_TOKEN              what --join-token says
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
        transform: { try address($0, defaultPort: 8080) })
    var listen: [Endpoint] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Where to listen for HTTPS, in the same forms; repeatable. Without --listen, nothing else is listened on.",
            valueName: "address"),
        transform: { try address($0, defaultPort: 8443) })
    var listenTLS: [Endpoint] = []

    @Option(
        name: .customLong("tls-certificate"),
        help: ArgumentHelp(
            "The certificate for --listen-tls, with those that lead to its root, as PEM.", valueName: "file"))
    var certificate: String?

    @Option(name: .customLong("tls-key"), help: ArgumentHelp("The certificate's key, as PEM.", valueName: "file"))
    var key: String?

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
        help: ArgumentHelp(
            "The manager of the cluster that this scheduler belongs to, or several with commas between, any of which will do; needs --roles scheduler and a join token.",
            valueName: "urls"),
        transform: ServeCommand.managers)
    var manager = ManagerList()

    @Option(help: ArgumentHelp("What lets this scheduler into the cluster; made in the manager.", valueName: "token"))
    var joinToken: String?

    @Option(
        help: ArgumentHelp(
            "Where nodes reach this scheduler: HOST or HOST:PORT. (default: as it listens)", valueName: "address"),
        transform: ServeCommand.advertised)
    var advertise: Endpoint?

    @Option(help: ArgumentHelp("The scheduler's name in its cluster. (default: the machine's)", valueName: "name"))
    var hostName: String?

    @Option(help: ArgumentHelp("The scheduler's data centre.", valueName: "name"))
    var site: String = ""

    @Option(
        help: ArgumentHelp("Where that is, the most general part first: 'asia|cn|hz'.", valueName: "location"))
    var location: String = ""

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
            """
            What preheats may fetch from beside public and private addresses: addresses, blocks such as 127.0.0.0/8, and \
            hosts' names, between commas.
            """, valueName: "list"),
        transform: ServeCommand.sources)
    var preheatSources: [AddressRules.Allowance] = []

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

    /// The managers of a scheduler that is none itself.
    struct ManagerList: Hashable, Sendable {
        var urls: [String] = []
    }

    func validate() throws {
        guard listenTLS.isEmpty == (certificate == nil), (certificate == nil) == (key == nil) else {
            throw ValidationError("--listen-tls, --tls-certificate and --tls-key go together")
        }
        guard manager.urls.isEmpty || roles == [.scheduler] else {
            throw ValidationError("--manager is for a server that is none itself; add --roles scheduler")
        }
        guard hostName.map({ !$0.isEmpty && $0.utf8.count <= 255 && !$0.contains(" ") }) ?? true else {
            throw ValidationError("--host-name takes a name of up to 255 bytes, without spaces")
        }
    }

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        LoggingSystem.bootstrap { [logLevel, logFormat] in
            LineLogHandler(label: $0, level: logLevel, format: logFormat)
        }
        let logger = Logger(label: ServerProgram.name)
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
        if !listen.isEmpty || !listenTLS.isEmpty { service.front.listen = listen }
        service.front.listenTLS = listenTLS
        if let certificate, let key {
            service.front.certificate = CertificateFiles(chain: certificate, key: key)
        }
        service.scheduler.dataDirectory = folder
        service.scheduler.version = MinionVersion.current
        service.fleet = try fleetOptions(environment)
        service.store = try StoreConfiguration(database: database ?? environment["MINION_DATABASE"], dataFolder: folder)
        service.manager.signUp = signup
        service.manager.tokenCookie = jwtCookie
        service.manager.corsOrigins = Set(corsOrigin)
        service.manager.preheatSources.allowed = preheatSources
        let value = { (name: String) in
            ["MINION_\(name)", "DRAGONFLY_\(name)"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        }
        service.manager.initialRootPassword = value("INITIAL_ROOT_PASSWORD")
        service.manager.initialToken = value("PAT")
        service.onListening = { [roles] in Stream.write(Greeting.text(endpoints: $0, roles: roles), to: STDOUT_FILENO) }
        return service
    }

    private func fleetOptions(_ environment: [String: String]) throws -> FleetOptions {
        var fleet = FleetOptions()
        fleet.managers = manager.urls
        fleet.joinToken = joinToken ?? environment["MINION_JOIN_TOKEN"] ?? ""
        guard manager.urls.isEmpty || !fleet.joinToken.isEmpty else {
            throw ValidationError("--manager needs a join token: --join-token or MINION_JOIN_TOKEN")
        }
        guard fleet.joinToken.utf8.allSatisfy({ (33..<127).contains($0) }) else {
            throw ValidationError("the join token has a character that no token has")
        }
        if let advertise {
            fleet.advertisedHost = advertise.host
            fleet.advertisedPort = advertise.port == 0 ? nil : advertise.port
        }
        fleet.hostName = hostName
        fleet.site = site
        fleet.location = location
        return fleet
    }

    private func dataFolder(_ environment: [String: String]) throws -> String {
        var folder = DataFolder.standard(environment: environment, isRoot: geteuid() == 0)
        if let dataDir {
            guard !dataDir.isEmpty else { throw ValidationError("--data-dir is empty; '.' is the current folder") }
            folder = dataDir.hasPrefix("/") ? dataDir : FileManager.default.currentDirectoryPath + "/" + dataDir
        }
        guard let folder else {
            throw ValidationError("there is no home folder to keep data in; give --data-dir FOLDER")
        }
        return folder
    }

    private static func address(_ text: String, defaultPort: Int) throws -> Endpoint {
        guard let endpoint = Endpoint(listening: text, defaultPort: defaultPort) else {
            throw ValidationError("give HOST:PORT, [IPv6]:PORT, :PORT or PORT")
        }
        return endpoint
    }

    private static func advertised(_ text: String) throws -> Endpoint {
        guard let endpoint = Endpoint(text, defaultPort: 0) else {
            throw ValidationError("give HOST or HOST:PORT, as nodes reach it")
        }
        return endpoint
    }

    private static func managers(_ text: String) throws -> ManagerList {
        let urls = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        for url in urls where !TextRule.Format.url.accepts(url) || url.contains("?") {
            throw ValidationError("give URLs such as https://manager.example:8080, with commas between")
        }
        return ManagerList(urls: urls)
    }

    private static func roles(_ text: String) throws -> Set<Role> {
        let roles = text.split(separator: ",").map { Role(rawValue: String($0)) }
        guard !roles.isEmpty, !roles.contains(nil) else {
            throw ValidationError("give manager, scheduler, or both with a comma between")
        }
        return Set(roles.compactMap { $0 })
    }

    private static func sources(_ text: String) throws -> [AddressRules.Allowance] {
        do {
            return try AddressRules.allowances(text)
        } catch {
            throw ValidationError(error.description)
        }
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
