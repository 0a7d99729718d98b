import ArgumentParser
import ManagerStore

/// Fills a store, and measures what the manager's pages and calls need from it.
struct Measure: AsyncParsableCommand {
    @OptionGroup var options: StoreOptions

    @OptionGroup var amounts: Amounts

    @Option(help: "Seconds to wait after filling, in which PostgreSQL looks at its tables.")
    var pause = 0

    @Option(help: "How often each thing is measured.")
    var rounds = 30

    func run() async throws {
        let store = try await options.open()
        let (peers, jobs) = (amounts.peers, amounts.jobs)
        try await store.fill(amounts)
        try await measure("replacing all peers, three times", rounds: 3) { try await store.replacePeers(peers) }
        try await Task.sleep(for: .seconds(pause))
        print("best, middle and worst of \(rounds):")
        let last = max(peers / 10, 1)
        try await measure("first page of peers") { _ = try await store.peers(Page()) }
        try await measure("page of 1,000 peers") { _ = try await store.peers(Page(size: 1000)) }
        try await measure("middle page of peers") { _ = try await store.peers(Page(number: last / 2)) }
        try await measure("last page of peers") { _ = try await store.peers(Page(number: last)) }
        try await measure("peers of one system, last page") {
            _ = try await store.peers(Page(number: max(last / 2, 1)), [.os: "linux"])
        }
        try await measure("peers by host name") { _ = try await store.peers(Page(), [.hostName: "host-77"]) }
        try await measure("peers of nothing that exists") { _ = try await store.peers(Page(), [.platform: "none"]) }
        try await measure("first page of jobs") { _ = try await store.jobs(Page(), [:]) }
        try await measure("last page of jobs") { _ = try await store.jobs(Page(number: jobs / 10), [:]) }
        try await measure("last page of preheats") {
            _ = try await store.jobs(Page(number: jobs / 20), [.type: "preheat"])
        }
        try await measure("failed preheats") {
            _ = try await store.jobs(Page(), [.type: "preheat", .state: .of(JobState.failure)])
        }
        try await measure("who asks") { _ = try await store.read { tx in try tx.principal(user: 1) } }
        try await throughput("reads of one row", 20_000) { number in
            _ = try await store.read { tx in try tx.peers.find(Int64(number % 1000) + 1) }
        }
        try await throughput("writes of one row", 3000) { number in
            try await store.write { tx in try tx.settings.set("s\(number % 100)", [UInt8(number % 256)]) }
        }
        try await throughput("batches of 500 audits", 100) { _ in
            try await store.write { tx in try tx.audits.append((0..<500).map { Audit.sample($0, tx.now) }) }
        }
        await store.close()
    }

    /// Prints the best, the middle and the worst of some rounds.
    private func measure(_ name: String, rounds: Int? = nil, _ work: () async throws -> Void) async throws {
        var times: [Duration] = []
        for _ in 0..<(rounds ?? self.rounds) {
            times.append(try await ContinuousClock().measure { try await work() })
        }
        times.sort()
        let few = [times[0], times[times.count / 2], times[times.count - 1]].map { "\($0.inMilliseconds)" }
        print("\(name): \(few.joined(separator: ", ")) ms")
    }

    /// Prints how many there are in a second if sixteen callers do not wait for each other.
    private func throughput(_ name: String, _ count: Int, _ work: @escaping @Sendable (Int) async throws -> Void)
        async throws
    {
        let time = try await ContinuousClock().measure {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<16 {
                    group.addTask { for number in stride(from: worker, to: count, by: 16) { try await work(number) } }
                }
                try await group.waitForAll()
            }
        }
        print("\(name): \(Int(Double(count) / (time / .seconds(1)))) a second")
    }
}

extension Store {
    fileprivate func peers(_ page: Page, _ filter: [Peer.Column: SQLValue] = [:]) async throws -> Listing<Peer> {
        try await read { tx in
            let listing = try tx.peers.list(where: filter, page: page)
            _ = try tx.schedulerClusters.find(listing.elements.map(\.schedulerClusterID))
            return listing
        }
    }

    fileprivate func jobs(_ page: Page, _ filter: [Job.Column: SQLValue]) async throws -> Listing<Job> {
        try await read { tx in
            let listing = try tx.jobs.list(where: filter, page: page)
            _ = try tx.users.find(listing.elements.map(\.userID))
            _ = try tx.jobs.schedulerClusters(of: listing.elements.map(\.id))
            return listing
        }
    }
}

extension Duration {
    fileprivate var inMilliseconds: Double { ((self / .milliseconds(1)) * 100).rounded() / 100 }
}
