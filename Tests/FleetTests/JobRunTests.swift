import Fleet
import MinionCore
import Testing

struct JobRunTests {
    private func second(_ value: Double) -> Instant { .zero + .inSeconds(value) }

    private func hosts(seeds: Int = 0, peers: Int = 0) -> [JobHost] {
        let make = { (isSeed: Bool) in
            { (index: Int) in
                JobHost(
                    id: PeerID(UInt64(index + (isSeed ? 1 : 1001))), name: "\(isSeed ? "seed" : "peer")\(index)",
                    address: "10.0.\(isSeed ? 1 : 2).\(index)", isSeed: isSeed)
            }
        }
        return (0..<seeds).map(make(true)) + (0..<peers).map(make(false))
    }

    private func run(
        _ scope: PreheatWork.Scope, urls: Int = 1, timeout: Double = 60,
        _ change: (inout PreheatWork) -> Void = { _ in }
    ) -> JobRun {
        var work = PreheatWork(urls: (0..<urls).map { "http://h/\($0)" })
        work.scope = scope
        change(&work)
        return JobRun(
            preheating: work, part: JobPart(id: "task_1", work: .preheat(work), timeoutSeconds: timeout),
            place: "cluster 1 scheduler 10.0.0.1", at: .zero
        ) { $0 }
    }

    private func ordered(_ actions: [JobRun.Action]) -> [(order: HostOrder, host: PeerID)] {
        actions.compactMap {
            if case .order(let order, let host) = $0 { return (order, host) }
            return nil
        }
    }

    private func ended(_ order: HostOrder, _ failure: String? = nil) -> OrderProgress {
        var progress = OrderProgress(id: order.id, state: failure == nil ? .succeeded : .failed)
        progress.message = failure ?? ""
        return progress
    }

    @Test func oneSeedGetsAURLAndTheNextIfItCannot() throws {
        var run = run(.singleSeedPeer)
        let first = ordered(run.choose(from: hosts(seeds: 3, peers: 3), at: .zero))
        #expect(first.count == 1)
        // It is told to try again first.
        let again = ordered(run.note(ended(first[0].order, "no"), from: first[0].host, at: .zero))
        #expect(again.map(\.host) == [first[0].host])
        #expect(again[0].order.id != first[0].order.id)
        let next = ordered(run.note(ended(again[0].order, "no"), from: again[0].host, at: .zero))
        #expect(next.count == 1 && next[0].host != first[0].host)
        _ = run.note(ended(next[0].order), from: next[0].host, at: .zero)
        #expect(run.state == .succeeded)
        #expect(run.report.results.map(\.failure) == [nil])
    }

    @Test func aFailureOfAllSeedsIsAFailure() throws {
        var run = run(.singleSeedPeer)
        var orders = ordered(run.choose(from: hosts(seeds: 2), at: .zero))
        while let order = orders.first {
            orders = ordered(run.note(ended(order.order, "404"), from: order.host, at: .zero))
        }
        #expect(run.state == .failed)
        #expect(run.report.error.contains("404"))
        #expect(run.report.results.count == 2)
        #expect(run.report.results.allSatisfy { $0.failure == "404" })
    }

    @Test func withoutASeedAJobWaitsAWhileAndFails() {
        var run = run(.singleSeedPeer)
        #expect(run.choose(from: hosts(peers: 2), at: second(1)).isEmpty)
        #expect(run.wantsHosts)
        _ = run.choose(from: hosts(peers: 2), at: second(2))
        #expect(run.state == .failed)
        #expect(run.report.error == "cluster 1 scheduler 10.0.0.1 no available seed peer")
    }

    @Test func seedsShareTheURLs() {
        var run = run(.singleSeedPeer, urls: 90) { $0.concurrentTasks = 100 }
        let orders = ordered(run.choose(from: hosts(seeds: 3), at: .zero))
        #expect(orders.count == 90)
        for seed in hosts(seeds: 3) { #expect(orders.count { $0.host == seed.id } > 15) }
    }

    @Test(arguments: [
        (PreheatWork.Scope.allSeedPeers, [String](), Int?.none, Int?.none, 4),
        (.allPeers, [], nil, nil, 10), (.allPeers, [], 3, 50, 3), (.allPeers, [], nil, 25, 2),
        (.allPeers, [], nil, 1, 1), (.allPeers, ["10.0.2.1", "10.0.2.3"], 1, nil, 2), (.allSeedPeers, [], 200, nil, 4),
    ])
    func hostsAreChosen(
        scope: PreheatWork.Scope, addresses: [String], count: Int?, percentage: Int?, expected: Int
    ) {
        var run = run(scope) {
            $0.addresses = addresses
            $0.count = count
            $0.percentage = percentage
        }
        let orders = ordered(run.choose(from: hosts(seeds: 4, peers: 6).reversed(), at: .zero))
        #expect(orders.count == expected)
        var twin = self.run(scope) {
            $0.addresses = addresses
            $0.count = count
            $0.percentage = percentage
        }
        #expect(ordered(twin.choose(from: hosts(seeds: 4, peers: 6), at: .zero)).map(\.host) == orders.map(\.host))
    }

    @Test func anAddressThatNobodyHasIsAFailureOfItsOwn() throws {
        var run = run(.allPeers) { $0.addresses = ["10.0.2.0", "10.9.9.9"] }
        let orders = ordered(run.choose(from: hosts(peers: 2), at: .zero))
        _ = run.note(ended(try #require(orders.first).order), from: orders[0].host, at: .zero)
        #expect(run.state == .succeeded)
        #expect(run.report.results.map(\.address) == ["10.9.9.9", "10.0.2.0"])
    }

    @Test func aHostThatIsGoneMayComeBack() throws {
        var run = run(.allPeers)
        let hosts = hosts(peers: 2)
        let orders = ordered(run.choose(from: hosts, at: .zero))
        _ = run.note(ended(orders[0].order), from: orders[0].host, at: .zero)
        _ = run.hostLeft(hosts[1].id, at: second(1))
        #expect(run.timer(at: second(10.9)).isEmpty)
        var same = hosts[1]
        same.id = PeerID(77)
        let again = ordered(run.hostJoined(same, at: second(10.9)))
        #expect(again.map(\.host) == [same.id])
        #expect(again.map(\.order.id) == [orders[1].order.id])
        _ = run.hostLeft(same.id, at: second(12))
        _ = run.timer(at: second(22))
        #expect(run.state == .succeeded)
        #expect(run.report.results.map(\.failure) == ["host has gone", nil])
    }

    @Test func aSeedThatIsGoneIsReplacedAtOnce() {
        var run = run(.singleSeedPeer)
        let first = ordered(run.choose(from: hosts(seeds: 2), at: .zero))
        let next = ordered(run.hostLeft(first[0].host, at: second(1)))
        #expect(next.count == 1 && next[0].host != first[0].host)
    }

    @Test func timeEndsAJob() {
        var run = run(.allPeers, timeout: 30) { $0.concurrentPeers = 1 }
        let first = ordered(run.choose(from: hosts(peers: 3), at: .zero))
        #expect(first.count == 1)
        let next = ordered(run.note(ended(first[0].order), from: first[0].host, at: second(20)))
        let last = run.timer(at: second(30))
        #expect(last == [.withdraw(order: next[0].order.id, from: next[0].host)])
        #expect(run.state == .succeeded)
        #expect(run.report.results.map(\.failure) == ["timed out after 30 s", "timed out after 30 s", nil])
    }

    @Test func aJobThatIsCancelledTakesItsOrdersBack() {
        var run = run(.allPeers, urls: 2)
        _ = run.choose(from: hosts(peers: 2), at: .zero)
        #expect(run.cancel().count == 4)
        #expect(run.state == .failed)
    }

    @Test func progressIsSummedUp() throws {
        var run = run(.allPeers)
        let orders = ordered(run.choose(from: hosts(peers: 2), at: .zero))
        var progress = OrderProgress(id: orders[0].order.id, state: .running)
        (progress.bytes, progress.size) = (60, 100)
        _ = run.note(progress, from: orders[0].host, at: .zero)
        progress.bytes = 70
        _ = run.note(progress, from: orders[0].host, at: .zero)
        #expect(run.report.bytes == 70)
        #expect(run.report.bytesExpected == 200)
        #expect(run.report.progress.map(\.bytes) == [0, 70])
        // What it tells of somebody else's order counts for nothing.
        progress.id = "task_2/0/1"
        #expect(run.note(progress, from: orders[1].host, at: .zero).isEmpty)
        #expect(run.report.bytes == 70)
    }

    @Test func aTaskIsRemovedFromThoseWhoHaveIt() {
        let all = hosts(seeds: 1, peers: 1)
        let part = JobPart(id: "d", work: .deleteTask(task: "t"), timeoutSeconds: 10)
        var run = JobRun(deleting: "t", part: part, on: all, at: .zero)
        let orders = ordered(run.timer(at: .zero))
        #expect(Set(orders.map(\.host)) == Set(all.map(\.id)))
        for order in orders { _ = run.note(ended(order.order), from: order.host, at: .zero) }
        #expect(run.report.state == .succeeded)
        #expect(run.report.results.count == 2)
        #expect(JobRun(deleting: "t", part: part, on: [], at: .zero).state == .succeeded)
    }

    @Test func theJobOfAnOrderIsKnown() {
        #expect(JobRun.part(ofOrder: "task_1/0/1") == "task_1")
        #expect(JobRun.part(ofOrder: "task_1") == nil)
        #expect(JobRun.part(ofOrder: "") == nil)
    }

    /// Whatever hosts do, a job keeps to its limits, ends, and has a result for each URL and host.
    @Test(arguments: 0..<200)
    func anyCourseEnds(seed: UInt64) {
        var random = Dice(state: seed)
        let scope = [PreheatWork.Scope.singleSeedPeer, .allSeedPeers, .allPeers][random.roll(3)]
        let urls = 1 + random.roll(6)
        let limits = (units: 1 + random.roll(3), hosts: 1 + random.roll(4))
        var run = run(scope, urls: urls) {
            $0.concurrentTasks = limits.units
            $0.concurrentPeers = limits.hosts
        }
        let all = hosts(seeds: 1 + random.roll(4), peers: random.roll(5))
        let inScope = all.filter { scope == .allPeers || $0.isSeed }
        var present = Set(all.map(\.id))
        var open: [(id: String, host: PeerID)] = []
        var time = 0.0
        func take(_ actions: [JobRun.Action]) {
            for action in actions {
                switch action {
                case .order(let order, let host): open.append((order.id, host))
                case .withdraw(let order, let host): open.removeAll { $0.id == order && $0.host == host }
                }
            }
        }
        take(run.choose(from: all, at: .zero))
        while run.state == .running, time < 1000 {
            time += Double(random.roll(20)) / 10
            let counts = Dictionary(grouping: open) { $0.id.split(separator: "/")[1] }
            #expect(counts.count <= limits.units)
            #expect(counts.values.allSatisfy { $0.count <= limits.hosts })
            let host = all[random.roll(all.count)]
            switch random.roll(10) {
            case 0:
                if present.remove(host.id) != nil {
                    open.removeAll { $0.host == host.id }
                    take(run.hostLeft(host.id, at: second(time)))
                }
            case 1: if present.insert(host.id).inserted { take(run.hostJoined(host, at: second(time))) }
            case 2: take(run.timer(at: second(time)))
            default:
                guard !open.isEmpty else { continue }
                let (id, host) = open.remove(at: random.roll(open.count))
                var progress = OrderProgress(id: id, state: [.succeeded, .failed, .running][random.roll(3)])
                progress.bytes = Int64(random.roll(100))
                if progress.state == .running { open.append((id, host)) }
                take(run.note(progress, from: host, at: second(time)))
            }
        }
        #expect(run.state != .running)
        let report = run.report
        #expect(report.bytes >= 0)
        if scope == .singleSeedPeer {
            #expect(Set(report.results.map(\.url)).count == urls)
            #expect(report.results.count { $0.failure == nil } <= urls)
            #expect((report.state == .failed) == report.results.contains { $0.failure != nil })
        } else {
            #expect(report.results.count == urls * inScope.count)
            #expect((report.state == .succeeded) == report.results.contains { $0.failure == nil })
        }
    }
}

/// SplitMix64: the same numbers for the same seed.
private struct Dice {
    var state: UInt64

    mutating func roll(_ sides: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return Int((z ^ z >> 31) % UInt64(sides))
    }
}
