import Glibc
import Synchronization

/// The write end of the pipe that signals are turned into bytes through; -1: none. Set before the first handler is.
private let signalWriteEnd = Atomic<Int32>(-1)

/// Signals as bytes in a pipe, so that one `poll` waits for them and for everything else.
enum SignalPipe {
    /// Starts to catch `signals`; a signal's number can be read from the descriptor that is returned. Signals that
    /// were ignored when the program began (`nohup`, a background job of a script) stay ignored.
    static func install(_ signals: [Int32]) throws(CommandError) -> Int32 {
        let ends = try FileDescriptors.makePipe()
        FileDescriptors.makeNonBlocking(ends.write)
        signalWriteEnd.store(ends.write, ordering: .sequentiallyConsistent)
        for signal in signals {
            var old = sigaction()
            sigaction(signal, nil, &old)
            // SIG_IGN is the address 1, which Swift cannot compare as a function.
            if unsafeBitCast(old.__sigaction_handler.sa_handler, to: Int.self) == 1 { continue }
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in
                let saved = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(signalWriteEnd.load(ordering: .relaxed), &byte, 1)
                errno = saved
            }
            sigaction(signal, &action, nil)
        }
        return ends.read
    }

    /// The signal that is waiting in a pipe which `poll` says is readable.
    static func next(from fd: Int32) -> Int32? {
        var byte: UInt8 = 0
        return read(fd, &byte, 1) == 1 ? Int32(byte) : nil
    }
}
