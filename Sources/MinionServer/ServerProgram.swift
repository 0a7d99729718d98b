import ArgumentParser
import Glibc
import MinionCore

/// The program `minion-server`, which `minion serve` becomes.
struct ServerProgram: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "The server side of Minion: the tracker, and the manager with its REST interface.",
        version: MinionVersion.current, subcommands: [ServeCommand.self])

    /// What it was called by: `minion` if that command was what people typed.
    static let name = CommandLine.arguments.first == "minion" ? "minion" : "minion-server"
}

/// Runs the program with the arguments behind its name, and ends it. Exit codes: 0 stopped, 1 failed, 2 wrong arguments.
package func runServer(_ arguments: [String]) async -> Never {
    do {
        var command = try ServerProgram.parseAsRoot(arguments.flatMap(splittingEmptyValue))
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
            Stream.write(text, to: code == .success ? STDOUT_FILENO : STDERR_FILENO)
            exit(code == .success ? 0 : 2)
        }
        Stream.write("\(ServerProgram.name): \(error)\n", to: STDERR_FILENO)
        exit(1)
    }
}

/// `--name=` gives an empty value, as from a script's variable that is not set; the parser would take the next argument
/// for the value.
private func splittingEmptyValue(_ argument: String) -> [String] {
    guard argument.hasPrefix("--"), argument.firstIndex(of: "=") == argument.indices.last else { return [argument] }
    return [String(argument.dropLast()), ""]
}

private func usage(_ error: any Error) -> String {
    let line = ServerProgram.message(for: error).split(separator: "\n").joined(separator: " ")
    return "\(ServerProgram.name): \(line.prefix(1).lowercased() + line.dropFirst())\n"
        + "  hint: '\(ServerProgram.name) serve --help' tells what can be given\n"
}

/// The standard streams.
enum Stream {
    static func write(_ text: String, to descriptor: Int32) {
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
}
