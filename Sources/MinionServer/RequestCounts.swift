import Hummingbird
import Synchronization

/// How many requests a part of the server has answered, and how fast.
final class RequestCounts: Sendable {
    /// Upper ends of the histogram's classes, in seconds.
    static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    struct Totals: Sendable {
        /// By the first digit of the status: `[1]` are those with 2xx.
        var byStatus = [Int](repeating: 0, count: 5)
        /// Answers whose time is at most the bound, each counted once, in its lowest class; the last class has no bound.
        var byTime = [Int](repeating: 0, count: RequestCounts.bounds.count + 1)
        var seconds = 0.0
    }

    private let state = Mutex(Totals())

    var totals: Totals { state.withLock { $0 } }

    func note(_ status: HTTPResponse.Status, after time: Duration) {
        let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) * 1e-18
        let index = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
        state.withLock { totals in
            totals.byStatus[min(max(status.code / 100, 1), 5) - 1] += 1
            totals.byTime[index] += 1
            totals.seconds += seconds
        }
    }
}
