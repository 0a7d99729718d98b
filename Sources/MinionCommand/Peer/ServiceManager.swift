import FoundationEssentials
import Glibc

/// Tells systemd how a service is doing, as sd_notify(3) does. Without systemd it tells nobody.
package struct ServiceManager: Sendable {
    /// Where it listens, as in `NOTIFY_SOCKET`: a path, or `@` and an abstract name.
    private let socketName: String?
    /// How often it wants a sign of life (half of the time after which it gives the service up); nil: never.
    package let watchdogInterval: Duration?

    package init(environment: [String: String] = ProcessInfo.processInfo.environment, processID: Int32 = getpid()) {
        socketName = environment["NOTIFY_SOCKET"].flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
        let isMeant = environment["WATCHDOG_PID"].map { $0 == "\(processID)" } ?? true
        watchdogInterval = environment["WATCHDOG_USEC"].flatMap { isMeant ? Int64($0) : nil }
            .flatMap { $0 > 0 ? .microseconds($0 / 2) : nil }
    }

    /// Serving.
    package func ready(_ status: String) { notify("READY=1\nSTATUS=\(status.printable)") }

    /// Reading its settings again; `ready` is to follow.
    package func reloading() {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let microseconds = Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
        notify("RELOADING=1\nMONOTONIC_USEC=\(microseconds)")
    }

    package func stopping() { notify("STOPPING=1") }

    /// A sign of life.
    package func isAlive() { notify("WATCHDOG=1") }

    /// One datagram. Nothing comes of a failure: nobody is left to be told.
    private func notify(_ message: String) {
        guard let socketName else { return }
        let fd = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { return }
        defer { close(fd) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(socketName.utf8)
        if name.first == UInt8(ascii: "@") { name[0] = 0 }
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard name.count < room else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        // Of an abstract name every byte counts, so the length has to be exact.
        let length = socklen_t(MemoryLayout<sockaddr_un>.size - room + name.count)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = message.withCString {
                    sendto(fd, $0, strlen($0), Int32(MSG_NOSIGNAL), address, length)
                }
            }
        }
    }
}
