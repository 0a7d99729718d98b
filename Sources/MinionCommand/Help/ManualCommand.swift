import ArgumentParser
import Glibc

/// `minion manual`: the manual page.
struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual",
        abstract: "Print the manual page.",
        discussion: """
            Examples:
              minion manual | man -l -
              minion manual > /usr/local/share/man/man1/minion.1
            """)

    func run() throws {
        let page = try ManualPage(helpDump: MinionProgram._dumpHelp(), version: MinionProgram.version)
        FileDescriptors.writeAll(STDOUT_FILENO, page.text)
    }
}
