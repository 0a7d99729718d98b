import ArgumentParser
import Glibc

/// `minion completions`: what a shell needs to complete commands and flags.
struct CompletionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions",
        abstract: "Print what a shell needs to complete commands and flags.",
        discussion: """
            Examples:
              minion completions bash > /etc/bash_completion.d/minion
              minion completions zsh > /usr/local/share/zsh/site-functions/_minion
              minion completions fish > ~/.config/fish/completions/minion.fish
            """)

    @Argument(help: "bash, zsh or fish.", transform: CompletionsCommand.shell)
    var shell: CompletionShell

    func run() {
        FileDescriptors.writeAll(STDOUT_FILENO, MinionProgram.completionScript(for: shell) + "\n")
    }

    private static func shell(_ text: String) throws -> CompletionShell {
        guard let shell = CompletionShell(rawValue: text) else { throw ValidationError("give bash, zsh or fish") }
        return shell
    }
}
