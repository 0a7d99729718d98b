import Dispatch
import Glibc

/// Notices in a node that the user is gone (the end of stdin) and that it is to stop (SIGTERM, SIGINT).
struct UserWatch: Sendable {
    /// `minion get` has ended, in whatever way.
    let userIsGone = Latch()
    /// SIGTERM or SIGINT came.
    let mustStop = Latch()
    /// Either.
    let anything = Latch()

    init(input: Int32) throws(CommandError) {
        let signals = try SignalPipe.install([SIGTERM, SIGINT])
        // A thread of its own that sleeps in `poll` until the process ends.
        DispatchQueue(label: "user").async { [self] in watch(input: input, signals: signals) }
    }

    private func watch(input: Int32, signals: Int32) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            var pollers = [
                pollfd(fd: userIsGone.isOpen ? -1 : input, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
            ]
            poll(&pollers, nfds_t(pollers.count), -1)
            if pollers[0].revents != 0, read(input, &buffer, buffer.count) == 0 {
                userIsGone.open()
                anything.open()
            }
            if pollers[1].revents != 0, SignalPipe.next(from: signals) != nil {
                mustStop.open()
                anything.open()
            }
        }
    }
}
