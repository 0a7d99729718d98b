#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// How many connections the process can have.
enum ConnectionLimit {
    /// Descriptors left for anything else.
    private static let reserve = 64

    /// `wanted`, or fewer if the system does not allow so many open files. Raises the process's own limit as far as it may.
    static func connections(upTo wanted: Int) -> Int {
        var limit = rlimit()
        #if canImport(Glibc)
            let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let files = RLIMIT_NOFILE
        #endif
        guard getrlimit(files, &limit) == 0 else { return min(wanted, 256) }
        let needed = rlim_t(wanted + reserve)
        if limit.rlim_cur < needed, limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = min(needed, limit.rlim_max)
            if setrlimit(files, &raised) == 0 { limit = raised }
        }
        return min(wanted, max(16, Int(clamping: limit.rlim_cur) - reserve))
    }
}
