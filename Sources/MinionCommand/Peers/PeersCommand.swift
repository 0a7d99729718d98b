import ArgumentParser
import FoundationEssentials
import Glibc
import MinionCore
import Node
import Wire

/// `minion peers`: who has what of a file, as the tracker knows it.
struct PeersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peers",
        abstract: "Tell which machines have how much of a file, as its tracker knows.",
        discussion: """
            What makes it another download makes it other peers: give the same --tag, --application, -H and --ignore-qp as \
            for 'minion get'.

            Examples:
              minion peers https://host/disk.img --tracker box:8080
              minion peers https://host/disk.img --json | jq -r 'select(.complete) | .endpoint'

            Exit codes: 0 told; 1 failed, or nobody has it; 2 wrong arguments; 5 no tracker reachable.
            """)

    @Argument(help: "The file's URL, minion:NAME, or the 64 digits of the task's id.")
    var url: String

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "The tracker; repeatable, the first that answers is asked. Also taken from MINION_TRACKER.",
            valueName: "tracker"),
        transform: ArgumentValues.tracker)
    var tracker: [String] = []

    @Option(parsing: .unconditional, help: ArgumentHelp("As for 'minion get'.", valueName: "text"))
    var tag = ""

    @Option(parsing: .unconditional, help: ArgumentHelp("As for 'minion get'.", valueName: "text"))
    var application = ""

    @Option(
        name: [.customShort("H"), .customLong("header")], parsing: .unconditionalSingleValue,
        help: ArgumentHelp("As for 'minion get'; it is not sent to the tracker.", valueName: "name: value"),
        transform: ArgumentValues.header)
    var headers: [DownloadRequest.Header] = []

    @Option(
        name: [.customLong("ignore-qp"), .customLong("filtered-query-param")], parsing: .unconditionalSingleValue,
        help: ArgumentHelp("As for 'minion get'.", valueName: "name"), transform: ArgumentValues.parameterNames)
    var ignoredParameters: [[String]] = []

    @Flag(name: .customLong("no-default-ignore-qp"), help: "As for 'minion get'.")
    var keepsSignatureParameters = false

    @Flag(help: "Print JSON, one object a line for each peer.")
    var json = false

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        let environment = ProcessInfo.processInfo.environment
        let trackers =
            tracker.isEmpty
            ? try ArgumentValues.trackers(fromEnvironment: environment["MINION_TRACKER"] ?? "") : tracker
        guard !trackers.isEmpty else {
            throw CommandError.usage(
                "there is no tracker to ask", hint: "give --tracker HOST:PORT or set MINION_TRACKER")
        }
        let swarm = try await TrackerInquiry(trackers: trackers).peers(of: try task())
        FileDescriptors.writeAll(STDOUT_FILENO, json ? PeersOutput.json(swarm) : PeersOutput.table(swarm))
    }

    private func task() throws -> TaskID {
        if let task = TaskID(hex: url) { return task }
        let source = try SourceURL(url)
        let defaults = keepsSignatureParameters ? [] : TaskIdentity.signatureParameters
        var fields = headers.map { (name: $0.name, value: $0.value) }
        if let authorization = source.authorization,
            !fields.contains(where: { $0.name.lowercased() == "authorization" })
        {
            fields.append((name: "Authorization", value: authorization))
        }
        return TaskID(
            of: TaskIdentity(
                url: source.text, ignoring: defaults.union(ignoredParameters.joined()), tag: tag,
                application: application, headers: fields))
    }
}
