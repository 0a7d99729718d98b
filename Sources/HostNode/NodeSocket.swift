package import Glibc

/// The socket through which programs of one host talk to its node: where it is, and the few calls that it needs.
package enum NodeSocket {
    /// The longest path in bytes; what the system's address has room for.
    package static let maximumLength = 107
    /// Where a node of the whole host listens.
    package static let hostPlace = "/run/minion/node.sock"

    /// Where a node listens if nothing else is said: `/run/minion/node.sock` for root; for others below
    /// `$XDG_RUNTIME_DIR`, else below `~/.local/state`. Nil if there is neither.
    package static func standardPlace(environment: [String: String], isRoot: Bool) -> String? {
        if isRoot { return hostPlace }
        if let runtime = environment["XDG_RUNTIME_DIR"], runtime.hasPrefix("/") { return runtime + "/minion/node.sock" }
        if let home = environment["HOME"], home.hasPrefix("/") { return home + "/.local/state/minion/node.sock" }
        return nil
    }

    /// Where programs look for a node: the user's own first, then the host's.
    package static func standardPlaces(environment: [String: String], isRoot: Bool) -> [String] {
        let own = standardPlace(environment: environment, isRoot: isRoot)
        return own == hostPlace ? [hostPlace] : [own, hostPlace].compactMap { $0 }
    }

    static func checkLength(of path: String) throws(HostError) {
        guard path.utf8.count <= maximumLength else {
            throw HostError(
                "the path of the socket, \(path), has \(path.utf8.count) bytes; \(maximumLength) are the limit",
                hint: "name a shorter one with --socket or MINION_SOCKET")
        }
        guard !path.isEmpty, !path.utf8.contains(0) else { throw HostError("the path of the socket is empty") }
    }

    /// A stream socket that programs started from here do not inherit.
    static func make() throws(HostError) -> CInt {
        let fd = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { throw HostError("cannot make a socket: \(lastError())") }
        return fd
    }

    /// Calls `body` with the address that belongs to a path of allowed length.
    static func withAddress<Result>(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(maximumLength)) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }

    /// Connects; the error number if that fails.
    static func connect(_ fd: CInt, to path: String) -> CInt? {
        while withAddress(path, { Glibc.connect(fd, $0, $1) }) != 0 {
            if errno == EISCONN { return nil }
            if errno != EINTR { return errno }
        }
        return nil
    }
}

/// Who is at the other end of a local socket (`SO_PEERCRED`): its `ucred`.
package struct PeerCredentials: Hashable, Sendable {
    /// Of the process that connected, or that listens.
    package var processID: pid_t = 0
    package var userID: uid_t = .max
    package var groupID: gid_t = .max

    package init() {}

    /// Nil if the system does not say.
    package init?(of fd: CInt) {
        self.init()
        var length = socklen_t(MemoryLayout<PeerCredentials>.size)
        guard getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &self, &length) == 0 else { return nil }
    }

    /// Whether a node or a program of user `own` may talk to this one: it is the same user's, or root's.
    package func mayTalk(to own: uid_t) -> Bool { userID == own || userID == 0 }
}

/// What the last failed system call says, in words.
func lastError() -> String { words(errno) }

func words(_ error: CInt) -> String { String(cString: strerror(error)).lowercased() }
