import MinionCore
import Swarm
import Testing

/// A rate divided between flows, in virtual time.
struct FairShareTests {
    private static let rate = 10e6

    /// One that takes as much as it may, or `wants` bytes per second if that is less.
    private struct Flow {
        var id: Int
        var chunk: Int64 = 64 << 10
        var weight = 1
        var wants = Double.infinity
        var from = 0.0
        var to = Double.infinity
        /// Comes late by up to this, in seconds, each time it has waited.
        var lateness = 0.0

        init(_ id: Int, _ change: (inout Flow) -> Void = { _ in }) {
            self.id = id
            change(&self)
        }
    }

    /// Lets the flows run, and returns when how much of each has passed.
    private func passages(
        _ flows: [Flow], seconds: Double, share: inout FairShare, seed: UInt64 = 1
    ) -> [(time: Double, flow: Int, bytes: Int64)] {
        var random = SeededGenerator(seed: seed)
        var passed: [(time: Double, flow: Int, bytes: Int64)] = []
        var next = flows.map(\.from)
        while let index = next.indices.min(by: { next[$0] < next[$1] }), next[index] < seconds {
            let flow = flows[index]
            guard next[index] < flow.to else {
                share.remove(flow.id, at: instant(next[index]))
                next[index] = .infinity
                continue
            }
            let wait = share.take(flow.chunk, of: flow.id, weight: flow.weight, at: instant(next[index]))
                .inSeconds
            let late = wait > 0 && flow.lateness > 0 ? Double.random(in: 0...flow.lateness, using: &random) : 0
            passed.append((next[index] + wait, flow.id, flow.chunk))
            next[index] = max(next[index] + wait + late, next[index] + Double(flow.chunk) / flow.wants)
        }
        return passed
    }

    private func instant(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }

    private func rate(
        _ passed: [(time: Double, flow: Int, bytes: Int64)], of flow: Int? = nil, from: Double, to: Double
    ) -> Double {
        let bytes = passed.filter { $0.time >= from && $0.time < to && (flow ?? $0.flow) == $0.flow }
            .reduce(0) { $0 + $1.bytes }
        return Double(bytes) / (to - from)
    }

    private func share() -> FairShare { FairShare(rate: ByteRate(bytesPerSecond: Self.rate), at: .zero) }

    private func near(_ value: Double, _ expected: Double, _ tolerance: Double = 0.02) -> Bool {
        abs(value - expected) <= tolerance * expected
    }

    @Test func oneFlowAloneGetsAll() {
        var share = share()
        let passed = passages([Flow(1)], seconds: 10, share: &share)
        #expect(near(rate(passed, from: 0, to: 10), Self.rate))
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func heavierFlowGetsAsMuchAsSeveral(seed: UInt64) {
        var share = share()
        let flows = [Flow(1) { $0.weight = 1 }, Flow(2) { $0.weight = 4 }, Flow(3) { $0.wants = Self.rate / 10 }]
            .map { flow in
                var flow = flow
                flow.lateness = 0.002
                return flow
            }
        let passed = passages(flows, seconds: 12, share: &share, seed: seed)
        #expect(near(rate(passed, from: 2, to: 12), Self.rate))
        // A fifth of what the one that wants little leaves.
        #expect(near(rate(passed, of: 1, from: 2, to: 12), Self.rate * 0.9 / 5, 0.1))
        #expect(near(rate(passed, of: 2, from: 2, to: 12), Self.rate * 0.9 * 4 / 5, 0.1))
        #expect(near(rate(passed, of: 3, from: 2, to: 12), Self.rate / 10, 0.1))
    }

    @Test func weightMayChangeWhileBytesWait() {
        var share = share()
        _ = share.take(2_000_000, of: 1, at: .zero)
        let before = share.take(1_000_000, of: 2, at: .zero)
        #expect(before > .zero)
        // What waits is served so much the sooner, and no byte is forgotten.
        let after = share.take(0, of: 2, weight: 20, at: .zero)
        #expect(after < before && after >= .milliseconds(90))
        #expect(share.take(1, of: 3, at: instant(0.3)) < .milliseconds(1))
    }

    @Test func whoComesLateEachTimeStillGetsAll() {
        var share = share()
        let passed = passages([Flow(1) { $0.lateness = 0.005 }], seconds: 10, share: &share)
        #expect(near(rate(passed, from: 0, to: 10), Self.rate))
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64]) func greedyFlowsGetEqualPartsWithinASecond(seed: UInt64) {
        var share = share()
        let flows = [Flow(1), Flow(2) { $0.from = 2 }].map { flow in
            var flow = flow
            flow.lateness = 0.002
            return flow
        }
        let passed = passages(flows, seconds: 10, share: &share, seed: seed)
        #expect(near(rate(passed, of: 1, from: 0, to: 2), Self.rate))
        for second in stride(from: 3.0, to: 10, by: 1) {
            #expect(near(rate(passed, of: 1, from: second, to: second + 1), Self.rate / 2, 0.05))
            #expect(near(rate(passed, of: 2, from: second, to: second + 1), Self.rate / 2, 0.05))
        }
    }

    @Test func largeAndSmallPortionsGetEqualParts() {
        var share = share()
        let flows = [Flow(1) { $0.chunk = 1 << 20 }, Flow(2) { $0.chunk = 16 << 10 }]
        let passed = passages(flows, seconds: 20, share: &share)
        #expect(near(rate(passed, of: 1, from: 2, to: 20), Self.rate / 2, 0.05))
        #expect(near(rate(passed, of: 2, from: 2, to: 20), Self.rate / 2, 0.05))
    }

    @Test func whatOneDoesNotWantTheOthersGet() {
        var share = share()
        let flows = [Flow(1), Flow(2), Flow(3) { $0.wants = 1e6 }]
        let passed = passages(flows, seconds: 10, share: &share)
        #expect(near(rate(passed, of: 3, from: 1, to: 10), 1e6, 0.03))
        #expect(near(rate(passed, of: 1, from: 1, to: 10), 4.5e6, 0.03))
        #expect(near(rate(passed, of: 2, from: 1, to: 10), 4.5e6, 0.03))
    }

    @Test func aFlowThatEndsLeavesItsPartToTheOthers() {
        var share = share()
        let flows = [Flow(1), Flow(2) { $0.to = 5 }]
        let passed = passages(flows, seconds: 10, share: &share)
        #expect(near(rate(passed, of: 1, from: 5.2, to: 10), Self.rate))
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64]) func theSumIsTheRate(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var share = share()
        let flows = (0..<Int.random(in: 1...40, using: &random)).map { id in
            Flow(id) { flow in
                flow.chunk = 1 << Int64.random(in: 12...18, using: &random)
                flow.from = Double.random(in: 0..<5, using: &random)
                flow.lateness = 0.002
                if id > 0, Bool.random(using: &random) {
                    flow.to = flow.from + Double.random(in: 0.1..<20, using: &random)
                }
                if id > 0, Bool.random(using: &random) { flow.wants = Double.random(in: 1e4...1e7, using: &random) }
                if id == 0 { flow.from = 0 }
            }
        }
        let passed = passages(flows, seconds: 30, share: &share, seed: seed)
        #expect(rate(passed, from: 0, to: 30) <= 1.02 * Self.rate)
        #expect(rate(passed, from: 5, to: 30) >= 0.98 * Self.rate)
    }

    @Test func manyShortFlowsDoNotPassMoreThanTheRate() {
        var share = share()
        // Each takes one portion and ends as soon as it has passed.
        var time = 0.0
        var bytes = 0.0
        for id in 0..<100 {
            let wait = share.take(1 << 20, of: id, at: instant(time)).inSeconds
            time += wait
            share.remove(id, at: instant(time))
            bytes += Double(1 << 20)
        }
        #expect(near(bytes / time, Self.rate))
    }

    @Test func whatACancelledFlowWaitedForIsFreeAgain() {
        var share = share()
        #expect(share.take(100_000_000, of: 1, at: .zero) == .seconds(10))
        share.remove(1, at: .zero)
        #expect(share.busyFlows == 0)
        #expect(share.take(1_000_000, of: 2, at: .zero) == .milliseconds(100))
    }

    @Test func aNewRateHoldsAtOnce() {
        var share = share()
        _ = passages([Flow(1)], seconds: 1, share: &share)
        share.setRate(ByteRate(bytesPerSecond: 1e6), at: instant(1))
        let slow = passages([Flow(1) { $0.from = 1 }], seconds: 11, share: &share)
        #expect(near(rate(slow, from: 2, to: 11), 1e6))
        share.setRate(nil, at: instant(11))
        #expect(share.take(1 << 40, of: 1, at: instant(11)) == .zero)
        share.setRate(ByteRate(bytesPerSecond: 1e6), at: instant(12))
        #expect(share.take(1_000_000, of: 1, at: instant(12)) >= .milliseconds(900))
    }

    @Test func aPauseDoesNotSaveUpMoreThanABurst() {
        var share = share()
        let wait = share.take(10_000_000, of: 1, at: instant(100))
        #expect(wait == .milliseconds(900))
    }
}
