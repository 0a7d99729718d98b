import Glibc
import HostNode
import MinionCore
import PieceStore

/// Looks at what a node depends on of its own host. Every look is short.
package struct HostExamination {
    package let settings: PeerSettings

    package init(settings: PeerSettings) { self.settings = settings }

    /// In the order in which they matter.
    package func findings() -> [DoctorFinding] {
        let (socket, isRunning) = socketFinding()
        return [socket, portFinding(isRunning: isRunning), cacheFinding(), openFilesFinding()]
    }

    // MARK: - The node

    private func socketFinding() -> (DoctorFinding, isRunning: Bool) {
        let path = settings.socket
        do throws(HostError) {
            let node = try HostConnection(path: path)
            return (
                DoctorFinding("socket", .ok, "a node answers at \(path) (process \(node.node.processID))"), true
            )
        } catch {
            guard access(path, F_OK) == 0 else {
                return (
                    DoctorFinding(
                        "socket", .warn, "no node runs on this host: there is no \(path)",
                        fix: "start one: minion peer, or systemctl start minion-peer"), false
                )
            }
            return (DoctorFinding("socket", .fail, error.message, fix: error.hint ?? "restart the node"), false)
        }
    }

    private func portFinding(isRunning: Bool) -> DoctorFinding {
        guard let listen = Endpoint(listening: settings.listen, defaultPort: 0), listen.port > 0 else {
            return DoctorFinding(
                "port", .ok,
                "a free one each time; where a firewall is between machines, --listen :PORT names one for it")
        }
        let (canBind, error) = Self.tryPort(listen.port)
        if canBind {
            return isRunning
                ? DoctorFinding(
                    "port", .warn, "the node that runs does not serve on port \(listen.port)",
                    fix: "restart it, so that it takes on its settings")
                : DoctorFinding("port", .ok, "port \(listen.port) is free")
        }
        return isRunning
            ? DoctorFinding("port", .ok, "port \(listen.port) is in use, as it should be while the node runs")
            : DoctorFinding(
                "port", .fail, "port \(listen.port) cannot be used: \(error)",
                fix: "end what uses it ('ss -ltnp' tells), or name another with --listen")
    }

    /// Whether the port is free on all addresses; else why not.
    private static func tryPort(_ port: Int) -> (Bool, String) {
        let fd = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { return (false, lastError()) }
        defer { close(fd) }
        var one: CInt = 1
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<CInt>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(clamping: port)).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return result == 0 ? (true, "") : (false, lastError())
    }

    // MARK: - The cache

    private func cacheFinding() -> DoctorFinding {
        let folder = settings.cacheFolder
        var status = stat()
        if lstat(folder, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else {
                return DoctorFinding("cache", .fail, "\(folder) is no folder", fix: "name another with --cache-dir")
            }
            guard status.st_uid == geteuid() || geteuid() == 0 else {
                return DoctorFinding(
                    "cache", .fail, "\(folder) is another user's", fix: "run this as the user of the node, or chown it")
            }
            guard status.st_mode & 0o022 == 0 else {
                return DoctorFinding(
                    "cache", .fail, "\(folder) may be written to by others", fix: "chmod 0700 \(folder)")
            }
        } else {
            let parent = Self.nearestFolder(of: folder)
            guard access(parent, W_OK | X_OK) == 0 else {
                return DoctorFinding(
                    "cache", .fail, "\(folder) is not there and cannot be made in \(parent): \(lastError())",
                    fix: "make it, owned by the user of the node, or name another with --cache-dir")
            }
        }
        var space = statvfs()
        guard statvfs(Self.nearestFolder(of: folder), &space) == 0, let limit = try? settings.cacheLimit() else {
            return DoctorFinding("cache", .fail, "cannot look at \(folder): \(lastError())")
        }
        return Self.spaceFinding(
            folder, free: Int64(space.f_bavail) * Int64(space.f_frsize),
            capacity: Int64(space.f_blocks) * Int64(space.f_frsize), limit: limit)
    }

    /// All in bytes; `limit` is how far the cache may grow.
    package static func spaceFinding(_ folder: String, free: Int64, capacity: Int64, limit: Int64) -> DoctorFinding {
        let text = "\(folder) has \(ByteSize(free)) free, and may grow to \(ByteSize(limit))"
        guard free < max(1 << 30, capacity / 20) else { return DoctorFinding("cache", .ok, text) }
        return DoctorFinding(
            "cache", free < 64 << 20 ? .fail : .warn, text,
            fix: "make room, lower --cache-size, or put it elsewhere with --cache-dir")
    }

    private static func nearestFolder(of path: String) -> String {
        var folder = path
        while access(folder, F_OK) != 0, folder != "/", let slash = folder.lastIndex(of: "/") {
            folder = slash == folder.startIndex ? "/" : String(folder[..<slash])
        }
        return folder
    }

    // MARK: - Limits

    private func openFilesFinding() -> DoctorFinding {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return Self.openFilesFinding(limit.rlim_max)
    }

    /// What the system's limit of open files means.
    package static func openFilesFinding(_ limit: UInt) -> DoctorFinding {
        let text = "this user's programs may have \(limit) files and connections open"
        guard limit < 8192 else { return DoctorFinding("open files", .ok, text) }
        return DoctorFinding(
            "open files", limit < 256 ? .fail : .warn, text,
            fix: "raise it: LimitNOFILE=65536 in the unit of the node, or 'ulimit -Hn 65536'")
    }
}
