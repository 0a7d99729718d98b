package import MinionCore

/// In which order trackers are asked: by preference, those that failed of late last. Pure: time is an argument.
package struct TrackerChoice {
    /// How long a tracker is left alone after its first failure; doubled with each further one.
    package static let firstPause = Duration.seconds(1)
    package static let longestPause = Duration.seconds(30)

    private struct State {
        var failures = 0
        var retryAt = Instant.zero
    }

    private var states: [State]
    /// The tracker that answered last.
    package private(set) var current: Int?

    package init(count: Int) { states = Array(repeating: State(), count: count) }

    /// All trackers: first those that may be asked, in order of preference, then the others, the soonest due first.
    package func order(at now: Instant) -> [Int] {
        let ready = states.indices.filter { states[$0].retryAt <= now }
        let paused = states.indices.filter { states[$0].retryAt > now }
            .sorted { (states[$0].retryAt, $0) < (states[$1].retryAt, $1) }
        return ready + paused
    }

    package mutating func worked(_ index: Int) {
        states[index] = State()
        current = index
    }

    package mutating func failed(_ index: Int, at now: Instant) {
        states[index].failures += 1
        let pause = Self.firstPause * (1 << min(states[index].failures - 1, 5))
        states[index].retryAt = now + min(pause, Self.longestPause)
        if current == index { current = nil }
    }
}
