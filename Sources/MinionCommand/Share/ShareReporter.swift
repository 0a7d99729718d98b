import FoundationEssentials
import Glibc
import MinionCore
import Node
import Synchronization

/// Tells how a share goes: a bar while the file is read, then what to type elsewhere; or JSON, one object a line:
///
/// - `start`: `event`, `url`, `path`, `trackers`
/// - `progress`: as `minion get` prints it, while the file is read
/// - `shared`: `event`, `url`, `path`, `size`, `task`, `trackers`, `command`: from here on others can get it
/// - `warning`: `event`, `message`
/// - `ended`: `event`, `bytesToPeers`, when the time of `--wait` is over
/// - `failed`: `event`, `message`, `exitCode`
final class ShareReporter: Sendable {
    private enum Style { case bar, json, plain, silent }

    private let order: ShareOrder
    private let style: Style
    private let terminal: Terminal
    private let isLineDrawn = Mutex(false)

    init(_ order: ShareOrder, style: ProgressStyle) {
        self.order = order
        terminal = Terminal(fd: STDERR_FILENO, environment: ProcessInfo.processInfo.environment)
        self.style =
            switch style {
            case .json: .json
            case .none: .silent
            case .bar: .bar
            case .auto: terminal.canRedraw ? .bar : .plain
            }
    }

    /// Whether stdout is there for a program that follows.
    var hasReader: Bool { style == .json }

    func started() {
        guard style == .json else { return }
        print(JSONProgress.start(url: order.request.name, path: order.request.path, trackers: order.node.trackers))
    }

    func progressed(_ progress: DownloadProgress) {
        switch style {
        case .json: print(JSONProgress.progress(progress))
        case .bar where terminal.isForeground:
            let line = ProgressBar.line(progress, width: terminal.width, colours: terminal.hasColours)
            isLineDrawn.withLock { isDrawn in
                say("\r" + line + "\u{1B}[K")
                isDrawn = true
            }
        case .bar, .plain, .silent: break
        }
    }

    func shared(_ progress: DownloadProgress, task: TaskID) {
        cleared()
        let size = progress.size ?? progress.bytesDone
        switch style {
        case .json:
            var line = JSONObject("event", "shared")
            line.add("url", order.request.name)
            line.add("path", order.request.path)
            line.add("size", raw: "\(size)")
            line.add("task", task.hex)
            line.add("trackers", order.node.trackers)
            line.add("command", order.command)
            print(line.text + "\n")
        case .bar, .plain:
            print(
                """
                minion shares \(order.request.path.printable) (\(ByteSize(size)))
                on each machine: \(order.command.printable)

                """)
        case .silent: break
        }
    }

    func warned(_ message: String) {
        if style == .json { print(JSONProgress.warning(message)) }
        cleared()
        say("minion: warning: \(message.printable)\n")
    }

    func ended(bytesSent: Int64) {
        cleared()
        switch style {
        case .json:
            var line = JSONObject("event", "ended")
            line.add("bytesToPeers", raw: "\(bytesSent)")
            print(line.text + "\n")
        case .bar, .plain: print("the time is over; \(ByteSize(bytesSent)) went to other machines\n")
        case .silent: break
        }
    }

    func failed(_ error: CommandError) {
        cleared()
        if style == .json { print(JSONProgress.failed(error)) }
        say(error.text)
    }

    /// Takes the bar away.
    func cleared() {
        isLineDrawn.withLock { isDrawn in
            if isDrawn { say("\r\u{1B}[K") }
            isDrawn = false
        }
    }

    private func say(_ text: String) { FileDescriptors.writeAll(STDERR_FILENO, text) }
    private func print(_ text: String) { FileDescriptors.writeAll(STDOUT_FILENO, text) }
}
