import ManagerStore

/// How many jobs a second may name a cluster: a bucket for each that fills at its rate and holds one second's worth.
package struct JobRates: Sendable {
    private struct Bucket {
        var level: Double
        var filled: Duration
    }

    /// The rate of a cluster that does not say one.
    package static let standard = 10
    /// Clusters remembered at most.
    private static let maximum = 100_000

    private var buckets: [Int64: Bucket] = [:]

    package init() {}

    /// As they lie in the store, where times are microseconds since 1970.
    init(_ stored: [Int64: JobLevels.Level]) {
        buckets = stored.mapValues {
            Bucket(level: Double($0.millionths) / 1_000_000, filled: .microseconds($0.filledAt.microseconds))
        }
    }

    /// What to store.
    var levels: [Int64: JobLevels.Level] {
        buckets.mapValues { bucket in
            JobLevels.Level(
                millionths: Int64((bucket.level * 1_000_000).rounded(.down)),
                filledAt: Timestamp(microseconds: 0).advanced(by: bucket.filled))
        }
    }

    /// Takes one from each cluster's bucket; false if any is empty, and then takes none.
    ///
    /// - Parameters:
    ///   - rates: jobs per second by cluster; 0 means the standard.
    ///   - now: of any clock, always the same.
    package mutating func take(_ rates: [Int64: Int], at now: Duration) -> Bool {
        if buckets.count > Self.maximum { buckets.removeAll() }
        var levels: [Int64: Double] = [:]
        for (cluster, rate) in rates {
            let rate = Double(rate == 0 ? Self.standard : rate)
            let old = buckets[cluster] ?? Bucket(level: rate, filled: now)
            let seconds = (now - old.filled) / .seconds(1)
            levels[cluster] = min(rate, old.level + max(0, seconds) * rate)
        }
        let isAllowed = levels.values.allSatisfy { $0 >= 1 }
        for (cluster, level) in levels { buckets[cluster] = Bucket(level: isAllowed ? level - 1 : level, filled: now) }
        return isAllowed
    }
}
