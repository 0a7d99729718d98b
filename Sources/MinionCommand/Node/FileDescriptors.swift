import Glibc

/// The few calls on bare file descriptors that the processes of `minion get` need.
enum FileDescriptors {
    /// Makes sure that 0, 1 and 2 are taken, so that no pipe takes the place of a closed stdout. To use one that was
    /// closed stays an error.
    static func reserveStandardStreams() {
        for fd in STDIN_FILENO...STDERR_FILENO where fcntl(fd, F_GETFD) < 0 {
            // The lowest free number, which is this one.
            _ = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }

    /// Lets the process open as many files and connections as the system grants. The customary limit of 1,024 is there
    /// for programs that use `select`.
    static func raiseLimit() {
        let openFiles = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(openFiles, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(openFiles, &limit)
    }

    /// A pipe that programs started from here do not inherit.
    static func makePipe() throws(CommandError) -> (read: Int32, write: Int32) {
        var ends: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &ends) { pipe($0.assumingMemoryBound(to: Int32.self).baseAddress) }
        guard result == 0 else { throw CommandError("cannot make a pipe: \(lastError())") }
        for fd in [ends.0, ends.1] { _ = fcntl(fd, F_SETFD, FD_CLOEXEC) }
        return ends
    }

    /// What a program that is started from here would find open.
    static func inheritable() -> [Int32] {
        guard let folder = opendir("/proc/self/fd") else { return [] }
        defer { closedir(folder) }
        var found: [Int32] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let fd = Int32(name), fcntl(fd, F_GETFD) & FD_CLOEXEC == 0 { found.append(fd) }
        }
        return found
    }

    static func makeNonBlocking(_ fd: Int32) {
        _ = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)
    }

    /// Writes everything, waiting as long as it takes; the error number if that fails.
    @discardableResult
    static func writeAll(_ fd: Int32, _ bytes: UnsafeRawBufferPointer) -> Int32? {
        var rest = bytes
        while !rest.isEmpty {
            let count = write(fd, rest.baseAddress, rest.count)
            if count >= 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            } else if errno == EAGAIN {
                var poller = pollfd(fd: fd, events: Int16(POLLOUT), revents: 0)
                poll(&poller, 1, -1)
            } else if errno != EINTR {
                return errno
            }
        }
        return nil
    }

    @discardableResult
    static func writeAll(_ fd: Int32, _ text: String) -> Int32? {
        var text = text
        return text.withUTF8 { writeAll(fd, UnsafeRawBufferPointer($0)) }
    }
}
