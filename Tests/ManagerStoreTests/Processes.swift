import Foundation
import Testing

/// A program that runs beside the tests. Foundation's `Process` would wait for all that the program leaves behind, such
/// as a server.
struct Child: Sendable {
    let id: pid_t

    /// - Parameters:
    ///   - input: what it reads; nothing if nil.
    ///   - log: the file that it prints to.
    init(_ command: [String], input: Int32? = nil, log: String = "/dev/null", inOwnSession: Bool = false) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // The program gets nothing else of what is open here.
        for descriptor in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
            if let number = Int32(descriptor), number > 2 { _ = fcntl(number, F_SETFD, FD_CLOEXEC) }
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // POSIX_SPAWN_SETSID, which Swift does not see.
        if inOwnSession { posix_spawnattr_setflags(&attributes, 0x80) }
        // Where every user may be.
        var arguments = (["env", "-C", "/tmp"] + command).map { strdup($0) }
        defer { for argument in arguments { free(argument) } }
        arguments.append(nil)
        var id: pid_t = 0
        let status = posix_spawnp(&id, "env", &actions, &attributes, arguments, environ)
        try #require(status == 0, "\(command[0]): \(String(cString: strerror(status)))")
        self.id = id
    }

    /// How it ended; what a shell would say of signals.
    func wait() async -> Int32 {
        await withCheckedContinuation { continuation in
            // Not on a thread that other tests wait for.
            DispatchQueue.global().async {
                var status: Int32 = 0
                while waitpid(id, &status, 0) < 0, errno == EINTR {}
                let signal = status & 0x7F
                continuation.resume(returning: signal == 0 ? status >> 8 & 0xFF : 128 + signal)
            }
        }
    }

    func kill() { _ = sendSignal(id, SIGKILL) }
}

private func sendSignal(_ process: pid_t, _ signal: Int32) -> Int32 { kill(process, signal) }

/// A name in the folder for temporary files that nobody else has.
func temporaryName(_ prefix: String) -> String { "/tmp/\(prefix)-\(UUID().uuidString)" }

struct ProgramError: Error {
    let command: [String]
    let output: String
}

/// Runs a program to its end, and returns what it printed.
@discardableResult
func run(_ command: [String], check: Bool = true) async throws -> String {
    let log = temporaryName("minion-run")
    defer { try? FileManager.default.removeItem(atPath: log) }
    let status = try await Child(command, log: log).wait()
    let output = try String(contentsOfFile: log, encoding: .utf8)
    if check && status != 0 { throw ProgramError(command: command, output: output) }
    return output
}

/// Waits until a condition holds.
func eventually(
    within limit: Duration = .seconds(20), _ what: Comment, _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !condition() {
        try #require(ContinuousClock.now < end, what)
        try await Task.sleep(for: .milliseconds(20))
    }
}

/// Lets only so many in at a time.
actor Gate {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ free: Int) { self.free = free }

    func enter() async {
        if free > 0 { free -= 1 } else { await withCheckedContinuation { waiting.append($0) } }
    }

    func leave() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}

/// Gives `body` an empty folder of its own and removes it afterwards.
func withFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let path = temporaryName("manager-store")
    try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}
