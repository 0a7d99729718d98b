/// Something to measure.
struct Benchmark: Sendable {
    let name: String
    private let measure: @Sendable (Stopwatch) -> Outcome.Figures
    private let unit: Unit

    /// `prepare` is called when the measurement begins, and returns what is repeated: a piece of work that returns how
    /// many operations (or bytes, if that is what `unit` counts) it was.
    init(_ name: String, _ unit: Unit, prepare: @escaping @Sendable () -> () -> Int) {
        self.name = name
        self.unit = unit
        measure = { stopwatch in stopwatch.figures(in: unit, of: prepare()) }
    }

    /// For what is a quantity by itself; it is measured once.
    init(_ name: String, _ unit: Unit, once value: @escaping @Sendable () -> Double) {
        self.name = name
        self.unit = unit
        measure = { _ in Outcome.Figures([value()]) }
    }

    func run(_ stopwatch: Stopwatch) -> Outcome { Outcome(name: name, unit: unit, figures: measure(stopwatch)) }
}

/// What a figure counts.
enum Unit: String, Encodable, Sendable {
    case nanoseconds = "ns"
    case perSecond = "/s"
    case megabytesPerSecond = "MB/s"
    case bytes = "B"

    /// The figure for so many operations, or bytes, in so many seconds.
    func figure(count: Int, seconds: Double) -> Double {
        switch self {
        case .nanoseconds: seconds * 1e9 / Double(count)
        case .perSecond: Double(count) / seconds
        case .megabytesPerSecond: Double(count) / seconds / 1e6
        case .bytes: Double(count)
        }
    }
}

/// What came of a measurement.
struct Outcome: Encodable {
    let name: String
    let unit: Unit
    let figures: Figures

    /// The median of the rounds, the extremes, and all of them in the order measured.
    struct Figures: Encodable {
        let median: Double
        let least: Double
        let most: Double
        let rounds: [Double]

        /// At least one round.
        init(_ rounds: [Double]) {
            let sorted = rounds.sorted()
            self.rounds = rounds
            median = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
            least = sorted[0]
            most = sorted[sorted.count - 1]
        }
    }
}

/// Repeats work for a while.
struct Stopwatch: Sendable {
    let rounds: Int
    let seconds: Double

    func figures(in unit: Unit, of work: () -> Int) -> Outcome.Figures {
        _ = round(unit, work)
        return Outcome.Figures((0..<rounds).map { _ in round(unit, work) })
    }

    private func round(_ unit: Unit, _ work: () -> Int) -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        var count = 0
        var elapsed = 0.0
        repeat {
            count += work()
            elapsed = (clock.now - start) / .seconds(1)
        } while elapsed < seconds
        return unit.figure(count: count, seconds: elapsed)
    }
}

/// Takes a value, so that the compiler cannot leave out what made it.
@inline(never)
func consume<Value>(_ value: Value) { withExtendedLifetime(value) {} }
