package import MinionCore
import Swarm
import Synchronization

/// A rate that several flows share, fairly.
package final class SharedRate: Sendable {
    private struct State {
        var share: FairShare
        var nextFlow = 0
    }

    private let state: Mutex<State>

    /// Nil: no limit, until one is set.
    package init(rate: ByteRate? = nil) {
        state = Mutex(State(share: FairShare(rate: rate, at: SteadyClock.now)))
    }

    package func setRate(_ rate: ByteRate?) { state.withLock { $0.share.setRate(rate, at: SteadyClock.now) } }

    package var bytesPerSecond: Double? { state.withLock { $0.share.bytesPerSecond } }

    /// One more flow; it ends when nobody holds it any more. One of weight 3 gets as much as three of weight 1.
    package func open(weight: Int = 1) -> RateShare {
        let flow = state.withLock { state in
            state.nextFlow += 1
            return state.nextFlow
        }
        return RateShare(flow, weight: weight, of: self)
    }

    fileprivate func take(_ bytes: Int64, of flow: Int, weight: Int) -> Duration {
        state.withLock { $0.share.take(bytes, of: flow, weight: weight, at: SteadyClock.now) }
    }

    fileprivate func close(_ flow: Int) {
        state.withLock { $0.share.remove(flow, at: SteadyClock.now) }
    }
}

/// One flow's part of a rate.
package final class RateShare: Sendable {
    private let flow: Int
    private let weight: Atomic<Int>
    private let rate: SharedRate

    fileprivate init(_ flow: Int, weight: Int, of rate: SharedRate) {
        self.flow = flow
        self.weight = Atomic(weight)
        self.rate = rate
    }

    deinit { rate.close(flow) }

    var bytesPerSecond: Double? { rate.bytesPerSecond }

    /// Takes `bytes` and returns how long to wait before more of this flow may pass.
    func take(_ bytes: Int64) -> Duration {
        rate.take(bytes, of: flow, weight: weight.load(ordering: .relaxed))
    }

    func setWeight(_ weight: Int) { self.weight.store(weight, ordering: .relaxed) }
}
