import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The rate that a connection's socket was last told to keep to.
struct ConnectionPace {
    /// Bytes per second; nil: none.
    private var told: Double?

    /// Tells the kernel how fast it may send, if that has changed by more than a quarter. Only Linux can be told.
    mutating func apply(_ pace: Double?, to socket: NIOBSDSocket.Handle?) {
        #if os(Linux)
            guard let socket else { return }
            if let pace, let told, abs(pace - told) < 0.25 * told { return }
            guard pace != nil || told != nil else { return }
            var value = pace.map { UInt($0) } ?? .max
            if setsockopt(socket, SOL_SOCKET, SO_MAX_PACING_RATE, &value, socklen_t(MemoryLayout<UInt>.size)) == 0 {
                told = pace
            }
        #endif
    }
}
