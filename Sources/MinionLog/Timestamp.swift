#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A moment in UTC, to the millisecond.
package struct Timestamp: Sendable, CustomStringConvertible {
    /// Since 1970-01-01T00:00:00Z.
    package var milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    package static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// RFC 3339: `2026-11-21T03:39:04.783Z`.
    package var description: String {
        var time = tm()
        var seconds = time_t((milliseconds - (milliseconds % 1000 + 1000) % 1000) / 1000)
        gmtime_r(&seconds, &time)
        let date = "\(Int(time.tm_year) + 1900)-\(padded(time.tm_mon + 1, 2))-\(padded(time.tm_mday, 2))"
        let clock = "\(padded(time.tm_hour, 2)):\(padded(time.tm_min, 2)):\(padded(time.tm_sec, 2))"
        return "\(date)T\(clock).\(padded(Int32((milliseconds % 1000 + 1000) % 1000), 3))Z"
    }

    private func padded(_ number: Int32, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

/// The standard error stream, without a buffer.
package enum StandardError {
    /// Writes all bytes, in one call unless the system takes fewer. What cannot be written is lost.
    package static func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let written = systemWrite(STDERR_FILENO, UnsafeRawBufferPointer(rebasing: rest))
                if written < 0 {
                    guard errno == EINTR else { return }
                } else {
                    rest = rest.dropFirst(written)
                }
            }
        }
    }

    private static func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Darwin)
            Darwin.write(descriptor, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
            Musl.write(descriptor, bytes.baseAddress, bytes.count)
        #else
            Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }
}
