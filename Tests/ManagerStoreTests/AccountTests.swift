import ManagerStore
import Testing

@Suite struct AccountTests {
    @Test(arguments: Engine.allCases)
    func principalHasWhatItsRolesAllow(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                let root = try #require(try tx.principal(user: 1))
                #expect(root.roles == ["root"] && root.may("*", "users") && root.may("read", "jobs"))
                #expect(!root.may("read", "elsewhere"))
                let user = try tx.users.insert(.sample("user"))
                let nobody = try #require(try tx.principal(user: user.id))
                #expect(nobody.roles.isEmpty && !nobody.may("read", "users"))
                try tx.roles.assign("guest", to: user.id)
                let guest = try #require(try tx.principal(user: user.id))
                #expect(guest.may("read", "users") && !guest.may("*", "users"))
                try tx.roles.create("empty", [])
                try tx.roles.assign("empty", to: user.id)
                #expect(try tx.principal(user: user.id)?.roles == ["guest", "empty"])
                #expect(try tx.principal(user: 99) == nil)
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func rolesAreMadeChangedAndDeleted(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                let read = Permission(object: "users", action: "read")
                let all = Permission(object: "users", action: "*")
                try tx.roles.create("auditor", [read, read, all])
                #expect(try tx.roles.names() == ["root", "guest", "auditor"])
                #expect(try tx.roles.permissions("auditor") == [read, all])
                try tx.roles.revoke(read, from: "auditor")
                #expect(throws: StoreError.notFound(kind: "permission", id: "users read")) {
                    try tx.roles.revoke(read, from: "auditor")
                }
                #expect(throws: StoreError.notFound(kind: "role", id: "other")) {
                    try tx.roles.grant(read, to: "other")
                }
                try tx.roles.assign("auditor", to: 1)
                #expect(try tx.roles.of(user: 1) == ["root", "auditor"])
                try tx.roles.delete("auditor")
                #expect(try tx.roles.of(user: 1) == ["root"])
                #expect(throws: StoreError.notFound(kind: "role", id: "auditor")) { try tx.roles.delete("auditor") }
                #expect(throws: StoreError.notFound(kind: "role", id: "guest")) {
                    try tx.roles.withdraw("guest", from: 1)
                }
                #expect(throws: StoreError.notFound(kind: "user", id: "9")) { try tx.roles.assign("guest", to: 9) }
                #expect(throws: StoreError.lastRoot) { try tx.roles.delete("root") }
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func lastRootStays(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                let second = try tx.users.insert(.sample("second"))
                #expect(throws: StoreError.lastRoot) { try tx.roles.withdraw("root", from: 1) }
                #expect(throws: StoreError.lastRoot) { _ = try tx.users.setState(1, .disable) }
                try tx.roles.assign("root", to: second.id)
                _ = try tx.users.setState(second.id, .disable)
                // The second one cannot sign in, so the first one is the last.
                #expect(throws: StoreError.lastRoot) { try tx.roles.withdraw("root", from: 1) }
                _ = try tx.users.setState(second.id, .enable)
                _ = try tx.users.setState(1, .disable)
                #expect(throws: StoreError.lastRoot) { _ = try tx.users.setState(second.id, .disable) }
                #expect(throws: StoreError.lastRoot) { try tx.roles.withdraw("root", from: second.id) }
                // It has the role, but is not one who counts.
                try tx.roles.withdraw("root", from: 1)
            }
        }
    }

    /// Each of two sees the other, and goes: on a database that only looks at rows, both would.
    @Test(arguments: Engine.allCases)
    func twoRootsCannotGoAtOnce(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            let second = try await store.write { tx in
                let user = try tx.users.insert(.sample("second"))
                try tx.roles.assign("root", to: user.id)
                return user.id
            }
            for _ in 0..<20 {
                let errors = try await withThrowingTaskGroup(of: StoreError?.self) { group in
                    for id in [1, second] {
                        group.addTask {
                            try await storeError {
                                try await store.write { tx in try tx.roles.withdraw("root", from: id) }
                            }
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(errors.compactMap { $0 } == [.lastRoot])
                try await store.write { tx in
                    for id in [1, second] where try !tx.roles.of(user: id).contains("root") {
                        try tx.roles.assign("root", to: id)
                    }
                }
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func sessionsEnd(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                let later = tx.now.advanced(by: .seconds(60))
                for id in ["a", "b", "c", "d"] {
                    try tx.sessions.start(
                        Session(id: id, userID: 1, expiresAt: later, address: "::1", agent: "curl/8"))
                }
                let found = try #require(try tx.sessions.principal("a"))
                #expect(found.session.expiresAt == later && found.session.createdAt == tx.now)
                #expect(found.session.agent == "curl/8" && found.principal.user.name == "root")
                #expect(found.principal.may("*", "users"))

                try tx.sessions.end("a")
                try tx.sessions.end("a")
                #expect(try tx.sessions.principal("a") == nil)
                #expect(throws: StoreError.notFound(kind: "session", id: "")) {
                    try tx.sessions.renew("a", expiresAt: later)
                }
                try tx.sessions.renew("b", expiresAt: tx.now)
                #expect(try tx.sessions.principal("b")?.session.expiresAt == tx.now)
                #expect(try tx.sessions.purge(before: later) == 1)

                try tx.users.setPassword(1, hash: "new", keeping: "c")
                #expect(try tx.sessions.of(user: 1).map(\.id) == ["c"])
                #expect(try tx.users.find(1).passwordHash == "new" && !tx.users.find(1).mustChangePassword)
                try tx.users.setPassword(1, hash: "newer", mustChange: true)
                #expect(try tx.sessions.of(user: 1).isEmpty && tx.users.find(1).mustChangePassword)
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func whoeverIsDisabledIsSignedOut(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                let user = try tx.users.insert(.sample("user"))
                try tx.sessions.start(Session(id: "s", userID: user.id, expiresAt: tx.now))
                #expect(try tx.users.setState(user.id, .disable).state == .disable)
                #expect(try tx.sessions.principal("s") == nil)
                #expect(try tx.users.setState(user.id, .enable).state == .enable)
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func hashIsReplacedOnlyIfItIsStillThere(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                try tx.users.rehash(1, from: "other", to: "wrong")
                #expect(try tx.users.find(1).passwordHash == "hash")
                try tx.users.rehash(1, from: "hash", to: "better")
                #expect(try tx.users.find(1).passwordHash == "better")
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func tokensAreFoundByHash(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            let hash = [UInt8](repeating: 9, count: 32)
            try await store.write { tx in
                let token = try tx.tokens.insert(
                    PersonalAccessToken(name: "ci", tokenHash: hash, scopes: ["job"], expiredAt: tx.now, userID: 1))
                let found = try #require(try tx.tokens.principal(hash: hash))
                #expect(found.token == token && found.principal.user.id == 1)
                #expect(try tx.tokens.principal(hash: [UInt8](repeating: 8, count: 32)) == nil)
                try tx.tokens.markUsed(token.id)
                #expect(try tx.tokens.find(token.id).lastUsedAt == tx.now)
            }
            let used = try await store.read { tx in try tx.tokens.principal(hash: hash)?.token.lastUsedAt }
            try await store.write { tx in try tx.tokens.markUsed(1) }
            let again = try await store.read { tx in try tx.tokens.find(1).lastUsedAt }
            #expect(again == used)
            try await store.write { tx in
                let earlier = tx.now.advanced(by: .seconds(-61))
                _ = try tx.tokens.update(1, set: [.lastUsedAt: .of(earlier)])
                try tx.tokens.markUsed(1)
                #expect(try tx.tokens.find(1).lastUsedAt == tx.now)
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func accountsElsewhereBelongToOneUser(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                try tx.identities.link(provider: "github", subject: "7", user: 1)
                #expect(try tx.identities.user(provider: "github", subject: "7")?.name == "root")
                #expect(try tx.identities.user(provider: "google", subject: "7") == nil)
            }
        }
    }
}
