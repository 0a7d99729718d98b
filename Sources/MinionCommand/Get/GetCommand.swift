import ArgumentParser
import FoundationEssentials

/// `minion get`: the flags. What they mean together is in `GetOptions`.
struct GetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Download a file, together with all other machines that want it.",
        usage: "minion get [options] <url>",
        discussion: """
            The source is read once for all machines that name the same tracker; they give each other the rest. The file \
            appears under its name when it is complete and verified. An interrupted download goes on where it stopped.

            Examples:
              minion get https://host/disk.img --tracker box:8080
              minion get https://host/disk.img -o /srv/ --hash sha256:9f86d0… --download-rate 80mbit
              minion get https://host/files.tar --data-stdout | tar x
              minion get minion:disk.img --tracker box:8080

            Exit codes: 0 complete; 1 failed; 2 wrong arguments; 4 wrong checksum; 5 no tracker reachable (with \
            --no-fallback); 6 host name not found; 7 source not reachable; 128 + n ended by signal n (130 Ctrl-C, \
            141 closed pipe).
            """)

    @Argument(help: "The file's URL, http or https; or minion:NAME for a file that another machine shares.")
    var url: String

    @OptionGroup(title: "File") var file: FileFlags
    @OptionGroup(title: "Source") var source: SourceFlags
    @OptionGroup(title: "Other machines") var swarm: SwarmFlags
    @OptionGroup(title: "Host") var node: NodeFlags
    @OptionGroup(title: "Limits") var limits: LimitFlags
    @OptionGroup(title: "Output") var output: OutputFlags

    func run() throws {
        let options = try GetOptions(
            self, environment: ProcessInfo.processInfo.environment, workingDirectory: GetOptions.currentDirectory())
        throw ExitCode(try GetSession.run(options))
    }
}
