import FoundationEssentials
import Glibc
import MinionCore
import Node
import PieceStore

/// One `minion get`: starts the node, shows what it tells, and waits for the file, a failure or a signal. One thread, one
/// `poll`; all that takes long happens in the node.
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
    private var reporter: Reporter
    private var node: PrivateNodeProcess
    private var splitter = LineSplitter()
    private var streamer: PrefixStreamer?
    /// Set when the file is complete; with a streamer the session goes on until its reader has everything.
    private var result: DownloadProgress?

    /// Runs it. The exit code; every error has been told.
    package static func run(_ options: GetOptions, in surroundings: Surroundings = Surroundings()) throws -> Int32 {
        signal(SIGPIPE, SIG_IGN)
        let signals = try surroundings.signals ?? SignalPipe.install([SIGINT, SIGTERM, SIGHUP])
        var options = options
        var scratch: String?
        if options.destination == .standardOutput {
            let folder = try ScratchFolder.make(in: options.temporaryFolder)
            options.request.destination = folder + "/content"
            scratch = folder
        }
        // After a success the node serves on from the folder and removes it in the end. Otherwise the node is gone.
        var code = ExitStatus.failure
        defer { if let scratch, code != ExitStatus.success { ScratchFolder.remove(scratch) } }
        var session = try GetSession(options, surroundings, signals: signals)
        var request = options.request
        if session.reporter.isSilent { request.progressSeconds = 5 }
        try session.node.send(
            NodeOrder(
                request: request, uploadSeconds: options.uploadTime.inSeconds, deletesFile: options.deletesFile,
                scratchFolder: scratch, verbosity: options.verbosity, logsToStandardError: options.logFile != nil))
        code = session.wait()
        return code
    }

    private init(_ options: GetOptions, _ surroundings: Surroundings, signals: Int32) throws(CommandError) {
        self.options = options
        self.signals = signals
        output = surroundings.output
        patience = surroundings.patience
        reporter = Reporter(
            options, environment: surroundings.environment, errors: surroundings.errors, output: surroundings.output)
        var log: Int32?
        if let path = options.logFile {
            let fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
            guard fd >= 0 else { throw CommandError("cannot write the log file \(path.quoted): \(lastError())") }
            log = fd
        }
        defer { if let log { close(log) } }
        node = try PrivateNodeProcess(
            executable: surroundings.executable, arguments: surroundings.arguments,
            environment: surroundings.environment, errorFile: log)
    }

    private mutating func wait() -> Int32 {
        reporter.started()
        var messagesEnded = false
        while true {
            var pollers = [
                pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
                pollfd(fd: messagesEnded ? -1 : node.messages, events: Int16(POLLIN), revents: 0),
                pollfd(fd: streamer?.end ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            poll(&pollers, nfds_t(pollers.count), timeout())
            reporter.tick()
            if pollers[0].revents != 0, let signal = SignalPipe.next(from: signals) {
                return cancelled(ExitStatus.signalled(signal))
            }
            if pollers[2].revents != 0, let code = streamed() { return code }
            if pollers[1].revents != 0 {
                switch readMessages(&messagesEnded) {
                case .failed(let error): return failed(error)
                case .finished(let progress):
                    result = progress
                    guard let streamer else { return finished(progress) }
                    streamer.finish()
                case nil: break
                }
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
            if result != nil { return nil }
            return .failed(
                CommandError(
                    "the node ended unexpectedly (\(node.describeEnd()))",
                    hint: "what has arrived is kept: the same command goes on from there; --logfile FILE tells more"))
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
        case .update(.prefix(let path, let bytes)):
            guard options.destination == .standardOutput else { break }
            do throws(CommandError) {
                try stream(from: path)
            } catch {
                return .failed(error)
            }
            streamer?.advance(to: bytes)
        case .update(.finished(let progress)):
            if options.destination == .standardOutput {
                do throws(CommandError) {
                    try stream(from: options.request.destination)
                } catch {
                    return .failed(error)
                }
            }
            return .finished(progress)
        }
        return nil
    }

    // MARK: - Bytes to stdout

    private mutating func stream(from path: String) throws(CommandError) {
        guard streamer == nil else { return }
        // The file may have got its final name since the node spoke.
        let current = FileKind(at: path) == .missing ? options.request.destination : path
        streamer = try PrefixStreamer(path: current, output: output)
    }

    private mutating func streamed() -> Int32? {
        switch streamer?.outcome {
        case .complete: result.map { finished($0) }
        case .closed: cancelled(ExitStatus.signalled(SIGPIPE))
        case .failed(let reason): failed(CommandError("cannot write to stdout: \(reason)"))
        case nil: nil
        }
    }

    // MARK: - Ends

    /// The node serves on by itself.
    private mutating func finished(_ progress: DownloadProgress) -> Int32 {
        reporter.finished(progress)
        return ExitStatus.success
    }

    private mutating func failed(_ error: CommandError) -> Int32 {
        reporter.failed(error)
        node.waitForEnd(patience: patience, impatience: signals)
        return error.exitCode
    }

    private mutating func cancelled(_ code: Int32) -> Int32 {
        reporter.cleared()
        node.stop(patience: patience, impatience: signals)
        return code
    }
}
