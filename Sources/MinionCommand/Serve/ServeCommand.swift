import ArgumentParser

/// `minion serve`: the server's program, which takes the place of this one.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve: the tracker, which lets machines find each other, and the manager.",
        discussion: """
            Run it on one machine that all others reach. 'minion serve --help' tells all options; the server is a program \
            of its own, minion-server, which lies beside this one or on the path.

            Examples:
              minion serve
              minion serve --listen 10.0.0.5:9000 --database postgres://minion@db/minion
              minion serve --roles scheduler
            """)

    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("The server's options; see 'minion serve --help'.", valueName: "option"))
    var options: [String] = []

    func run() throws {
        throw ServerProcess.replaceThis(with: ["serve"] + options)
    }
}
