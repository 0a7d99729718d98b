package import Glibc

/// A program's connection to the node of this host.
package final class HostConnection: Sendable {
    /// The node's messages, as JSON lines; reading does not block.
    package let messages: CInt
    package let path: String
    /// Who the node is.
    package let node: PeerCredentials

    /// How long a node may take to greet; one that is stopped never does.
    package static let patience: Duration = .seconds(2)

    /// Connects to the node at `path`, and reads its greeting. Throws `HostError`.
    package init(path: String, patience: Duration = HostConnection.patience) throws(HostError) {
        try NodeSocket.checkLength(of: path)
        let fd = try NodeSocket.make()
        var isKept = false
        defer { if !isKept { close(fd) } }
        if let error = NodeSocket.connect(fd, to: path) {
            let isDead = error == ECONNREFUSED || error == ENOENT
            throw HostError(
                "no node answers at \(path): \(words(error))",
                hint: isDead ? "start it with 'minion peer', or go without it: --no-node" : nil)
        }
        guard let node = PeerCredentials(of: fd), node.mayTalk(to: geteuid()) || geteuid() == 0 else {
            throw HostError("the node at \(path) is another user's, and not root's", hint: "go without it: --no-node")
        }
        _ = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)
        try Self.readGreeting(fd, path, patience)
        isKept = true
        messages = fd
        self.path = path
        self.node = node
    }

    deinit { close(messages) }

    /// The first node that answers at the places where one is looked for. Nil if there is none.
    package static func find(at places: [String]) -> HostConnection? {
        for place in places where access(place, F_OK) == 0 {
            if let connection = try? HostConnection(path: place) { return connection }
        }
        return nil
    }

    /// Sends the order; a node that is gone meanwhile shows at the end of its messages.
    package func send(_ order: HostOrder) throws {
        let line = try JSONLines.encode(order)
        line.withUnsafeBytes { bytes in
            var rest = bytes
            while !rest.isEmpty {
                // MSG_NOSIGNAL: the node may be gone.
                let count = Glibc.send(messages, rest.baseAddress, rest.count, CInt(MSG_NOSIGNAL))
                if count >= 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                } else if errno == EAGAIN {
                    var poller = pollfd(fd: messages, events: Int16(POLLOUT), revents: 0)
                    poll(&poller, 1, -1)
                } else if errno != EINTR {
                    return
                }
            }
        }
    }

    /// Whom the files must belong to that the node names, if that matters. A node of another user has root talk to it, who
    /// may read everything; it is not to have root read files for it that are not its own.
    package var contentOwner: uid_t? { node.userID == geteuid() || node.userID == 0 ? nil : node.userID }

    /// Ends the conversation; whoever waits in `read` sees its end.
    package func hangUp() { shutdown(messages, CInt(SHUT_RDWR)) }

    /// Reads the next messages, waiting for them; nil at the end. For callers that wait for nothing else.
    package func read(_ splitter: inout LineSplitter) throws -> [NodeMessage]? {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            var poller = pollfd(fd: messages, events: Int16(POLLIN), revents: 0)
            poll(&poller, 1, -1)
            let count = Glibc.read(messages, &buffer, buffer.count)
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            guard count > 0 else { return nil }
            guard let lines = splitter.add(buffer[..<count]) else {
                throw HostError("the node at \(path) talks nonsense")
            }
            guard !lines.isEmpty else { continue }
            return try lines.map { line in
                guard let message = try? JSONLines.decode(NodeMessage.self, from: line) else {
                    throw HostError("the node at \(path) talks nonsense")
                }
                return message
            }
        }
    }

    /// Reads one line and not a byte more: what follows belongs to whoever has the connection.
    private static func readGreeting(_ fd: CInt, _ path: String, _ patience: Duration) throws(HostError) {
        let deadline = ContinuousClock.now + patience
        var line: [UInt8] = []
        while line.last != UInt8(ascii: "\n") {
            let left = ContinuousClock.now.duration(to: deadline).components
            let milliseconds = left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000
            var poller = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
            guard milliseconds > 0, line.count < 4096 else {
                throw HostError("the node at \(path) does not answer", hint: "go without it: --no-node")
            }
            poll(&poller, 1, CInt(clamping: milliseconds))
            guard poller.revents != 0 else { continue }
            var byte: UInt8 = 0
            let count = Glibc.read(fd, &byte, 1)
            if count == 1 {
                line.append(byte)
            } else if count == 0 || errno != EAGAIN && errno != EINTR {
                throw HostError("the node at \(path) hangs up", hint: "go without it: --no-node")
            }
        }
        switch try? JSONLines.decode(NodeMessage.self, from: line.dropLast()) {
        case .hello(let greeting) where greeting.version == HostOrder.version: return
        case .hello(let greeting):
            throw HostError(
                "the node at \(path) is of another version, \(greeting.program)", hint: "restart it, or give --no-node")
        case .refused(let reason): throw HostError("the node at \(path) refuses: \(reason)")
        default: throw HostError("the node at \(path) talks nonsense", hint: "go without it: --no-node")
        }
    }
}
