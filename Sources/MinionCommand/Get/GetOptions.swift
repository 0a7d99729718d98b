import ArgumentParser
import FoundationEssentials
import Glibc
import MinionCore
package import Node
import PieceStore

/// What `minion get` was asked to do, after everything that can be checked without a download was checked.
package struct GetOptions: Sendable {
    /// The order for the node. Its destination is empty if the bytes go to stdout: a place for them is made later.
    package var request: DownloadRequest
    package var node: NodeChoice
    /// Whether a file out of the cache is put in place as a second name of it.
    package var hardLink: Bool
    /// The destination as the user would name it.
    package var destination: Destination
    package var uploadTime: Duration
    package var deletesFile: Bool
    /// Whether the command stays until serving ends.
    package var servesInForeground: Bool
    package var progress: ProgressStyle
    package var isQuiet: Bool
    package var explains: Bool
    /// 0…2
    package var verbosity: Int
    /// Absolute path.
    package var logFile: String?
    /// Where a temporary file for stdout is made.
    package var temporaryFolder: String

    /// Reads the arguments behind `minion get`.
    package init(arguments: [String], environment: [String: String], workingDirectory: String) throws {
        let command = try GetCommand.parse(ArgumentForms.rewritten(arguments))
        try self.init(command, environment: environment, workingDirectory: workingDirectory)
    }

    init(_ command: GetCommand, environment: [String: String], workingDirectory: String) throws(CommandError) {
        let url = try SourceURL(command.url)
        let absolute = { (path: String) in Destination.absolute(path, in: workingDirectory) }

        if command.file.dataStdout, let output = command.file.output, output != "-" {
            throw .usage("--data-stdout and --output \(output.quoted) exclude each other")
        }
        destination =
            command.file.dataStdout
            ? .standardOutput
            : try Destination.resolve(command.file.output ?? ".", url: url, workingDirectory: workingDirectory)

        var path = ""
        if case .file(let file) = destination { path = file }
        request = DownloadRequest(url: url.text, destination: path)
        request.headers = try HeaderArgument.fields(of: command.source.headers)
        if let authorization = url.authorization,
            !request.headers.contains(where: { $0.name.lowercased() == "authorization" })
        {
            request.headers.append(DownloadRequest.Header(name: "Authorization", value: authorization))
        }
        request.tag = command.swarm.tag
        request.application = command.swarm.application
        let defaults = command.swarm.keepsSignatureParameters ? [] : TaskIdentity.signatureParameters
        request.ignoredParameters = defaults.union(command.swarm.ignoredParameters.joined()).sorted()
        request.trackers =
            command.swarm.tracker.isEmpty
            ? try ArgumentValues.trackers(fromEnvironment: environment["MINION_TRACKER"] ?? "") : command.swarm.tracker
        request.managers = try command.swarm.manager.managers(environment: environment)
        request.joinToken = try command.swarm.manager.token(environment: environment)
        request.downloadRate = command.limits.downloadRate?.bytesPerSecond
        request.uploadRate = command.limits.uploadRate?.bytesPerSecond
        request.mayUseSource = command.source.fallback && !command.source.noSource && !url.isShared
        request.mayUpload = !command.swarm.noUpload
        request.inOrder = destination == .standardOutput
        request.digest = command.file.digest
        request.listen = command.swarm.listen ?? ":0"
        request.advertise = command.swarm.advertise
        request.site = command.swarm.site
        request.timeoutSeconds = command.source.timeout?.inSeconds
        request.tracePath = command.output.trace.map(absolute)

        node = NodeChoice(
            isAvoided: command.node.noNode || Self.needsOwnNode(command), environment: environment,
            isRoot: geteuid() == 0)
        hardLink = command.node.hardLink
        uploadTime = command.limits.uploadTime
        deletesFile = command.limits.callback == .delete || destination == .standardOutput
        servesInForeground = command.limits.foreground
        progress = command.output.progress
        isQuiet = command.output.quiet
        explains = command.output.explain
        verbosity = command.output.verbose
        logFile = command.output.logfile.map(absolute)
        temporaryFolder = ScratchFolder.place(environment: environment)
        try checkCombinations()
    }

    /// What only a node that has nothing else to do can do.
    private static func needsOwnNode(_ command: GetCommand) -> Bool {
        command.swarm.listen != nil || command.swarm.advertise != nil || !command.swarm.site.isEmpty
            || command.limits.callback != nil || command.limits.foreground || command.output.trace != nil
            || command.output.logfile != nil || command.output.verbose > 0
    }

    /// Finds what a node of its own cannot do; the host's node may have trackers of which this command knows nothing.
    package func checkAlone() throws(CommandError) {
        if request.trackers.isEmpty, request.managers.isEmpty, !request.mayUseSource {
            throw .usage(
                "without the source (--no-fallback, minion:NAME) and without a tracker there is nobody to ask",
                hint: "give --tracker HOST:PORT or set MINION_TRACKER")
        }
    }

    private func checkCombinations() throws(CommandError) {
        if node == .own { try checkAlone() }
        if request.digest != nil, destination == .standardOutput {
            throw .usage(
                "--hash comes too late for bytes that have gone to stdout",
                hint: "pipe them through 'tee >(sha256sum)', or download to a file")
        }
        if progress == .json, destination == .standardOutput {
            throw .usage("--progress json and the file's bytes would both go to stdout", hint: "use --progress none")
        }
        if isQuiet, progress == .bar || progress == .json || explains {
            throw .usage("--quiet and \(explains ? "--explain" : "--progress \(progress.rawValue)") exclude each other")
        }
    }

    /// The folder that relative paths start from.
    package static func currentDirectory() throws(CommandError) -> String {
        guard let path = getcwd(nil, 0) else { throw CommandError("the current folder is gone: \(lastError())") }
        defer { free(path) }
        return String(cString: path)
    }
}
