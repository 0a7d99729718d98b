import Glibc
import HostNode
import Node
import Synchronization

/// The node's end of its messages to `minion get`. Nobody may read them for a while (Ctrl-Z), so what can be left out is
/// left out then; the result of the download is not.
final class MessageWriter: Sendable {
    private let fd: Int32
    /// Held during a write, so that lines from several threads do not mix.
    private let isOpen = Mutex(true)

    init(fd: Int32) {
        self.fd = fd
        FileDescriptors.makeNonBlocking(fd)
    }

    /// Writes the message unless the pipe is full; the later ones make up for it.
    func offer(_ message: NodeMessage) {
        guard let line = try? JSONLines.encode(message) else { return }
        isOpen.withLock { isOpen in
            guard isOpen else { return }
            // A pipe takes up to PIPE_BUF bytes whole or not at all; of a longer line the rest must follow.
            let count = line.withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
            if count > 0, count < line.count {
                line[count...].withUnsafeBytes { _ = FileDescriptors.writeAll(fd, $0) }
            }
        }
    }

    /// Writes the last message, waiting for a reader as long as there is one.
    func end(with message: NodeMessage) {
        guard let line = try? JSONLines.encode(message) else { return }
        isOpen.withLock { isOpen in
            guard isOpen else { return }
            line.withUnsafeBytes { _ = FileDescriptors.writeAll(fd, $0) }
            isOpen = false
        }
    }
}
