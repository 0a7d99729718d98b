import ManagerStore
import Testing

/// What the database itself refuses, whatever the code above it forgets.
@Suite struct ConstraintTests {
    struct Duplicate: Sendable, CustomTestStringConvertible {
        let key: String
        let insert: @Sendable (Transaction) throws -> Void
        var testDescription: String { key }

        init(_ key: String, _ insert: @escaping @Sendable (Transaction) throws -> Void) {
            self.key = key
            self.insert = insert
        }
    }

    static let hash = [UInt8](repeating: 1, count: 32)

    static let duplicates = [
        Duplicate("users.name") { tx in
            for email in ["a", "b"] { _ = try tx.users.insert(User(name: "same", email: email)) }
        },
        Duplicate("users.email") { tx in
            for name in ["a", "b"] { _ = try tx.users.insert(User(name: name, email: "same")) }
        },
        Duplicate("scheduler_clusters.name") { tx in
            _ = try tx.schedulerClusters.insert(SchedulerCluster(name: "cluster-1"))
        },
        Duplicate("seed_peer_clusters.name") { tx in
            _ = try tx.seedPeerClusters.insert(SeedPeerCluster(name: "cluster-1"))
        },
        Duplicate("configs.name") { tx in _ = try tx.configs.insert(Config(name: "gc", value: "", userID: 1)) },
        Duplicate("applications.name") { tx in
            for _ in 0..<2 { _ = try tx.applications.insert(Application(name: "same", url: "", userID: 1)) }
        },
        Duplicate("oauth_providers.name") { tx in
            for id in ["a", "b"] {
                _ = try tx.oauthProviders.insert(OAuthProvider(name: "same", clientID: id, clientSecret: "s"))
            }
        },
        Duplicate("oauth_providers.client_id") { tx in
            for name in ["a", "b"] {
                _ = try tx.oauthProviders.insert(OAuthProvider(name: name, clientID: "same", clientSecret: "s"))
            }
        },
        Duplicate("personal_access_tokens.name") { tx in
            for number in 1...2 {
                let hash = [UInt8](repeating: UInt8(number), count: 32)
                _ = try tx.tokens.insert(
                    PersonalAccessToken(name: "same", tokenHash: hash, scopes: [], expiredAt: tx.now, userID: 1))
            }
        },
        Duplicate("personal_access_tokens.token_hash") { tx in
            for name in ["a", "b"] {
                _ = try tx.tokens.insert(
                    PersonalAccessToken(name: name, tokenHash: hash, scopes: [], expiredAt: tx.now, userID: 1))
            }
        },
        Duplicate("schedulers.host_name,ip,scheduler_cluster_id") { tx in
            for port in 1...2 {
                _ = try tx.schedulers.insert(
                    Scheduler(hostName: "h", ip: "i", port: port, features: [], schedulerClusterID: 1))
            }
        },
        Duplicate("seed_peers.host_name,ip,seed_peer_cluster_id") { tx in
            for port in 1...2 {
                _ = try tx.seedPeers.insert(
                    SeedPeer(hostName: "h", ip: "i", port: port, downloadPort: 1, seedPeerClusterID: 1))
            }
        },
        Duplicate("peers.host_name,ip,scheduler_cluster_id") { tx in
            for _ in 1...2 { _ = try tx.peers.insert(.sample(1)) }
        },
        Duplicate("roles.name") { tx in try tx.roles.create("root", []) },
        Duplicate("role_permissions.role_id,object,action") { tx in
            try tx.roles.grant(Permission(object: "users", action: "*"), to: "root")
        },
        Duplicate("user_roles.user_id,role_id") { tx in try tx.roles.assign("root", to: 1) },
        Duplicate("oauth_identities.provider,subject") { tx in
            for _ in 1...2 { try tx.identities.link(provider: "github", subject: "7", user: 1) }
        },
        Duplicate("users.id") { tx in _ = try tx.users.insert(User(name: "other", id: 1)) },
    ]

    @Test(arguments: Engine.allCases, duplicates)
    func keysAreUnique(_ engine: Engine, _ duplicate: Duplicate) async throws {
        try await withSeededStore(engine) { store in
            let error = try await storeError { try await store.write { tx in try duplicate.insert(tx) } }
            #expect(error == .conflict(key: duplicate.key))
        }
    }

    @Test(arguments: Engine.allCases)
    func whoChangesAKeyToATakenOneIsRefused(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            let user = try await store.write { tx in try tx.users.insert(.sample("a")) }
            let error = try await storeError {
                _ = try await store.write { tx in try tx.users.update(user.id, set: [.name: "root"]) }
            }
            #expect(error == .conflict(key: "users.name"))
            #expect(try await store.read { tx in try tx.users.find(user.id) } == user)
        }
    }

    @Test(arguments: Engine.allCases)
    func emptyMailAddressesAreNoKey(_ engine: Engine) async throws {
        try await withStore(engine) { store in
            try await store.write { tx in
                for name in ["a", "b", "c"] { _ = try tx.users.insert(User(name: name)) }
            }
        }
    }

    @Test(
        arguments: Engine.allCases,
        [
            "UPDATE users SET state = 'on'", "UPDATE users SET name = ''", "UPDATE users SET must_change_password = 2",
            "UPDATE users SET name = NULL", "INSERT INTO sessions VALUES ('s', 99, 1, 1, '', '')",
            "UPDATE scheduler_clusters SET config = '{'", "UPDATE scheduler_clusters SET config = ''",
            "UPDATE scheduler_clusters SET is_default = -1", "UPDATE configs SET user_id = 99",
            "UPDATE role_permissions SET action = 'write'", "DELETE FROM users",
            "INSERT INTO cluster_links (created_at, updated_at, scheduler_cluster_id, seed_peer_cluster_id) "
                + "VALUES (1, 1, 99, 1)",
        ])
    func brokenRulesAreRefused(_ engine: Engine, _ statement: String) async throws {
        try await withSeededStore(engine) { store in
            let error = try await storeError {
                _ = try await store.write { tx in try tx.execute(SQL(stringLiteral: statement)) }
            }
            #expect(error?.isInvalid == true, "\(String(describing: error))")
        }
    }

    @Test(arguments: Engine.allCases)
    func valuesBeyondTheirLimitsAreRefused(_ engine: Engine) async throws {
        // As databases count: an é of two parts is two characters, a family of seven is seven.
        let fits = String(repeating: "🦊", count: 256)
        let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        let bad: [@Sendable (Transaction) throws -> Void] = [
            { tx in _ = try tx.users.insert(User(name: fits + "x")) },
            { tx in _ = try tx.users.insert(User(name: "a", bio: String(repeating: "x", count: 1025))) },
            { tx in _ = try tx.users.insert(User(name: "a\u{0}b")) },
            { tx in _ = try tx.users.named("a\u{0}b") },
            { tx in _ = try tx.configs.update(1, set: [.value: .text(String(repeating: "x", count: 1025))]) },
            { tx in _ = try tx.schedulerClusters.update(1, set: [.scopes: "{\"a\":}"]) },
            { tx in _ = try tx.schedulerClusters.update(1, set: [.scopes: .text(deep)]) },
            { tx in _ = try tx.jobs.insert(Job(type: "")) },
            { tx in
                var peer = Peer.sample(1)
                peer.port = 65_536
                _ = try tx.peers.insert(peer)
            },
            { tx in
                var peer = Peer.sample(1)
                peer.downloadPort = -1
                _ = try tx.peers.insert(peer)
            },
            { tx in
                _ = try tx.tokens.insert(
                    PersonalAccessToken(name: "a", tokenHash: [1], scopes: [], expiredAt: tx.now, userID: 1))
            },
        ]
        try await withSeededStore(engine) { store in
            for (number, body) in bad.enumerated() {
                let error = try await storeError { try await store.write(body) }
                #expect(error?.isInvalid == true, "\(number): \(String(describing: error))")
            }
            try await store.write { tx in _ = try tx.users.insert(User(name: fits)) }
        }
    }

    @Test(arguments: Engine.allCases)
    func whatIsReferredToHasToExist(_ engine: Engine) async throws {
        let bad: [(StoreError, @Sendable (Transaction) throws -> Void)] = [
            (
                .notFound(kind: "user", id: "99"),
                { _ = try $0.configs.insert(Config(name: "a", value: "", userID: 99)) }
            ),
            (.notFound(kind: "user", id: "0"), { _ = try $0.configs.insert(Config(name: "a", value: "", userID: 0)) }),
            (.notFound(kind: "user", id: "99"), { _ = try $0.jobs.insert(Job(type: "gc", userID: 99)) }),
            (.notFound(kind: "user", id: "99"), { _ = try $0.configs.update(1, set: [.userID: 99]) }),
            (.notFound(kind: "scheduler cluster", id: "7"), { _ = try $0.peers.insert(.sample(1, cluster: 7)) }),
            (
                .notFound(kind: "scheduler cluster", id: "7"),
                { _ = try $0.peers.upsert(.sample(1, cluster: 7), on: [.hostName, .ip, .schedulerClusterID]) }
            ),
            (
                .notFound(kind: "seed peer cluster", id: "7"),
                { try $0.links.add(schedulerCluster: 1, seedPeerCluster: 7) }
            ),
            (
                .notFound(kind: "scheduler cluster", id: "7"),
                { _ = try $0.jobs.create(Job(type: "preheat"), schedulerClusters: [1, 7]) }
            ),
            (
                .notFound(kind: "user", id: "99"),
                { try $0.sessions.start(Session(id: "s", userID: 99, expiresAt: $0.now)) }
            ),
        ]
        try await withSeededStore(engine) { store async throws in
            for (expected, body) in bad {
                #expect(try await storeError { try await store.write(body) } == expected)
            }
            #expect(try await store.read { tx in try tx.jobs.count() } == 0)
        }
    }
}
