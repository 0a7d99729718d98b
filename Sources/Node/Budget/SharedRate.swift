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

    /// One more flow; it ends when nobody holds it any more.
    package func open() -> RateShare {
        let flow = state.withLock { state in
            state.nextFlow += 1
            return state.nextFlow
        }
        return RateShare(flow, of: self)
    }

    fileprivate func take(_ bytes: Int64, of flow: Int) -> Duration {
        state.withLock { $0.share.take(bytes, of: flow, at: SteadyClock.now) }
    }

    fileprivate func close(_ flow: Int) {
        state.withLock { $0.share.remove(flow, at: SteadyClock.now) }
    }
}

/// One flow's part of a rate.
package final class RateShare: Sendable {
    private let flow: Int
    private let rate: SharedRate

    fileprivate init(_ flow: Int, of rate: SharedRate) {
        self.flow = flow
        self.rate = rate
    }

    deinit { rate.close(flow) }

    var bytesPerSecond: Double? { rate.bytesPerSecond }

    /// Takes `bytes` and returns how long to wait before more of this flow may pass.
    func take(_ bytes: Int64) -> Duration { rate.take(bytes, of: flow) }
}
