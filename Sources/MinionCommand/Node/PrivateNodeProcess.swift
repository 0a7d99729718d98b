import Glibc
import HostNode
import MinionCore

/// The node that `minion get` starts for one download: this program again, in a process of its own that may outlive the
/// one which the user started.
final class PrivateNodeProcess: NodeConnection {
    private let processID: pid_t
    let messages: Int32
    private var input: Int32

    /// Starts `executable` with an empty environment of files: stdin and stdout are pipes from and to here, stderr is
    /// `errorFile` or nothing, and no other descriptor is passed on; so whoever waits for the end of this program's own
    /// output does not wait for the node.
    init(
        executable: String, arguments: [String], environment: [String: String], errorFile: Int32? = nil
    ) throws(CommandError) {
        let orders = try FileDescriptors.makePipe()
        let messages = try FileDescriptors.makePipe()
        defer {
            close(orders.read)
            close(messages.write)
        }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, orders.read, 0)
        posix_spawn_file_actions_adddup2(&actions, messages.write, 1)
        if let errorFile {
            posix_spawn_file_actions_adddup2(&actions, errorFile, 2)
        } else {
            posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        }
        for fd in FileDescriptors.inheritable() where fd > 2 { posix_spawn_file_actions_addclose(&actions, fd) }

        // The node starts with no signal blocked or ignored, whatever is set here.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var defaults = sigset_t()
        sigemptyset(&defaults)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD] { sigaddset(&defaults, signal) }
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var processID: pid_t = 0
        let result = Self.withCStrings(arguments) { argv in
            Self.withCStrings(environment.map { "\($0.key)=\($0.value)" }) { environment in
                posix_spawn(&processID, executable, &actions, &attributes, argv, environment)
            }
        }
        guard result == 0 else {
            close(orders.write)
            close(messages.read)
            throw CommandError("cannot start a node: \(String(cString: strerror(result)).lowercased())")
        }
        FileDescriptors.makeNonBlocking(messages.read)
        self.processID = processID
        self.messages = messages.read
        input = orders.write
    }

    deinit {
        close(messages)
        if input >= 0 { close(input) }
    }

    /// Tells the node what to do. A node that is already gone shows at the end of its messages.
    func send(_ order: NodeOrder) throws {
        let line = try JSONLines.encode(order)
        line.withUnsafeBytes { _ = FileDescriptors.writeAll(input, $0) }
    }

    /// The node's input is closed, which says that the user is gone, and it is sent SIGTERM; if it is not gone after
    /// `patience`, it is killed.
    func stop(patience: Duration, impatience: Int32) {
        closeInput()
        kill(processID, SIGTERM)
        waitForEnd(patience: patience, impatience: impatience)
    }

    /// A node that is not gone after `patience` is killed.
    func waitForEnd(patience: Duration, impatience: Int32) {
        closeInput()
        let deadline = ContinuousClock.now + patience
        var buffer = [UInt8](repeating: 0, count: 4096)
        var open = messages
        var status: Int32 = 0
        while waitpid(processID, &status, WNOHANG) == 0 {
            let left = Int32(clamping: Int64(max(0, ContinuousClock.now.duration(to: deadline).inSeconds) * 1000))
            // The end of the messages is the end of the process, but for a moment.
            var pollers = [
                pollfd(fd: open, events: Int16(POLLIN), revents: 0),
                pollfd(fd: impatience, events: Int16(POLLIN), revents: 0),
            ]
            poll(&pollers, nfds_t(pollers.count), open < 0 ? min(left, 2) : left)
            if left == 0 || pollers[1].revents != 0 {
                kill(processID, SIGKILL)
                while waitpid(processID, &status, 0) < 0, errno == EINTR {}
                return
            }
            if pollers[0].revents != 0, read(messages, &buffer, buffer.count) == 0 { open = -1 }
        }
    }

    func unexpectedEnd() -> CommandError {
        CommandError(
            "the node ended unexpectedly (\(describeEnd()))",
            hint: "what has arrived is kept: the same command goes on from there; --logfile FILE tells more")
    }

    private func describeEnd() -> String {
        var status: Int32 = 0
        while waitpid(processID, &status, 0) < 0 {
            if errno != EINTR { return "it is gone" }
        }
        let signal = status & 0x7f
        return signal == 0 ? "exit code \(status >> 8 & 0xff)" : "signal \(signal)"
    }

    private func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let pointers = strings.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers + [nil])
    }
}
