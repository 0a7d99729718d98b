import MinionCore
import Swarm
import SwarmSimulator
import Testing

/// Uplinks of 50 and 150 Mbit/s side by side. What only a slow host has must not be left to the end, when everybody would
/// have to wait for it.
struct UnequalUplinkTests {
    @Test(arguments: 1...12 as ClosedRange<UInt64>) func nobodyWaitsForWhatASlowHostHas(seed: UInt64) throws {
        let rates = try ["50mbit", "150mbit"].map { try #require(ByteRate($0)) }
        let report = run(
            try swarm(hosts: 16, size: 64 << 20) { options in
                options.up = rates
                options.seed = seed
            })
        #expect(report.completed == 16)
        #expect(try #require(report.ratioToBound) < 1.4)
    }
}

struct NewsPaceTests {
    @Test func newsAreQuickUntilItIsKnownHowLongAPieceTakes() {
        #expect(NewsPace().interval == .milliseconds(5))
    }

    @Test(arguments: [(1, 5), (40, 20), (100, 50), (5000, 100)])
    func newsWaitForHalfTheTimeOfAPieceWithinBounds(body: Int, interval: Int) {
        var pace = NewsPace()
        for _ in 0..<20 { pace.bodyTook(.milliseconds(body)) }
        #expect(pace.interval == .milliseconds(interval))
    }

    @Test func oneSlowBodyDoesNotMakeNewsLate() {
        var pace = NewsPace()
        for _ in 0..<20 { pace.bodyTook(.milliseconds(20)) }
        pace.bodyTook(.milliseconds(100))
        #expect(pace.interval == .milliseconds(15))
    }
}
