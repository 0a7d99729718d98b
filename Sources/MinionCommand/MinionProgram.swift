import ArgumentParser
import Glibc
import MinionCore

/// The program `minion`.
struct MinionProgram: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "minion",
        abstract: "Brings one file to thousands of machines.",
        discussion: """
            Start one tracker, then download with it on every machine:

              minion serve
              minion get https://host/file --tracker box:8080

            A machine that downloads often keeps a node, which caches for all of its programs:

              minion peer --tracker box:8080
            """,
        version: version,
        subcommands: [
            GetCommand.self, ShareCommand.self, ServeCommand.self, PeerCommand.self, CacheCommand.self,
            PeersCommand.self, DoctorCommand.self,
            SimulateCommand.self, CompletionsCommand.self, ManualCommand.self,
        ])

    static let version = MinionVersion.current
}

/// Runs the program with the arguments behind its name, and ends it.
@MainActor
package func runMinion(_ arguments: [String]) async -> Never {
    FileDescriptors.reserveStandardStreams()
    // Not a command for people: what `minion get` starts. Parsing would only cost time.
    if arguments == ["node"] { await NodeProgram.run() }
    do {
        var command = try MinionProgram.parseAsRoot(ArgumentForms.rewritten(arguments))
        if var command = command as? any AsyncParsableCommand {
            try await command.run()
        } else {
            try command.run()
        }
        exit(ExitStatus.success)
    } catch {
        let end = ProgramEnd(error, arguments: arguments)
        FileDescriptors.writeAll(end.exitCode == ExitStatus.success ? STDOUT_FILENO : STDERR_FILENO, end.text)
        exit(end.exitCode)
    }
}

/// What a thrown error means for the one who typed the command: help and version are no errors, a wrong argument is one
/// line and where to read more.
package struct ProgramEnd: Hashable, Sendable {
    package let exitCode: Int32
    /// With line ends; empty if all has been said.
    package let text: String

    package init(_ error: any Error, arguments: [String]) {
        if let error = error as? CommandError {
            exitCode = error.exitCode
            text = error.text
            return
        }
        let code = MinionProgram.exitCode(for: error)
        guard code == .validationFailure else {
            let message = MinionProgram.fullMessage(for: error)
            exitCode = code.rawValue
            text = message.isEmpty ? "" : message + "\n"
            return
        }
        let known = MinionProgram.configuration.subcommands.map { $0._commandName }
        let name = arguments.first.flatMap { known.contains($0) ? " \($0)" : nil } ?? ""
        let line = MinionProgram.message(for: error).split(separator: "\n").joined(separator: " ")
        let usage = CommandError.usage(
            line.prefix(1).lowercased() + line.dropFirst(), hint: "'minion\(name) --help' tells what can be given")
        exitCode = usage.exitCode
        text = usage.text
    }
}
