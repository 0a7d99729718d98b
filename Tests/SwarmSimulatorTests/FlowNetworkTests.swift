import Swarm
import SwarmSimulator
import Testing

struct FlowNetworkTests {
    private func owner(_ slot: Int) -> FlowNetwork.Owner { .init(kind: .request, slot: Int32(slot)) }

    /// Runs a network until no flow is left and returns when each ended, in seconds.
    private func ends(_ network: inout FlowNetwork, count: Int) -> [Double] {
        var result = Array(repeating: 0.0, count: count)
        var finished: [FlowNetwork.Flow] = []
        var now: Int64 = 0
        while true {
            network.settle(at: now)
            guard network.nextWake < .max else { return result }
            now = max(now, network.nextWake)
            finished.removeAll()
            network.advance(to: now, finished: &finished)
            for flow in finished {
                result[Int(network.owner(of: flow).slot)] = Double(now) / 1e9
                network.remove(flow, at: now)
            }
        }
    }

    @Test func flowsShareALinkFairlyAndTakeWhatOthersLeave() {
        // Links 0 and 1 send at 100 each; 2 receives 30 at most, 3 a lot. Flows 0→2 and 0→3: the first is held to 30 by
        // its receiver, the second gets the other 70.
        var network = FlowNetwork(capacities: [100, 100, 30, 1000], interval: 0)
        _ = network.add(from: 0, to: 2, bytes: 30, owner: owner(0), at: 0)
        _ = network.add(from: 0, to: 3, bytes: 140, owner: owner(1), at: 0)
        let times = ends(&network, count: 2)
        // After a second the first has ended, and 70 bytes of the second are left for the whole link.
        #expect(abs(times[0] - 1) < 1e-6)
        #expect(abs(times[1] - 1.7) < 1e-6)
    }

    @Test func everyFlowIsBoundByAFullLink() {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<50 {
            let hosts = Int.random(in: 1...12, using: &random)
            let capacities = (0..<2 * hosts).map { _ in Double.random(in: 1...50, using: &random) }
            var network = FlowNetwork(capacities: capacities, interval: 0)
            var flows: [(flow: FlowNetwork.Flow, up: Int, down: Int)] = []
            for slot in 0..<Int.random(in: 1...60, using: &random) {
                let up = 2 * Int.random(in: 0..<hosts, using: &random)
                let down = 2 * Int.random(in: 0..<hosts, using: &random) + 1
                let flow = network.add(from: Int32(up), to: Int32(down), bytes: 1e9, owner: owner(slot), at: 0)
                flows.append((flow, up, down))
            }
            network.settle(at: 0)
            // A second's progress is the rate.
            let rates = flows.map { network.passed($0.flow, at: 1_000_000_000) }
            var load = Array(repeating: 0.0, count: capacities.count)
            var largest = load
            for (item, rate) in zip(flows, rates) {
                for link in [item.up, item.down] {
                    load[link] += rate
                    largest[link] = max(largest[link], rate)
                }
            }
            #expect(network.largestExcess() < 1e-9)
            // Max-min fair is: each flow crosses a full link on which no flow is faster.
            for (item, rate) in zip(flows, rates) {
                let isBound = [item.up, item.down].contains { link in
                    load[link] > capacities[link] * (1 - 1e-6) && rate >= largest[link] * (1 - 1e-6)
                }
                #expect(isBound)
            }
        }
    }

    @Test func aStoppedLinkHoldsItsFlowsUntilItRecovers() {
        var network = FlowNetwork(capacities: [100, 100], interval: 0)
        _ = network.add(from: 0, to: 1, bytes: 100, owner: owner(0), at: 0)
        network.settle(at: 0)
        network.setCapacity(0, 0, at: 500_000_000)
        network.settle(at: 500_000_000)
        #expect(network.nextWake == .max)
        network.setCapacity(0, 50, at: 2_000_000_000)
        network.settle(at: 2_000_000_000)
        #expect(network.nextWake == 3_000_000_000)
    }

    @Test func ratesAtIntervalsComeCloseToExactOnes() throws {
        // With faults, what each host happens to ask of whom decides how long it waits for those that are gone.
        for (faults, tolerance) in [("", 0.1), ("die=2@1s,stall=1@2s", 0.25)] {
            let exact = run(try swarm(hosts: 40, size: 32 << 20, faults: faults) { $0.precision = .exact })
            let fast = run(try swarm(hosts: 40, size: 32 << 20, faults: faults) { $0.precision = .perPiece(0.5) })
            let (a, b) = (try #require(exact.meanSeconds), try #require(fast.meanSeconds))
            #expect(abs(a - b) < tolerance * a, "exact \(a) s, at intervals \(b) s")
        }
    }
}

struct EventQueueTests {
    @Test func whatIsDueFirstComesFirstAndTiesKeepTheirOrder() throws {
        var random = SeededGenerator(seed: 1)
        var queue = EventQueue<Int>()
        var expected: [(time: Int64, number: Int)] = []
        for number in 0..<2000 {
            let time = Int64.random(in: 0..<100, using: &random)
            queue.push(number, at: time)
            expected.append((time, number))
            if number % 3 == 2 {
                let first = expected.indices.min { (expected[$0].time, $0) < (expected[$1].time, $1) }
                let index = try #require(first)
                let next = expected.remove(at: index)
                let popped = queue.pop()
                #expect(popped?.event == next.number)
            }
        }
        expected.sort { ($0.time, $0.number) < ($1.time, $1.number) }
        for item in expected {
            let popped = queue.pop()
            #expect(popped?.event == item.number)
        }
        let none = queue.pop()
        #expect(none == nil)
        #expect(queue.nextTime == .max)
    }
}
