import ArgumentParser
import FoundationEssentials
import Glibc
import Logging
import MinionCore
import MinionLog
import Node
import UnixSignals

/// `minion share`: offers a file of this machine that has no source.
struct ShareCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "share",
        abstract: "Offer a file of this machine to others, without any server.",
        discussion: """
            The file is read once to its end, then others get it by its name, from this machine and from each other. It must \
            not be changed meanwhile: if it is, it is offered no longer, and no wrong byte is sent.

            Examples:
              minion share disk.img --tracker box:8080           others: minion get minion:disk.img --tracker box:8080
              minion share build.tar --as nightly/42 --wait 3600
              minion share mirror.iso --as https://host/file.iso  in the place of a source that is gone

            Exit codes: 0 the time of --wait is over; 1 failed, as when the file was changed; 2 wrong arguments; 128 + n \
            ended by signal n (130 Ctrl-C).
            """)

    @Argument(help: "The file.")
    var path: String

    @OptionGroup var flags: ShareFlags

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        let order = try ShareOrder(
            path: path, flags, environment: ProcessInfo.processInfo.environment,
            workingDirectory: try GetOptions.currentDirectory())
        FileDescriptors.raiseLimit()
        let logger = Logger(label: "minion") { LineLogHandler(label: $0, level: .error, format: .logfmt) }
        let reporter = ShareReporter(order, style: flags.progress)
        let code: Int32
        do {
            let node = try await MinionNode.start(order.node, cache: nil, logger: logger)
            code = await ShareSession(node: node, order: order, reporter: reporter, signals: signals).run()
        } catch let error as DownloadError {
            let error = CommandError(error)
            reporter.failed(error)
            code = error.exitCode
        }
        throw ExitCode(code)
    }
}
