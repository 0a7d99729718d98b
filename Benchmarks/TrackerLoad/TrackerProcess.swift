import Glibc
import MinionCore

/// A tracker of this program's folder, as long as a measurement takes.
struct TrackerProcess {
    let endpoint: Endpoint
    private let pid: pid_t
    private let folder: String

    struct StartError: Error, CustomStringConvertible {
        var description: String
    }

    /// Starts it on a free port of the loopback.
    static func start() throws -> TrackerProcess {
        guard let own = realpath("/proc/self/exe", nil) else { throw StartError(description: "no /proc/self/exe") }
        defer { free(own) }
        let binary = String(cString: own).split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/minion"
        var template = Array("/tmp/minion-load-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw StartError(description: "cannot make a folder in /tmp") }
        let folder = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map(UInt8.init), as: UTF8.self) }

        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw StartError(description: "cannot make a pipe") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        posix_spawn_file_actions_addclose(&actions, ends[0])
        posix_spawn_file_actions_addclose(&actions, ends[1])
        let arguments = [
            binary, "serve", "--roles", "scheduler", "--listen", "127.0.0.1:0", "--data-dir", folder, "--log-level",
            "warning",
        ]
        var pid = pid_t()
        let cStrings = arguments.map { strdup($0) } + [nil]
        defer { for string in cStrings { free(string) } }
        let result = posix_spawn(&pid, binary, &actions, nil, cStrings, environ)
        close(ends[1])
        defer { close(ends[0]) }
        guard result == 0 else { throw StartError(description: "cannot start \(binary)") }
        // "minion serves on 127.0.0.1:40311"
        guard let line = firstLine(from: ends[0]), let address = line.split(separator: " ").last,
            let endpoint = Endpoint(String(address))
        else {
            kill(pid, SIGKILL)
            throw StartError(description: "\(binary) did not say where it listens")
        }
        return TrackerProcess(endpoint: endpoint, pid: pid, folder: folder)
    }

    func stop() {
        kill(pid, SIGTERM)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        unlink(folder + "/tracker.key")
        rmdir(folder)
    }

    /// What it takes of the machine's memory, in bytes.
    var memory: Int? {
        let line = CPU.read("/proc/\(pid)/status").split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line?.split { !$0.isNumber }.first.flatMap { Int($0) }.map { $0 << 10 }
    }

    var cpuSeconds: Double? { CPU.seconds(of: "\(pid)") }

    private static func firstLine(from descriptor: Int32) -> String? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while read(descriptor, &byte, 1) == 1 {
            if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
        return nil
    }
}

/// What the system says of processes.
enum CPU {
    static var ownSeconds: Double { seconds(of: "self") ?? 0 }

    /// User and system time of a process.
    static func seconds(of process: String) -> Double? {
        let text = read("/proc/\(process)/stat")
        // The name, in parentheses, is the only field that may have spaces.
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    static func read(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
