import Dispatch
import Glibc

/// Notices that whoever reads what this program writes is gone, also while there is nothing to write.
struct ReaderWatch: Sendable {
    let readerIsGone = Latch()

    /// `output`: a pipe or a socket; of anything else there is no reader that could go.
    init(output: Int32) {
        // A thread of its own that sleeps in `poll` until the process ends.
        DispatchQueue(label: "reader").async { [readerIsGone] in
            while true {
                var poller = pollfd(fd: output, events: 0, revents: 0)
                if poll(&poller, 1, -1) > 0 { return readerIsGone.open() }
            }
        }
    }
}
