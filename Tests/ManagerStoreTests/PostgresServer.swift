import Foundation
import Synchronization
import Testing

/// A PostgreSQL server of the tests' own: Debian's programs in a temporary folder, as an ordinary user, on a free port.
/// It ends with the tests, however they end.
final class PostgresServer: Sendable {
    let port: Int
    private let folder: String
    private let programs: String
    /// What makes a command run as a user whom PostgreSQL accepts: it does not run as root.
    private let prefix: [String]
    private let databases = Atomic(0)

    /// The server that most tests share; each makes a database of its own.
    static let shared = Task { try await PostgresServer() }

    /// - Parameter options: settings beside the usual ones.
    init(options: [String] = []) async throws {
        programs = try Self.findPrograms()
        prefix = try Self.findPrefix()
        port = try Self.freePort()
        folder = temporaryName("minion-postgres")
        _ = try Watchdog(prefix: prefix, programs: programs, folder: folder)
        try await run(prefix + ["mkdir", "-m", "700", folder])
        try await run(
            prefix + [
                programs + "/initdb", "-D", folder + "/data", "-U", "minion", "-A", "trust", "-E", "UTF8",
                "--locale=C.UTF-8", "--no-sync",
            ])
        let settings = [
            "listen_addresses = '127.0.0.1'", "port = \(port)", "unix_socket_directories = ''", "max_connections = 200",
            "fsync = off", "log_min_messages = fatal",
        ]
        let text = (settings + options).joined(separator: "\n") + "\n"
        let file = folder + "/data/postgresql.auto.conf"
        try await run(prefix + ["sh", "-c", "printf '%s' \"$1\" >> \"$2\"", "sh", text, file])
        try await start()
    }

    func start() async throws {
        try await run(
            prefix + [
                programs + "/pg_ctl", "-D", folder + "/data", "-l", folder + "/log", "-w", "-t", "60", "start",
            ])
    }

    enum Ending: String {
        /// Ends connections, writes everything.
        case fast
        /// Leaves everything as a crash would.
        case immediate
    }

    func stop(_ ending: Ending) async throws {
        try await run(prefix + [programs + "/pg_ctl", "-D", folder + "/data", "-m", ending.rawValue, "-w", "stop"])
    }

    /// Kills all processes of the server at once.
    func kill() async throws { try await signal("KILL") }

    /// No process of the server does anything until `thaw`.
    func freeze() async throws { try await signal("STOP") }

    func thaw() async throws { try await signal("CONT") }

    private func signal(_ name: String) async throws {
        let script = """
            main=$(head -n 1 "$1/data/postmaster.pid"); children=$(ps -o pid= --ppid "$main"); kill -\(name) $main $children 2>/dev/null || true
            """
        try await run(["sh", "-c", script, "sh", folder])
    }

    /// Takes encrypted connections from now on.
    func useTLS(key: String, certificate: String) async throws {
        try await stop(.fast)
        let script = "cat > \"$1\" && chmod 600 \"$1\""
        for (file, name) in [(key, "server.key"), (certificate, "server.crt")] {
            // Written by the server's user, who may not read the tests' files.
            let pipe = ["sh", "-c", "f=$1; shift; \"$@\" < \"$f\"", "sh", file]
            try await run(pipe + prefix + ["sh", "-c", script, "sh", folder + "/data/" + name])
        }
        let file = folder + "/data/postgresql.auto.conf"
        try await run(prefix + ["sh", "-c", "echo 'ssl = on' >> \"$1\"", "sh", file])
        try await start()
    }

    /// A new, empty database.
    func makeDatabase(encoding: String? = nil) async throws -> String {
        let name = "test\(databases.add(1, ordering: .relaxed).newValue)"
        let options = encoding.map { ["-E", $0, "-T", "template0", "--locale=C"] } ?? []
        try await run([programs + "/createdb", "-h", "127.0.0.1", "-p", String(port), "-U", "minion", name] + options)
        return name
    }

    func url(_ database: String, user: String = "minion", _ options: String = "") -> String {
        "postgres://\(user)@127.0.0.1:\(port)/\(database)\(options)"
    }

    /// Runs SQL beside the store; returns what it prints.
    @discardableResult
    func psql(_ database: String, _ sql: String) async throws -> String {
        try await run([programs + "/psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-c", sql, url(database)])
    }

    // MARK: Surroundings

    private static func findPrograms() throws -> String {
        let base = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []
        let newest = versions.compactMap(Int.init).max()
        return base + "/\(try #require(newest, "PostgreSQL is missing: install the package postgresql"))/bin"
    }

    private static func findPrefix() throws -> [String] {
        guard geteuid() == 0 else { return [] }
        let user = getpwnam("postgres") == nil ? "nobody" : "postgres"
        return ["setpriv", "--reuid", user, "--regid", user == "nobody" ? "nogroup" : user, "--clear-groups", "--"]
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, length) == 0 && getsockname(descriptor, generic, &length) == 0
            }
        }
        try #require(status)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

/// A process that waits until this one ends, and then removes the server and its folder.
private struct Watchdog {
    init(prefix: [String], programs: String, folder: String) throws {
        let script = """
            cat >/dev/null; "$1/pg_ctl" -D "$2/data" -m immediate stop; rm -rf "$2"
            """
        var ends: [Int32] = [0, 0]
        let isOpen = pipe(&ends) == 0
        try #require(isOpen)
        // In a session of its own, so that Ctrl-C ends the tests and not this. The other end of the pipe stays open in this
        // process, and only here, until it ends.
        let command = prefix + ["sh", "-c", script, "sh", programs, folder]
        _ = try Child(command, input: ends[0], inOwnSession: true)
        close(ends[0])
    }
}
