import ArgumentParser
import ManagerStore

/// How much is in a store that is measured.
struct Amounts: ParsableArguments {
    @Option(help: "Peers in the store.")
    var peers = 100_000

    @Option(help: "Jobs in the store.")
    var jobs = 10_000

    @Option(help: "Records of calls in the store.")
    var audits = 5000

    @Option(help: "Users in the store, and as many of whatever else there is.")
    var others = 300
}

/// Fills a store and leaves it. One that a manager has opened keeps the accounts that are there.
struct Fill: AsyncParsableCommand {
    @OptionGroup var options: StoreOptions
    @OptionGroup var amounts: Amounts

    func run() async throws {
        let store = try await options.open()
        try await store.fill(amounts)
        await store.close()
    }
}

extension Store {
    /// Stores what is missing of the amounts.
    func fill(_ amounts: Amounts) async throws {
        try await seed(Seed(rootPasswordHash: "h", mustChangePassword: false, objects: ["users", "jobs"]))
        try await fillOthers(upTo: amounts.others)
        if try await read({ try $0.peers.count() }) < amounts.peers { try await replacePeers(amounts.peers) }
        let users = try await read { try $0.users.all().map(\.id) }
        try await fill(\.jobs, upTo: amounts.jobs, atOnce: 100) { tx, number in
            _ = try tx.jobs.create(.sample(number, of: users), schedulerClusters: [1])
        }
        let there = try await read { try $0.audits.count() }
        for first in stride(from: there, to: amounts.audits, by: 500) {
            let last = min(first + 500, amounts.audits)
            try await write { tx in try tx.audits.append((first..<last).map { Audit.sample($0, tx.now) }) }
        }
    }

    /// As a scheduler does that tells its peers.
    func replacePeers(_ count: Int) async throws {
        let all = (0..<count).map(Peer.sample)
        _ = try await write { tx in try tx.peers.replace(schedulerClusterID: 1, with: all) }
    }

    private func fillOthers(upTo amount: Int) async throws {
        try await fill(\.users, upTo: amount) { tx, number in _ = try tx.users.insert(.sample(number)) }
        let users = try await read { try $0.users.all().map(\.id) }
        try await fill(\.tokens, upTo: amount) { tx, number in
            _ = try tx.tokens.insert(.sample(number, of: users, tx.now))
        }
        try await fill(\.applications, upTo: amount) { tx, number in
            _ = try tx.applications.insert(.sample(number, of: users))
        }
        try await fill(\.configs, upTo: amount) { tx, number in
            _ = try tx.configs.insert(Config(name: "load-\(number)", value: "value", userID: 1))
        }
        try await fill(\.oauthProviders, upTo: amount) { tx, number in
            _ = try tx.oauthProviders.insert(
                OAuthProvider(name: "load-\(number)", clientID: "load-\(number)", clientSecret: "secret"))
        }
        try await fill(\.schedulerClusters, upTo: amount) { tx, number in
            _ = try tx.schedulerClusters.createCluster(
                SchedulerCluster(name: "load-\(number)", scopes: #"{"idc":"idc-\#(number % 7)"}"#),
                with: SeedPeerCluster(name: "load-\(number)"))
        }
        try await fill(\.schedulers, upTo: amount) { tx, number in
            _ = try tx.schedulers.insert(
                Scheduler(
                    hostName: "load-\(number)", ip: "10.1.0.1", port: 8002, features: ["schedule"],
                    schedulerClusterID: 1))
        }
        try await fill(\.seedPeers, upTo: amount) { tx, number in
            _ = try tx.seedPeers.insert(
                SeedPeer(
                    hostName: "load-\(number)", ip: "10.1.0.1", port: 4001, downloadPort: 4002,
                    seedPeerClusterID: 1))
        }
    }

    /// Calls `insert` with the number of each row that is missing.
    private func fill<R: Record>(
        _ table: @escaping @Sendable (Transaction) -> Table<R>, upTo amount: Int, atOnce most: Int = 1000,
        insert: @escaping @Sendable (Transaction, Int) throws -> Void
    ) async throws {
        let there = try await read { try table($0).count() }
        for first in stride(from: there, to: amount, by: most) {
            try await write { tx in
                for number in first..<min(first + most, amount) { try insert(tx, number) }
            }
        }
    }
}

extension Peer {
    fileprivate static func sample(_ number: Int) -> Peer {
        Peer(
            hostName: "host-\(number)", type: "normal", idc: "idc-\(number % 7)", location: "area|country|city",
            ip: "10.\(number >> 16).\(number >> 8 & 255).\(number & 255)", port: 4001, downloadPort: 4002,
            proxyPort: 4003, state: number.isMultiple(of: 10) ? .inactive : .active,
            os: number.isMultiple(of: 2) ? "linux" : "darwin", platform: "debian", platformFamily: "debian",
            platformVersion: "12", kernelVersion: "6.1.0", gitVersion: "v2.1.0", gitCommit: "0123456789abcdef",
            buildPlatform: "linux/amd64", schedulerClusterID: 1)
    }
}

extension Job {
    fileprivate static func sample(_ number: Int, of users: [Int64]) -> Job {
        Job(
            taskID: "group_\(number)", type: number.isMultiple(of: 2) ? "preheat" : "gc",
            state: number.isMultiple(of: 10) ? .failure : .success, args: #"{"url":"http://host/file"}"#,
            userID: users[number % users.count])
    }
}

extension Audit {
    static func sample(_ number: Int, _ now: Timestamp) -> Audit {
        let hasFailed = number.isMultiple(of: 20)
        return Audit(
            actorType: .user, actorName: "load-\(number % 50)", operation: "GET", operatedAt: now,
            state: hasFailed ? .failure : .success, path: "/api/v1/jobs/\(number % 1000)",
            statusCode: hasFailed ? 404 : 200)
    }
}

extension User {
    fileprivate static func sample(_ number: Int) -> User {
        User(name: "load-\(number)", email: "load-\(number)@host.example", passwordHash: "h", location: "city")
    }
}

extension PersonalAccessToken {
    fileprivate static func sample(_ number: Int, of users: [Int64], _ now: Timestamp) -> PersonalAccessToken {
        let hash = (0..<32).map { UInt8(truncatingIfNeeded: number >> (8 * ($0 % 8))) }
        return PersonalAccessToken(
            name: "load-\(number)", tokenHash: hash, scopes: ["job"], expiredAt: now.advanced(by: .seconds(86_400)),
            userID: users[number % users.count])
    }
}

extension Application {
    fileprivate static func sample(_ number: Int, of users: [Int64]) -> Application {
        Application(
            name: "load-\(number)", url: "https://host.example/load-\(number)", priority: #"{"value":0,"urls":[]}"#,
            userID: users[number % users.count])
    }
}
