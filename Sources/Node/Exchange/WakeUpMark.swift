import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How many bytes have to lie ready before an event loop is woken for a connection.
///
/// On a slow link the bytes of a piece come a few packets at a time, and being woken for each costs more than all the
/// rest that is done with them.
struct WakeUpMark {
    private var mark = 1
    /// Bytes that usually come in an interval; 0: not known.
    private var usual = 0
    /// Bytes that came since the rate was last looked at.
    private var bytes = 0
    private var since = NIODeadline.distantPast

    /// What comes in this time may wait.
    private static let interval = TimeAmount.milliseconds(80)
    /// The time that makes one measurement.
    private static let sample = TimeAmount.milliseconds(40)
    private static let most = 64 << 10
    /// From here on it is worth telling the kernel.
    private static let least = 4 << 10

    /// A piece begins to arrive.
    mutating func begin(at now: NIODeadline) { (bytes, since) = (0, now) }

    /// Notes that `count` more bytes of a piece have come, and tells the kernel when to wake the loop again.
    mutating func note(_ count: Int, remaining: Int, at now: NIODeadline, _ context: ChannelHandlerContext) {
        bytes += count
        let time = now - since
        if time >= Self.sample {
            usual = Int(min(Double(bytes) * Double(Self.interval.nanoseconds) / Double(time.nanoseconds), 1e9))
            begin(at: now)
        }
        let wanted = min(usual, Self.most)
        if remaining < mark || remaining < wanted {
            // What comes after the piece may be short, and must not wait for more.
            set(remaining < Self.least ? 1 : remaining, context)
        } else if wanted >= Self.least, mark == 1 || wanted > 2 * mark || 2 * wanted < mark {
            set(wanted, context)
        }
    }

    private mutating func set(_ value: Int, _ context: ChannelHandlerContext) {
        guard value != mark else { return }
        mark = value
        try? context.channel.syncOptions?.setOption(
            ChannelOptions.socketOption(.init(rawValue: SO_RCVLOWAT)), value: .init(value))
    }
}
