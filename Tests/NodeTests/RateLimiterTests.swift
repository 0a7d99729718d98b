import MinionCore
import Node
import Testing

@Suite struct RateLimiterTests {
    @Test func withoutLimitNobodyWaits() async throws {
        let limiter = RateLimiter()
        let start = ContinuousClock.now
        for _ in 0..<1000 { try await limiter.admit(1 << 30) }
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test func limitHoldsForAllTogether() async throws {
        let rate = try #require(ByteRate("1MB/s"))
        let limiter = RateLimiter(rate: rate)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<10 { group.addTask { try await limiter.admit(30_000) } }
            try await group.waitForAll()
        }
        // 300,000 bytes, of which a tenth of a second's worth may have been saved up.
        #expect(ContinuousClock.now - start >= .milliseconds(200))
    }

    @Test func limitCanBeLifted() async throws {
        let limiter = RateLimiter(rate: ByteRate(bytesPerSecond: 1))
        limiter.setRate(nil)
        let start = ContinuousClock.now
        try await limiter.admit(1_000_000)
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test func whoWaitsCanBeCancelled() async throws {
        let limiter = RateLimiter(rate: ByteRate(bytesPerSecond: 1))
        let task = Task { try await limiter.admit(1_000_000) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
