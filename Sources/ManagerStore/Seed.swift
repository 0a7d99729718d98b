/// What an empty store begins with.
package struct Seed: Sendable {
    package var rootPasswordHash: String
    /// The password is one that everybody knows.
    package var mustChangePassword: Bool
    /// SHA-256 of a token for programs that is to be there from the start.
    package var tokenHash: [UInt8]?
    /// What permissions are about.
    package var objects: [String]

    package init(
        rootPasswordHash: String, mustChangePassword: Bool, tokenHash: [UInt8]? = nil, objects: [String]
    ) {
        self.rootPasswordHash = rootPasswordHash
        self.mustChangePassword = mustChangePassword
        self.tokenHash = tokenHash
        self.objects = objects
    }
}

extension Store {
    /// Whether nobody has an account yet.
    package func needsSeed() async throws -> Bool {
        try await read { transaction in try transaction.users.isEmpty() }
    }

    /// Stores the first user, roles, clusters and settings, if the store is empty. Several managers may do so at once.
    /// - Returns: whether it was this one who did it.
    @discardableResult
    package func seed(_ seed: Seed) async throws -> Bool {
        do {
            return try await write { transaction in
                guard try transaction.users.isEmpty() else { return false }
                try transaction.plant(seed)
                return true
            }
        } catch StoreError.conflict {
            // Another manager was faster by a moment.
            return false
        }
    }

    /// Gives the role `root` power over all objects, and to the user `root`: for every start. Several managers may do so
    /// at once.
    package func grantRoot(objects: [String]) async throws {
        let isGranted = try await read { transaction in try transaction.isRootGranted(objects) }
        if isGranted { return }
        do {
            try await write { transaction in try transaction.grantRoot(objects) }
        } catch StoreError.conflict {
            // Another manager was faster by a moment, and granted the same.
        }
    }
}

extension Table<User> {
    fileprivate func isEmpty() throws(StoreError) -> Bool {
        try transaction.row("SELECT id FROM users LIMIT \(1)") == nil
    }
}

extension Transaction {
    fileprivate func plant(_ seed: Seed) throws(StoreError) {
        let user = try users.insert(
            User(
                name: "root", passwordHash: seed.rootPasswordHash, mustChangePassword: seed.mustChangePassword, id: 1))
        try roles.create(Roles.root, seed.objects.map { Permission(object: $0, action: "*") })
        try roles.create(Roles.guest, seed.objects.map { Permission(object: $0, action: "read") })
        try roles.assign(Roles.root, to: user.id)
        if let hash = seed.tokenHash {
            let tenYears = Duration.seconds(3650 * 86_400)
            _ = try tokens.insert(
                PersonalAccessToken(
                    name: "default", tokenHash: hash, scopes: ["job", "cluster"],
                    expiredAt: now.advanced(by: tenYears), userID: user.id, id: 1))
        }
        let schedulerCluster = SchedulerCluster(
            name: "cluster-1", config: #"{"candidate_parent_limit":3,"filter_parent_limit":15,"job_rate_limit":10}"#,
            clientConfig: #"{"load_limit":200,"concurrent_piece_count":4}"#, seedClientConfig: #"{"load_limit":2000}"#,
            isDefault: true, id: 1)
        let seedPeerCluster = SeedPeerCluster(name: "cluster-1", config: #"{"load_limit":2000}"#, id: 1)
        _ = try schedulerClusters.createCluster(schedulerCluster, with: seedPeerCluster)
        // Seven days and six hours, in nanoseconds. Clients look for it at the first place.
        let ages = #"{"audit":{"ttl":604800000000000},"job":{"ttl":21600000000000}}"#
        _ = try configs.insert(Config(name: "gc", value: ages, userID: user.id, id: 1))
    }

    fileprivate func isRootGranted(_ objects: [String]) throws(StoreError) -> Bool {
        guard let user = try users.named("root") else { return true }
        let principal = try principal(of: user)
        guard principal.roles.contains(Roles.root) else { return false }
        let granted = Set(try roles.permissions(Roles.root))
        return objects.allSatisfy { granted.contains(Permission(object: $0, action: "*")) }
    }

    fileprivate func grantRoot(_ objects: [String]) throws(StoreError) {
        guard let user = try users.named("root") else { return }
        if try !roles.exists(Roles.root) { try roles.create(Roles.root, []) }
        let granted = Set(try roles.permissions(Roles.root))
        for object in objects {
            let permission = Permission(object: object, action: "*")
            if !granted.contains(permission) { try roles.grant(permission, to: Roles.root) }
        }
        if try !roles.of(user: user.id).contains(Roles.root) { try roles.assign(Roles.root, to: user.id) }
    }
}
