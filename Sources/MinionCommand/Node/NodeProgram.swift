import Dispatch
import Glibc
import HostNode
import Logging
import MinionCore
import MinionLog
import Node
import PieceStore
import Synchronization

/// The process of a private node: reads one order, downloads, serves on, ends.
enum NodeProgram {
    /// How long the node may take to leave once it must.
    private static let maximumFarewell: DispatchTimeInterval = .seconds(5)

    @MainActor
    static func run() async -> Never {
        guard isatty(STDIN_FILENO) == 0 else {
            FileDescriptors.writeAll(STDERR_FILENO, CommandError.usage("'minion node' is started by 'minion get'").text)
            exit(ExitStatus.badArguments)
        }
        becomeIndependent()
        // The order was written before anything else could happen, so this does not wait.
        guard let line = readOrderLine(), let order = try? JSONLines.decode(NodeOrder.self, from: line) else {
            exit(ExitStatus.badArguments)
        }
        _ = umask(order.scratchFolder == nil ? umask(0) : 0o077)
        guard let watch = try? UserWatch(input: STDIN_FILENO) else { exit(ExitStatus.failure) }
        await NodeSession(order: order, writer: MessageWriter(fd: STDOUT_FILENO), watch: watch).run()
        exit(ExitStatus.success)
    }

    /// Ends the process soon, whatever else it waits for.
    static func limitFarewell() {
        DispatchQueue.global().asyncAfter(deadline: .now() + maximumFarewell) { _exit(ExitStatus.failure) }
    }

    /// No terminal, no folder kept busy, a name of its own in `ps`.
    private static func becomeIndependent() {
        setsid()
        chdir("/")
        signal(SIGPIPE, SIG_IGN)
        FileDescriptors.raiseLimit()
        let name = open("/proc/self/comm", O_WRONLY | O_CLOEXEC)
        if name >= 0 {
            FileDescriptors.writeAll(name, "minion-node")
            close(name)
        }
    }

    private static func readOrderLine() -> [UInt8]? {
        var splitter = LineSplitter()
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(STDIN_FILENO, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0, let lines = splitter.add(buffer[..<count]) else { return nil }
            if let line = lines.first { return line }
        }
    }
}

/// One download of a private node, from its order to its end.
struct NodeSession: Sendable {
    let order: NodeOrder
    let writer: MessageWriter
    let watch: UserWatch

    private enum Outcome { case finished, failed, cancelled }

    func run() async {
        let node: MinionNode
        do {
            node = try await MinionNode.start(NodeConfiguration(for: order.request), logger: makeLogger())
        } catch {
            let reason = error as? DownloadError ?? DownloadError(.other, "cannot start a node: \(error)")
            writer.end(with: .update(.failed(reason)))
            return
        }
        let download = await node.download(order.request)
        switch await follow(download) {
        case .finished:
            await serve(download.task, by: node)
            NodeProgram.limitFarewell()
            await node.shutdown(deletingFiles: order.deletesFile)
        case .failed, .cancelled:
            NodeProgram.limitFarewell()
            await node.shutdown(deletingFiles: order.scratchFolder != nil)
        }
        if let folder = order.scratchFolder { ScratchFolder.remove(folder) }
    }

    // MARK: - Steps

    /// Passes on what the node tells until there is a result, or until the user is gone.
    private func follow(_ download: TaskDownload) async -> Outcome {
        await withTaskGroup(of: Outcome.self) { group in
            // Set before the result is written: `minion get` ends at once when it reads it, and that is no cancellation.
            let hasResult = Latch()
            group.addTask {
                for await update in download.updates {
                    switch update {
                    case .finished:
                        hasResult.open()
                        writer.end(with: .update(update))
                        return .finished
                    case .failed:
                        hasResult.open()
                        writer.end(with: .update(update))
                        return .failed
                    case .progress, .prefix, .warning: writer.offer(.update(update))
                    }
                }
                if !Task.isCancelled {
                    hasResult.open()
                    writer.end(with: .update(.failed(DownloadError(.other, "the download ended without a result"))))
                    return .failed
                }
                return .cancelled
            }
            group.addTask {
                await watch.anything.wait()
                return .cancelled
            }
            let first = await group.next() ?? .cancelled
            if case .cancelled = first, hasResult.isOpen { return await group.next() ?? .cancelled }
            group.cancelAll()
            return first
        }
    }

    /// Serves the file on. Bytes that went to stdout are kept until their reader has them all.
    private func serve(_ task: TaskID, by node: MinionNode) async {
        guard order.uploadSeconds > 0 || order.scratchFolder != nil else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await node.serve(task, for: .inSeconds(order.uploadSeconds))
                if order.scratchFolder != nil { await watch.userIsGone.wait() }
            }
            group.addTask { await watch.mustStop.wait() }
            if order.servesForUser { group.addTask { await watch.userIsGone.wait() } }
            await group.next()
            group.cancelAll()
        }
    }

    private func makeLogger() -> Logger {
        let level: Logger.Level = order.verbosity >= 2 ? .debug : order.verbosity == 1 ? .info : .error
        let toFile = order.logsToStandardError
        let write: @Sendable ([UInt8]) -> Void = { [writer] line in
            if toFile {
                StandardError.write(line)
            } else {
                writer.offer(.log(String(decoding: line.dropLast(), as: UTF8.self)))
            }
        }
        return Logger(label: "minion") { label in LineLogHandler(label: label, level: level, write: write) }
    }
}
