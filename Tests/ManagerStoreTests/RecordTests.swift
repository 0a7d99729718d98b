import ManagerStore
import Testing

/// Every kind of record comes back as it was stored.
@Suite struct RecordTests {
    @Test(arguments: Engine.allCases)
    func recordsComeBackAsTheyWereStored(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                try check(
                    tx.users,
                    User(
                        name: "name", email: "e", passwordHash: "p", avatar: "a", phone: "1", state: .disable,
                        location: "l", bio: "b", mustChangePassword: true), changes: [.bio: "other", .state: "enable"])
                try check(
                    tx.tokens,
                    PersonalAccessToken(
                        name: "n", bio: "b", tokenHash: Array(100..<132), scopes: ["job", "a\"b"], state: .inactive,
                        expiredAt: Timestamp(microseconds: .max), lastUsedAt: Timestamp(microseconds: -5), userID: 1),
                    changes: [.scopes: .of(["cluster"]), .lastUsedAt: nil])
                try check(
                    tx.schedulerClusters,
                    SchedulerCluster(
                        name: "n", bio: "b", config: #"{"a":[1,null,"é"]}"#, clientConfig: "[]",
                        seedClientConfig: "null", scopes: #"{ "idc" : "x" }"#, isDefault: true),
                    changes: [.isDefault: false])
                try check(
                    tx.seedPeerClusters, SeedPeerCluster(name: "n", bio: "b", config: "1"), changes: [.config: "{}"])
                try check(
                    tx.schedulers,
                    Scheduler(
                        hostName: "h", idc: "i", location: "a|b", ip: "::1", port: 65_535, state: .active,
                        features: ["schedule", "preheat"], config: "{}", lastKeepAliveAt: Timestamp(microseconds: 7),
                        schedulerClusterID: 1), changes: [.features: .of([String]()), .lastKeepAliveAt: nil])
                try check(
                    tx.seedPeers,
                    SeedPeer(
                        hostName: "h", idc: "i", location: "l", ip: "1.2.3.4", port: 1, downloadPort: 2,
                        objectStoragePort: 3, state: .active, seedPeerClusterID: 1), changes: [.objectStoragePort: 0])
                try check(
                    tx.peers,
                    Peer(
                        hostName: "h", type: "super", idc: "i", location: "l", ip: "1.2.3.4", port: 1, downloadPort: 2,
                        proxyPort: 3, objectStoragePort: 4, state: .active, os: "5", platform: "6",
                        platformFamily: "7", platformVersion: "8", kernelVersion: "9", gitVersion: "10",
                        gitCommit: "11", buildPlatform: "12", schedulerClusterID: 1), changes: [.os: "linux"])
                try check(
                    tx.configs, Config(name: "n", value: "v", bio: "b", userID: 1), changes: [.value: "other"])
                try check(
                    tx.jobs,
                    Job(
                        taskID: "t", bio: "b", type: "preheat", state: .retry, args: #"{"n":1}"#, result: "[]",
                        userID: 1, claimedBy: "m", claimedUntil: Timestamp(microseconds: 3), attempts: 4,
                        dueAt: Timestamp(microseconds: 5)), changes: [.userID: 0, .state: "SUCCESS"])
                try check(
                    tx.applications, Application(name: "n", url: "u", bio: "b", priority: "{}", userID: 1),
                    changes: [.url: "other"])
                try check(
                    tx.oauthProviders,
                    OAuthProvider(
                        name: "n", bio: "b", clientID: "c", clientSecret: "s", redirectURL: "r", authorizeURL: "a",
                        tokenURL: "t", profileURL: "p"), changes: [.clientSecret: "other"])
                try check(
                    tx.audits,
                    Audit(
                        actorType: .token, actorName: "a", eventType: "API", operation: "POST",
                        operatedAt: Timestamp(microseconds: 1), state: .failure, path: "/p", statusCode: 404,
                        detail: #"{"x":1}"#), changes: [.path: "/q"])
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func hardTextsComeBackAndCanBeFound(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            for text in hardTexts {
                let found = try await store.write { tx in
                    let stored = try tx.configs.insert(Config(name: "x" + text, value: text, userID: 1))
                    let listing = try tx.configs.list(where: [.value: .text(text), .userID: 1], page: Page())
                    #expect(listing.elements == [stored], "\(text.debugDescription)")
                    return stored.value
                }
                #expect(Array(found.unicodeScalars) == Array(text.unicodeScalars))
            }
            // Two texts that look the same and differ in their bytes are different.
            #expect(try await store.read { tx in try tx.configs.count(where: [.value: "é"]) } == 1)
        }
    }

    @Test(arguments: Engine.allCases)
    func bytesAndNumbersComeBack(_ engine: Engine) async throws {
        try await withStore(engine) { store in
            let all = Array(UInt8.min...UInt8.max)
            try await store.write { tx in
                try tx.settings.set("all", all)
                try tx.settings.set("none", [])
            }
            let stored = try await store.read { tx in (try tx.settings.get("all"), try tx.settings.get("none")) }
            #expect(stored.0 == all && stored.1 == [])
            for number in [Int64.min, -1, 0, 1, 99, Int64.max] {
                try await store.write { tx in
                    _ = try tx.audits.insert(.sample("/"))
                    try tx.execute("UPDATE audits SET operated_at = \(number)")
                }
                let row = try await store.read { tx in try tx.row("SELECT operated_at FROM audits") }
                #expect(row?[0] == .integer(number))
            }
        }
    }
}

/// Inserts, reads, changes and deletes.
private func check<Element: Record>(
    _ table: Table<Element>, _ record: Element, changes: [Element.Column: SQLValue]
) throws {
    let stored = try table.insert(record)
    #expect(stored.id > 0 && stored.createdAt > Timestamp(microseconds: 0) && stored.createdAt == stored.updatedAt)
    var expected = record
    (expected.id, expected.createdAt, expected.updatedAt) = (stored.id, stored.createdAt, stored.updatedAt)
    #expect(stored == expected)
    #expect(try table.find(stored.id) == stored)
    #expect(try table.find([stored.id, 999, stored.id]) == [stored.id: stored])
    for column in Element.Column.allCases {
        #expect(try table.first(where: [column: stored.value(of: column)]) != nil)
    }
    let changed = try table.update(stored.id, set: changes)
    for column in Element.Column.allCases {
        guard let change = changes[column] else {
            #expect(changed.value(of: column) == stored.value(of: column))
            continue
        }
        #expect(changed.value(of: column) == (change == 0 && column.rawValue == "user_id" ? .null : change))
    }
    #expect(try table.find(stored.id) == changed)
    #expect(try table.update(stored.id, set: [:]) == changed)
    try table.delete(stored.id)
    #expect(try table.findIfAny(stored.id) == nil)
    #expect(throws: StoreError.notFound(kind: Element.kind, id: String(stored.id))) {
        _ = try table.find(stored.id)
    }
    #expect(throws: StoreError.notFound(kind: Element.kind, id: String(stored.id))) { try table.delete(stored.id) }
    #expect(throws: StoreError.notFound(kind: Element.kind, id: String(stored.id))) {
        _ = try table.update(stored.id, set: changes)
    }
}
