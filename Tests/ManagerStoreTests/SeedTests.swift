import ManagerStore
import Testing

@Suite struct SeedTests {
    @Test(arguments: Engine.allCases)
    func emptyStoreGetsItsFirstRows(_ engine: Engine) async throws {
        try await withStore(engine) { store in
            #expect(try await store.needsSeed())
            let hash = [UInt8](repeating: 3, count: 32)
            let seed = Seed(rootPasswordHash: "h", mustChangePassword: true, tokenHash: hash, objects: objects)
            #expect(try await store.seed(seed))
            #expect(try await !store.needsSeed())
            #expect(try await !store.seed(seed))
            try await store.write { tx in
                let root = try tx.users.find(1)
                #expect(root.name == "root" && root.passwordHash == "h" && root.mustChangePassword && root.email == "")
                #expect(try tx.roles.of(user: 1) == ["root"] && tx.roles.names() == ["root", "guest"])
                #expect(try tx.roles.permissions("guest") == objects.map { Permission(object: $0, action: "read") })
                let token = try #require(try tx.tokens.principal(hash: hash)).token
                #expect(token.name == "default" && token.scopes == ["job", "cluster"] && token.id == 1)
                #expect(token.expiredAt > tx.now.advanced(by: .seconds(3649 * 86_400)))
                let cluster = try tx.schedulerClusters.find(1)
                #expect(cluster.name == "cluster-1" && cluster.isDefault)
                #expect(try tx.links.seedPeerClusters(of: [1])[1]?.map(\.id) == [1])
                #expect(try tx.configs.all().map(\.name) == ["gc"] && tx.configs.find(1).userID == 1)
                // The next numbers do not collide with those that were given by hand.
                #expect(try tx.users.insert(.sample("next")).id == 2)
                #expect(try tx.schedulerClusters.insert(SchedulerCluster(name: "next")).id == 2)
                #expect(try tx.configs.insert(Config(name: "next", value: "", userID: 1)).id == 2)
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func onlyOneOfSeveralManagersPlants(_ engine: Engine) async throws {
        try await withPlace(engine) { place in
            var stores: [Store] = []
            for _ in 0..<4 { stores.append(try await place.open()) }
            let planted = try await withThrowingTaskGroup(of: Bool.self) { group in
                for store in stores {
                    group.addTask {
                        try await store.seed(Seed(rootPasswordHash: "h", mustChangePassword: false, objects: objects))
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(planted == 1)
            #expect(try await stores[0].read { tx in try tx.users.all().map(\.id) } == [1])
            #expect(try await stores[0].read { tx in try tx.schedulerClusters.all().map(\.id) } == [1])
            for store in stores { await store.close() }
        }
    }

    @Test(arguments: Engine.allCases)
    func rootGetsItsPowerBackAtEveryStart(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                let second = try tx.users.insert(.sample("second"))
                try tx.roles.assign("root", to: second.id)
                try tx.roles.withdraw("root", from: 1)
                try tx.roles.revoke(Permission(object: "users", action: "*"), from: "root")
            }
            let more = objects + ["new"]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 { group.addTask { try await store.grantRoot(objects: more) } }
                try await group.waitForAll()
            }
            try await store.write { tx in
                #expect(try tx.roles.of(user: 1) == ["root"])
                let principal = try #require(try tx.principal(user: 1))
                #expect(more.allSatisfy { principal.may("*", $0) })
                #expect(try tx.roles.permissions("root").count == more.count)
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func allManagersGetTheSameKey(_ engine: Engine) async throws {
        try await withPlace(engine) { place in
            let stores = [try await place.open(), try await place.open()]
            let keys = try await withThrowingTaskGroup(of: [UInt8].self) { group in
                for number in 0..<8 {
                    group.addTask {
                        try await stores[number % 2].write { tx in
                            try tx.settings.setIfAbsent("key", [UInt8(number)])
                        }
                    }
                }
                return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
            }
            #expect(keys.count == 1)
            #expect(try await stores[0].read { tx in try tx.settings.get("key") } == keys.first)
            #expect(try await stores[0].read { tx in try tx.settings.get("other") } == nil)
            try await stores[0].write { tx in try tx.settings.set("key", [9, 9]) }
            #expect(try await stores[1].read { tx in try tx.settings.get("key") } == [9, 9])
            for store in stores { await store.close() }
        }
    }
}
