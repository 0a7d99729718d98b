import ArgumentParser
import FoundationEssentials
import Glibc
import HostNode
import MinionCore
import PieceStore

/// `minion cache`: what this host keeps.
struct CacheCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache",
        abstract: "Look at what this host keeps, check it, or remove some of it.",
        discussion: """
            Asks the node of this host, or looks into the folder itself if none runs.

            Exit codes: 0 done; 1 failed, or something is wrong with the content; 2 wrong arguments.
            """,
        subcommands: [CacheList.self, CacheStat.self, CacheRemove.self, CacheVerify.self])
}

/// Which cache is meant.
struct CacheFlags: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The folder of the cache, if no node runs. (default: as for 'minion peer')", valueName: "folder"))
    var cacheDir: String?

    @Option(
        help: ArgumentHelp(
            "The socket of the node. (default: MINION_SOCKET, else where 'minion get' looks)", valueName: "path"))
    var socket: String?

    @OptionGroup var file: SettingsFileFlags

    @Flag(help: "Print JSON.")
    var json = false

    /// Opens it. A folder that is named is looked into, whatever node runs.
    func open() async throws -> any CacheAccess {
        let environment = ProcessInfo.processInfo.environment
        if cacheDir == nil {
            let choice =
                socket.map { NodeChoice.named($0) }
                ?? NodeChoice(isAvoided: false, environment: environment, isRoot: geteuid() == 0)
            if let connection = try choice.connect() { return RemoteCache(path: connection.path) }
        }
        var flags: [PeerSetting: [String]] = [:]
        if let cacheDir { flags[.cacheDir] = [cacheDir] }
        let loaded = try await PeerSettingsReader(
            flags: flags, environment: environment, workingDirectory: try GetOptions.currentDirectory(),
            file: file.config
        ).load()
        return try LocalCache(loaded.settings)
    }
}

struct CacheList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List what is there, the most recently used first.")

    @OptionGroup var flags: CacheFlags

    func run() async throws {
        let (_, entries) = try await flags.open().list()
        let text =
            flags.json ? CacheOutput.json(entries) : CacheOutput.table(entries, now: Date().timeIntervalSince1970)
        FileDescriptors.writeAll(STDOUT_FILENO, text)
    }
}

struct CacheStat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stat", abstract: "Tell how full the cache is, or all about some of its content.")

    @Argument(help: "URLs, names, or task ids (8 digits are enough). (default: the cache as a whole)")
    var content: [String] = []

    @OptionGroup var flags: CacheFlags

    func run() async throws {
        let (report, entries) = try await flags.open().list()
        let text: String
        if content.isEmpty {
            text = flags.json ? CacheOutput.json(report, entries) : CacheOutput.text(report, entries)
        } else {
            let found = try CacheSelection(content).entries(among: entries)
            text = flags.json ? CacheOutput.json(found) : CacheOutput.details(found)
        }
        FileDescriptors.writeAll(STDOUT_FILENO, text)
    }
}

struct CacheRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rm", abstract: "Remove content that is not in use.")

    @Argument(help: "URLs, names, or task ids (8 digits are enough).")
    var content: [String] = []

    @Flag(help: "Remove all that is not in use.")
    var all = false

    @OptionGroup var flags: CacheFlags

    func validate() throws {
        guard all != !content.isEmpty else { throw ValidationError("give what to remove, or --all") }
    }

    func run() async throws {
        let cache = try await flags.open()
        let (_, entries) = try await cache.list()
        let found = all ? entries : try CacheSelection(content).entries(among: entries)
        let names = CacheOutput.names(entries)
        var hasFailed = false
        for removal in try await cache.remove(CacheSelection.tasks(of: found)) {
            let name = names[removal.task] ?? removal.task.hex
            if let failure = removal.failure {
                hasFailed = true
                FileDescriptors.writeAll(STDERR_FILENO, CommandError("\(name) stays: \(failure)").text)
            }
            if flags.json {
                FileDescriptors.writeAll(STDOUT_FILENO, CacheOutput.json(removal))
            } else if removal.failure == nil {
                FileDescriptors.writeAll(STDOUT_FILENO, "removed \(name.printable) (\(ByteSize(removal.bytes)))\n")
            }
        }
        if hasFailed { throw ExitCode(ExitStatus.failure) }
    }
}

struct CacheVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Hash content again, and drop what is wrong; it is fetched again when wanted.")

    @Argument(help: "URLs, names, or task ids (8 digits are enough). (default: all)")
    var content: [String] = []

    @OptionGroup var flags: CacheFlags

    func run() async throws {
        let cache = try await flags.open()
        let (_, entries) = try await cache.list()
        let found = content.isEmpty ? entries : try CacheSelection(content).entries(among: entries)
        let names = CacheOutput.names(entries)
        var isWrong = false
        for check in try await cache.verify(CacheSelection.tasks(of: found)) {
            let name = names[check.task] ?? check.task.hex
            isWrong = isWrong || check.failure != nil || check.badPieces > 0
            if let failure = check.failure {
                FileDescriptors.writeAll(STDERR_FILENO, CommandError("\(name) cannot be checked: \(failure)").text)
            }
            if flags.json {
                FileDescriptors.writeAll(STDOUT_FILENO, CacheOutput.json(check))
            } else if check.failure == nil {
                let result =
                    check.badPieces == 0
                    ? "\(check.pieces) pieces are right"
                    : "\(check.badPieces) of \(check.pieces) pieces were wrong and are dropped"
                FileDescriptors.writeAll(STDOUT_FILENO, "\(name.printable): \(result)\n")
            }
        }
        if isWrong { throw ExitCode(ExitStatus.failure) }
    }
}
