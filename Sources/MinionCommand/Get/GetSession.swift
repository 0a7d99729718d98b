import FoundationEssentials
import Glibc
import HostNode
import MinionCore
import Node
import PieceStore

/// One `minion get`: finds or starts the node, shows what it tells, and waits for the file, a failure or a signal. One
/// thread, one `poll`; all that takes long happens in the node or on threads of their own.
package struct GetSession: ~Copyable {
    /// What a session works on besides its options; other values than the defaults are for tests.
    package struct Surroundings: Sendable {
        package var executable = "/proc/self/exe"
        package var arguments = ["minion", "node"]
        package var environment = ProcessInfo.processInfo.environment
        package var output = STDOUT_FILENO
        package var errors = STDERR_FILENO
        /// Where signals arrive as bytes; nil: they are caught.
        package var signals: Int32?
        /// How long a node may take to end after it was told to.
        package var patience: Duration = .milliseconds(2500)

        package init() {}
    }

    private enum Event {
        case finished(DownloadProgress)
        case failed(CommandError)
    }

    private let options: GetOptions
    private let signals: Int32
    private let output: Int32
    private let patience: Duration
    /// Where a node of its own puts the file; empty: it stays in the host's cache.
    private let destination: String
    private let started = ContinuousClock.now
    private var reporter: Reporter
    private let node: any NodeConnection
    private var splitter = LineSplitter()
    private var streamer: PrefixStreamer?
    private var placer: ContentPlacer?
    /// Set when the node has the file; the session goes on until it has come to where it belongs.
    private var result: DownloadProgress?

    /// Runs it. The exit code; every error has been told.
    package static func run(_ options: GetOptions, in surroundings: Surroundings = Surroundings()) throws -> Int32 {
        signal(SIGPIPE, SIG_IGN)
        let signals = try surroundings.signals ?? SignalPipe.install([SIGINT, SIGTERM, SIGHUP])
        let reporter = Reporter(
            options, environment: surroundings.environment, errors: surroundings.errors, output: surroundings.output)
        var request = options.request
        if reporter.isSilent { request.progressSeconds = 5 }
        if let host = try options.node.connect() {
            // Put in place by this process, with the rights of its user.
            request.destination = ""
            try host.send(HostOrder(.get(request)))
            var session = GetSession(options, surroundings, reporter, host, destination: "", signals: signals)
            return session.wait()
        }
        try options.checkAlone()
        var scratch: String?
        if options.destination == .standardOutput {
            let folder: String
            do {
                folder = try ScratchFolder.make(in: options.temporaryFolder)
            } catch {
                throw CommandError(error.message)
            }
            request.destination = folder + "/content"
            scratch = folder
        }
        // After a success the node serves on from the folder and removes it in the end. Otherwise the node is gone.
        var code = ExitStatus.failure
        defer { if let scratch, code != ExitStatus.success { ScratchFolder.remove(scratch) } }
        let node = try start(options, surroundings)
        try node.send(
            NodeOrder(
                request: request, uploadSeconds: options.uploadTime.inSeconds, deletesFile: options.deletesFile,
                servesForUser: options.servesInForeground, scratchFolder: scratch, verbosity: options.verbosity,
                logsToStandardError: options.logFile != nil))
        var session = GetSession(
            options, surroundings, reporter, node, destination: request.destination, signals: signals)
        code = session.wait()
        return code
    }

    private static func start(
        _ options: GetOptions, _ surroundings: Surroundings
    ) throws(CommandError) -> PrivateNodeProcess {
        var log: Int32?
        if let path = options.logFile {
            let fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
            guard fd >= 0 else { throw CommandError("cannot write the log file \(path.quoted): \(lastError())") }
            log = fd
        }
        defer { if let log { close(log) } }
        return try PrivateNodeProcess(
            executable: surroundings.executable, arguments: surroundings.arguments,
            environment: surroundings.environment, errorFile: log)
    }

    private init(
        _ options: GetOptions, _ surroundings: Surroundings, _ reporter: Reporter, _ node: any NodeConnection,
        destination: String, signals: Int32
    ) {
        self.options = options
        self.signals = signals
        self.reporter = reporter
        self.node = node
        self.destination = destination
        output = surroundings.output
        patience = surroundings.patience
    }

    private mutating func wait() -> Int32 {
        reporter.started()
        var messagesEnded = false
        while true {
            var pollers = [
                pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
                pollfd(fd: messagesEnded ? -1 : node.messages, events: Int16(POLLIN), revents: 0),
                pollfd(fd: streamer?.end ?? placer?.end ?? -1, events: Int16(POLLIN), revents: 0),
                // Says nothing but that its reader is gone.
                pollfd(fd: options.progress == .json ? output : -1, events: 0, revents: 0),
            ]
            poll(&pollers, nfds_t(pollers.count), timeout())
            reporter.tick()
            if pollers[0].revents != 0, let signal = SignalPipe.next(from: signals) {
                return cancelled(ExitStatus.signalled(signal))
            }
            if pollers[3].revents != 0 { return cancelled(ExitStatus.signalled(SIGPIPE)) }
            if pollers[2].revents != 0, let code = streamed() ?? placed() { return code }
            if pollers[1].revents != 0 {
                switch readMessages(&messagesEnded) {
                case .failed(let error): return failed(error)
                case .finished(let progress):
                    if let code = deliver(progress) { return code }
                case nil: break
                }
            }
        }
    }

    /// Waits until the node ends by itself, because its upload time is over.
    private mutating func stay() -> Int32 {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            var pollers = [
                pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
                pollfd(fd: node.messages, events: Int16(POLLIN), revents: 0),
                pollfd(fd: options.progress == .json ? output : -1, events: 0, revents: 0),
            ]
            poll(&pollers, nfds_t(pollers.count), -1)
            if pollers[0].revents != 0, let signal = SignalPipe.next(from: signals) {
                return cancelled(ExitStatus.signalled(signal))
            }
            if pollers[2].revents != 0 { return cancelled(ExitStatus.signalled(SIGPIPE)) }
            // It has said its last word, so what becomes readable is the end.
            if pollers[1].revents != 0, read(node.messages, &buffer, buffer.count) == 0 {
                node.waitForEnd(patience: patience, impatience: signals)
                return ExitStatus.success
            }
        }
    }

    /// Milliseconds until something is to be drawn; -1: none.
    private func timeout() -> Int32 {
        guard let wakeUp = reporter.wakeUp else { return -1 }
        return Int32(clamping: Int64((ContinuousClock.now.duration(to: wakeUp).inSeconds * 1000).rounded(.up)))
    }

    // MARK: - Messages of the node

    private mutating func readMessages(_ ended: inout Bool) -> Event? {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(node.messages, &buffer, buffer.count)
        if count < 0, errno == EAGAIN || errno == EINTR { return nil }
        guard count > 0 else {
            ended = true
            return result == nil ? .failed(node.unexpectedEnd()) : nil
        }
        guard let lines = splitter.add(buffer[..<count]) else {
            return .failed(CommandError("the node talks nonsense"))
        }
        for line in lines {
            guard let message = try? JSONLines.decode(NodeMessage.self, from: line) else {
                return .failed(CommandError("the node talks nonsense"))
            }
            if let event = handle(message) { return event }
        }
        return nil
    }

    private mutating func handle(_ message: NodeMessage) -> Event? {
        switch message {
        case .log(let line): reporter.logged(line)
        case .update(.progress(let progress)): reporter.progressed(progress)
        case .update(.warning(let text)): reporter.warned(text)
        case .update(.failed(let error)): return .failed(CommandError(error))
        case .refused(let reason): return .failed(CommandError("the node of this host refuses: \(reason)"))
        case .update(.prefix(let path, let bytes)):
            guard options.destination == .standardOutput else { break }
            do throws(CommandError) {
                try stream(from: path)
            } catch {
                return .failed(error)
            }
            streamer?.advance(to: bytes)
        case .update(.finished(let progress)): return .finished(progress)
        case .hello, .cache, .entries, .removed, .verified, .done: break
        }
        return nil
    }

    // MARK: - Where the bytes belong

    /// Brings the complete content there; an exit code if it is there already.
    private mutating func deliver(_ progress: DownloadProgress) -> Int32? {
        result = progress
        do throws(CommandError) {
            switch options.destination {
            case .standardOutput:
                try stream(from: progress.path ?? destination)
                streamer?.finish()
            case .file(let path):
                guard let host = node as? HostConnection else { return finished(progress) }
                placer = try ContentPlacer(
                    source: progress.path ?? "", owner: host.contentOwner, destination: path, hardLink: options.hardLink
                )
            }
        } catch {
            return failed(error)
        }
        return nil
    }

    private mutating func stream(from path: String) throws(CommandError) {
        guard streamer == nil else { return }
        let host = node as? HostConnection
        // The file of a private node may have got its final name since the node spoke.
        let current = host == nil && FileKind(at: path) == .missing ? destination : path
        streamer = try PrefixStreamer(path: current, owner: host?.contentOwner, output: output)
    }

    private mutating func streamed() -> Int32? {
        switch streamer?.outcome {
        case .complete: result.map { finished($0) }
        case .closed: cancelled(ExitStatus.signalled(SIGPIPE))
        case .failed(let reason): failed(CommandError("cannot write to stdout: \(reason)"))
        case nil: nil
        }
    }

    private mutating func placed() -> Int32? {
        switch placer?.outcome {
        case .placed(let warning):
            if let warning { reporter.warned(warning) }
            guard var result else { return nil }
            // The user waited for the file to be in its place, too.
            result.seconds = max(result.seconds, started.duration(to: .now).inSeconds)
            return finished(result)
        case .failed(let error): return failed(error)
        case nil: return nil
        }
    }

    // MARK: - Ends

    /// The node serves on, by itself unless the user wants to see the end of it.
    private mutating func finished(_ progress: DownloadProgress) -> Int32 {
        reporter.finished(progress)
        return options.servesInForeground ? stay() : ExitStatus.success
    }

    private mutating func failed(_ error: CommandError) -> Int32 {
        reporter.failed(error)
        node.waitForEnd(patience: patience, impatience: signals)
        return error.exitCode
    }

    private mutating func cancelled(_ code: Int32) -> Int32 {
        reporter.cleared()
        placer?.stop()
        node.stop(patience: patience, impatience: signals)
        return code
    }
}
