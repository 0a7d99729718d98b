import MinionCore
import Swarm

/// The set operations that happen with every piece, news and report.
enum PieceSetBenchmarks {
    static let all = [1024, 65_536].flatMap(benchmarks)

    private static func benchmarks(capacity: Int) -> [Benchmark] {
        var random = SeededGenerator(seed: 2)
        let order = (0..<capacity).shuffled(using: &random)
        let half = Samples.pieces(capacity, part: 0.5, &random)
        let other = Samples.pieces(capacity, part: 0.5, &random)
        let allButLast = PieceSet(capacity: capacity, 0..<capacity - 1)
        let hex = Hex.text(half.bytes)

        func benchmark(_ name: String, times: Int = 1, _ work: @escaping @Sendable () -> Void) -> Benchmark {
            Benchmark("piece set of \(capacity), \(name)", .nanoseconds) {
                {
                    for _ in 0..<times { work() }
                    return times
                }
            }
        }
        // The clock is read once for so many operations that it does not count.
        let often = max(1, 1 << 18 / capacity)
        let insertion = Benchmark("piece set of \(capacity), insert one", .nanoseconds) {
            {
                var set = PieceSet(capacity: capacity)
                for piece in order { set.insert(piece) }
                consume(set)
                return capacity
            }
        }
        return [
            insertion,
            benchmark("union", times: often) { consume(half.union(other)) },
            benchmark("subtract", times: often) { consume(half.subtracting(other)) },
            benchmark("first missing", times: often) { consume(allButLast.firstMissing()) },
            benchmark("runs") { consume(half.runs) },
            benchmark("iterate") { consume(half.reduce(0, &+)) },
            benchmark("to hex") { consume(Hex.text(half.bytes)) },
            benchmark("from hex") { consume(Hex.bytes(hex).flatMap { PieceSet(capacity: capacity, bytes: $0) }) },
        ]
    }
}
