/// A moment on some steady clock, in nanoseconds from that clock's own start. Rules take it as an argument, so that
/// a virtual clock can drive them as well as a real one.
package struct Instant: Hashable, Comparable, Sendable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static let zero = Instant(nanoseconds: 0)
    /// Later than anything that happens.
    package static let never = Instant(nanoseconds: .max)

    package static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }

    package static func + (instant: Instant, duration: Duration) -> Instant {
        let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(duration.nanoseconds)
        return overflow ? .never : Instant(nanoseconds: sum)
    }

    package static func - (a: Instant, b: Instant) -> Duration { .nanoseconds(a.nanoseconds - b.nanoseconds) }
}

extension Duration {
    /// The whole duration in nanoseconds; at the ends of the range, the nearest that fits.
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, overflow2) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow2 ? (seconds < 0 ? .min : .max) : sum
    }

    package var inSeconds: Double { Double(nanoseconds) / 1e9 }

    /// A duration from a number of seconds. Those past a century are clamped; negative ones, and what is no number, are 0.
    package static func inSeconds(_ value: Double) -> Duration {
        value > 0 ? .nanoseconds(Int64(min(value, 3.2e9) * 1e9)) : .zero
    }
}
