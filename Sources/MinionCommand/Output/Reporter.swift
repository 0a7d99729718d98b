import FoundationEssentials
import Glibc
import MinionCore
import Node

/// Tells the user how a download goes, in the way that was asked for.
struct Reporter {
    private enum Style { case bar, json, silent }

    private let style: Style
    private let isQuiet: Bool
    private let explains: Bool
    private let summarises: Bool
    private let trackers: [String]
    /// Whether trackers were to be found in another way.
    private let hasManager: Bool
    private let url: String
    private let path: String
    private let terminal: Terminal
    private let errors: Int32
    private let output: Int32
    /// The newest progress that is not drawn yet.
    private var pending: DownloadProgress?
    private var nextDrawing: ContinuousClock.Instant
    private var isLineDrawn = false

    /// At most ten times a second, and not before a download takes long enough to be looked at.
    private static let drawingInterval: Duration = .milliseconds(100)

    init(
        _ options: GetOptions, environment: [String: String], errors: Int32 = STDERR_FILENO,
        output: Int32 = STDOUT_FILENO
    ) {
        terminal = Terminal(fd: errors, environment: environment)
        style =
            switch options.progress {
            case .json: .json
            case .bar: .bar
            case .none: .silent
            case .auto: options.isQuiet || !terminal.canRedraw ? .silent : .bar
            }
        isQuiet = options.isQuiet
        explains = options.explains
        summarises =
            style != .json && !isQuiet && (terminal.isTerminal || explains || options.verbosity > 0 || style == .bar)
        trackers = options.request.trackers
        hasManager = !options.request.managers.isEmpty
        url = options.request.url
        path = options.destination == .standardOutput ? "-" : options.request.destination
        self.errors = errors
        self.output = output
        nextDrawing = .now + Self.drawingInterval
    }

    /// Whether nobody is told how far the download is.
    var isSilent: Bool { style == .silent }

    /// When `tick` has something to do; nil: not before the next event.
    var wakeUp: ContinuousClock.Instant? { pending == nil ? nil : nextDrawing }

    func started() {
        if style == .json { print(JSONProgress.start(url: url, path: path, trackers: trackers)) }
    }

    mutating func progressed(_ progress: DownloadProgress) {
        switch style {
        case .json: print(JSONProgress.progress(progress))
        case .bar: pending = progress
        case .silent: break
        }
    }

    /// Draws what is due.
    mutating func tick(_ now: ContinuousClock.Instant = .now) {
        guard let progress = pending, now >= nextDrawing else { return }
        pending = nil
        nextDrawing = now + Self.drawingInterval
        guard terminal.isForeground else { return }
        let line = ProgressBar.line(progress, width: terminal.width, colours: terminal.hasColours)
        say("\r" + line + "\u{1B}[K")
        isLineDrawn = true
    }

    mutating func warned(_ message: String) {
        if style == .json { print(JSONProgress.warning(message)) }
        guard !isQuiet else { return }
        clearLine()
        say("minion: warning: \(message.printable)\n")
    }

    mutating func logged(_ line: String) {
        clearLine()
        say(line.printable + "\n")
    }

    mutating func finished(_ progress: DownloadProgress) {
        pending = nil
        clearLine()
        if style == .json { print(JSONProgress.finished(progress, path: path)) }
        if summarises {
            let name = path == "-" ? "stdout" : String(path.split(separator: "/").last ?? "")
            say(Summary.line(progress, name: name.printable) + "\n")
        }
        if explains, style != .json {
            let lines = Summary.explanation(progress, hasTracker: !trackers.isEmpty || hasManager)
            say(lines.map { $0.printable + "\n" }.joined())
        }
    }

    mutating func failed(_ error: CommandError) {
        cleared()
        if style == .json { print(JSONProgress.failed(error)) }
        say(error.text)
    }

    /// Takes the bar away, before another may write to the terminal.
    mutating func cleared() {
        pending = nil
        clearLine()
    }

    private mutating func clearLine() {
        guard isLineDrawn else { return }
        say("\r\u{1B}[K")
        isLineDrawn = false
    }

    private func say(_ text: String) { FileDescriptors.writeAll(errors, text) }
    private func print(_ text: String) { FileDescriptors.writeAll(output, text) }
}
