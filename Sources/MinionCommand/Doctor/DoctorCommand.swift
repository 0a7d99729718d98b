import ArgumentParser
import FoundationEssentials
import Glibc

/// `minion doctor`: what of a node's surroundings is as it should be, and what is not.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look whether a node of this host finds all that it needs.",
        discussion: """
            The settings are those of 'minion peer': flags, variables and the settings' file. Told are which cluster this \
            machine belongs to and why, which schedulers answer and how fast, the clock, the node's socket, its port, its \
            cache and the limit of open files; and of each what to do if it is not right.

            Examples:
              minion doctor --manager https://manager:8080
              minion doctor --config /srv/minion.toml --json | jq -r 'select(.status != "ok")'

            Exit codes: 0 nothing fails; 1 something does; 2 wrong arguments.
            """)

    @OptionGroup(title: "Settings") var flags: PeerFlags
    @OptionGroup var file: SettingsFileFlags

    @Flag(help: "Print JSON, one object a line for each finding.")
    var json = false

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        let environment = ProcessInfo.processInfo.environment
        let reader = PeerSettingsReader(
            flags: flags.given, environment: environment, workingDirectory: try GetOptions.currentDirectory(),
            file: file.config)
        var hasFailed = false
        let tell = { (finding: DoctorFinding) in
            if finding.status == .fail { hasFailed = true }
            FileDescriptors.writeAll(STDOUT_FILENO, json ? finding.json : finding.text)
        }
        let settings: PeerSettings
        do {
            settings = try await reader.load().settings
            tell(DoctorFinding("settings", .ok, "they can be used; 'minion peer --print-config' shows them"))
        } catch let error as CommandError {
            tell(DoctorFinding("settings", .fail, error.message, fix: error.hint))
            throw ExitCode(ExitStatus.failure)
        }
        let network = NetworkExamination(settings: settings, certificateFile: environment["SSL_CERT_FILE"])
        for finding in await network.findings() { tell(finding) }
        for finding in HostExamination(settings: settings).findings() { tell(finding) }
        if hasFailed { throw ExitCode(ExitStatus.failure) }
    }
}
