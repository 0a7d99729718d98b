import Dispatch
import Glibc
import PieceStore
import Synchronization

/// Puts content out of the cache under the user's name for it, on a thread of its own: a copy may take a while.
final class ContentPlacer: Sendable {
    enum Outcome: Sendable {
        /// With something that the user should know.
        case placed(warning: String?)
        case failed(CommandError)
    }

    private struct Stopped: Error {}

    /// Becomes readable (at its end) when there is an outcome.
    let end: Int32
    private let endSignal: Int32
    private let state = Mutex<Outcome?>(nil)
    private let isStopping = Atomic(false)

    /// `owner`: whose the content must be; nil: anybody's.
    init(source: String, owner: uid_t?, destination: String, hardLink: Bool) throws(CommandError) {
        (end, endSignal) = try FileDescriptors.makePipe()
        // Ends when the file is there, after `stop`, or with the process.
        DispatchQueue(label: "placing").async { self.place(source, owner, destination, hardLink) }
    }

    deinit { close(end) }

    var outcome: Outcome? { state.withLock { $0 } }

    /// Ends the copying, and returns when nothing of it is left.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        var byte: UInt8 = 0
        while read(end, &byte, 1) < 0, errno == EINTR {}
    }

    private func place(_ source: String, _ owner: uid_t?, _ destination: String, _ hardLink: Bool) {
        let outcome: Outcome
        do {
            let method = try Placement.put(source: source, owner: owner, at: destination, hardLink: hardLink) {
                _ in
                if isStopping.load(ordering: .relaxed) { throw Stopped() }
            }
            outcome = .placed(
                warning: hardLink && method == .copy
                    ? "\(destination.quoted) is a copy: a hard link to the cache's folder is not possible there" : nil)
        } catch let error as StorageError {
            outcome = .failed(CommandError(error.message))
        } catch {
            outcome = .failed(CommandError("cannot write \(destination.quoted): \(error)"))
        }
        state.withLock { $0 = outcome }
        close(endSignal)
    }
}
