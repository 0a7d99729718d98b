import FoundationEssentials
import Glibc

/// What is known about the terminal behind a file descriptor.
struct Terminal {
    let fd: Int32
    private let environment: [String: String]

    init(fd: Int32, environment: [String: String]) {
        self.fd = fd
        self.environment = environment
    }

    var isTerminal: Bool { isatty(fd) == 1 }

    /// Whether the cursor can be moved on it.
    var canRedraw: Bool { isTerminal && environment["TERM"] != "dumb" }

    /// See https://no-color.org.
    var hasColours: Bool { canRedraw && (environment["NO_COLOR"] ?? "").isEmpty }

    /// Whether this process is the one that the user looks at, not a job in the background.
    var isForeground: Bool {
        let group = tcgetpgrp(fd)
        return group < 0 || group == getpgrp()
    }

    /// Columns; 80 if nobody knows.
    var width: Int {
        var size = winsize()
        if ioctl(fd, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
        return environment["COLUMNS"].flatMap { Int($0) }.flatMap { (1...1000).contains($0) ? $0 : nil } ?? 80
    }
}
