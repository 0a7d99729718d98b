import Dispatch
import Glibc
import Synchronization

/// Copies a file to stdout while it grows from its front, on a thread of its own: a reader may be slow.
final class PrefixStreamer: Sendable {
    enum Outcome: Hashable, Sendable {
        /// Every byte was written.
        case complete
        /// The reader closed the pipe.
        case closed
        case failed(String)
    }

    private struct State {
        /// What may be copied.
        var verified: Int64 = 0
        var isLast = false
        var outcome: Outcome?
    }

    /// Becomes readable (at its end) when there is an outcome.
    let end: Int32
    private let endSignal: Int32
    private let source: Int32
    private let output: Int32
    private let state = Mutex(State())
    private let changed = DispatchSemaphore(value: 0)

    private static let bufferSize = 256 << 10

    /// Opens the file, which must be `owner`'s, if one is given. It may be renamed or removed afterwards.
    init(path: String, owner: uid_t? = nil, output: Int32) throws(CommandError) {
        source = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard source >= 0 else { throw CommandError("cannot read \(path.quoted): \(lastError())") }
        var status = stat()
        if let owner, fstat(source, &status) != 0 || status.st_uid != owner {
            close(source)
            throw CommandError("the node names a file that is not its own: \(path.quoted)")
        }
        (end, endSignal) = try FileDescriptors.makePipe()
        self.output = output
        // Ends after `finish`, on any error, or with the process, which does not outlive its download.
        DispatchQueue(label: "stdout").async { self.copy() }
    }

    deinit {
        close(source)
        close(end)
    }

    var outcome: Outcome? { state.withLock { $0.outcome } }

    /// The first `bytes` bytes of the file may be copied.
    func advance(to bytes: Int64) {
        state.withLock { $0.verified = max($0.verified, bytes) }
        changed.signal()
    }

    /// The whole file may be copied, and that is all.
    func finish() {
        let size = Int64(lseek(source, 0, SEEK_END))
        state.withLock {
            $0.verified = max($0.verified, size)
            $0.isLast = true
        }
        changed.signal()
    }

    private func copy() {
        var sent: Int64 = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.bufferSize, alignment: 4096)
        defer { buffer.deallocate() }
        while true {
            let (verified, isLast) = state.withLock { ($0.verified, $0.isLast) }
            if sent < verified {
                let wanted = Int(min(verified - sent, Int64(buffer.count)))
                let count = pread(source, buffer.baseAddress, wanted, off_t(sent))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return stop(.failed(count < 0 ? lastError() : "the file became shorter")) }
                let chunk = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                if let error = FileDescriptors.writeAll(output, chunk) {
                    return stop(error == EPIPE ? .closed : .failed(String(cString: strerror(error)).lowercased()))
                }
                sent += Int64(count)
            } else if isLast {
                return stop(.complete)
            } else {
                changed.wait()
            }
        }
    }

    private func stop(_ outcome: Outcome) {
        state.withLock { $0.outcome = outcome }
        close(endSignal)
    }
}
