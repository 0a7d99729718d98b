import Glibc

/// A node's end of the local socket: bound, listening, and nobody else's.
///
/// A lock beside the socket keeps two nodes from sharing a path, whatever happened to those before them. What a dead node
/// left is replaced.
package final class HostListener: Sendable {
    package let path: String
    package let descriptor: CInt
    private let lock: CInt
    private let device: dev_t
    private let inode: ino_t

    /// Throws `HostError` if the path is too long, is something else than a socket, or belongs to a living node, which is
    /// named. Makes the folder if it is missing, for its owner only.
    package init(path: String) throws(HostError) {
        try NodeSocket.checkLength(of: path)
        try Self.makeFolder(of: path)
        self.path = path
        lock = try Self.lock(path)
        do throws(HostError) {
            try Self.removeStale(path)
            descriptor = try Self.bind(path)
        } catch {
            close(lock)
            throw error
        }
        var status = stat()
        stat(path, &status)
        (device, inode) = (status.st_dev, status.st_ino)
    }

    deinit { close(lock) }

    /// Takes the socket's name away, unless it has become somebody else's. The descriptor is closed by whoever serves it.
    package func remove() {
        var status = stat()
        if lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode { unlink(path) }
    }

    // MARK: - Steps

    private static func makeFolder(of path: String) throws(HostError) {
        let names = path.split(separator: "/").dropLast()
        var folder = path.hasPrefix("/") ? "" : "."
        for (index, name) in names.enumerated() {
            folder += "/" + name
            let mode: mode_t = index == names.count - 1 ? 0o700 : 0o755
            if mkdir(folder, mode) != 0, errno != EEXIST, access(folder, F_OK) != 0 {
                throw HostError(
                    "cannot make the folder \(folder) for the socket: \(lastError())",
                    hint: "name another place with --socket or MINION_SOCKET")
            }
        }
    }

    /// Held as long as the listener lives.
    private static func lock(_ path: String) throws(HostError) -> CInt {
        let name = path + ".lock"
        let fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard fd >= 0 else {
            throw HostError(
                "cannot write \(name): \(lastError())", hint: "name another place with --socket or MINION_SOCKET")
        }
        guard flock(fd, LOCK_EX | LOCK_NB) == 0 else {
            let error = errno
            close(fd)
            guard error == EWOULDBLOCK else { throw HostError("cannot lock \(name): \(words(error))") }
            throw taken(path, by: living(path))
        }
        return fd
    }

    private static func taken(_ path: String, by node: pid_t?) -> HostError {
        HostError(
            "another node listens on \(path)" + (node.map { " (process \($0))" } ?? ""),
            hint: "stop it, or name another socket with --socket or MINION_SOCKET")
    }

    /// The process that listens on a socket.
    private static func living(_ path: String) -> pid_t? {
        guard let fd = try? NodeSocket.make() else { return nil }
        defer { close(fd) }
        guard NodeSocket.connect(fd, to: path) == nil else { return nil }
        return PeerCredentials(of: fd)?.processID
    }

    private static func removeStale(_ path: String) throws(HostError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw HostError("\(path) is there and is no socket", hint: "remove it, or name another place with --socket")
        }
        guard status.st_uid == geteuid() || geteuid() == 0 else {
            throw HostError(
                "the socket \(path) belongs to another user", hint: "name another place with --socket or MINION_SOCKET")
        }
        if let node = living(path) { throw taken(path, by: node) }
        guard unlink(path) == 0 || errno == ENOENT else {
            throw HostError("cannot replace the socket \(path): \(lastError())")
        }
    }

    private static func bind(_ path: String) throws(HostError) -> CInt {
        let fd = try NodeSocket.make()
        // The name gets the rights of the descriptor, so nobody else can connect at any moment.
        fchmod(fd, 0o600)
        guard NodeSocket.withAddress(path, { Glibc.bind(fd, $0, $1) }) == 0 else {
            let error = HostError("cannot listen on \(path): \(lastError())")
            close(fd)
            throw error
        }
        chmod(path, 0o600)
        guard listen(fd, 256) == 0 else {
            let error = HostError("cannot listen on \(path): \(lastError())")
            close(fd)
            throw error
        }
        return fd
    }
}
