import ManagerStore
import Testing

@Suite struct ListTests {
    @Test(arguments: Engine.allCases)
    func pagesMeetWithoutGaps(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                for number in 0..<1200 { _ = try tx.peers.insert(.sample(number)) }
            }
            let all = try await store.read { tx in try tx.peers.all() }
            #expect(all.map(\.id) == Array(1...1200))
            for size in [7, 100, 600, 1200, 5000] {
                var together: [Peer] = []
                var number = 1
                while true {
                    let page = Page(number: number, size: size)
                    let listing = try await store.read { tx in try tx.peers.list(page: page) }
                    #expect(listing.total == 1200)
                    if listing.elements.isEmpty { break }
                    together += listing.elements
                    number += 1
                }
                #expect(together == all, "pages of \(size)")
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func pagesBeyondTheEndAreEmpty(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            for page in [Page(number: 2), Page(number: .max, size: .max), Page(number: 10_000_000, size: 10_000_000)] {
                let listing = try await store.read { tx in try tx.configs.list(page: page) }
                #expect(listing.elements.isEmpty && listing.total == 1)
            }
            let all = try await store.read { tx in try tx.configs.list(page: .all) }
            #expect(all.elements.count == 1 && all.total == 1)
            let none = try await store.read { tx in try tx.peers.list(page: Page(number: 5)) }
            #expect(none.elements.isEmpty && none.total == 0)
            #expect(Page(number: -1, size: 0) == Page(number: 1, size: 1))
        }
    }

    @Test(arguments: Engine.allCases)
    func filtersAreExactAndAddUp(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                for number in 0..<40 {
                    var peer = Peer.sample(number)
                    peer.os = number % 2 == 0 ? "linux" : "Linux"
                    peer.state = number % 4 == 0 ? .active : .inactive
                    _ = try tx.peers.insert(peer)
                }
            }
            try await store.read { tx in
                #expect(try tx.peers.count(where: [.os: "linux"]) == 20)
                #expect(try tx.peers.count(where: [.os: "linux", .state: .of(InstanceState.active)]) == 10)
                let both: [Peer.Column: SQLValue] = [.os: "linux", .state: "inactive", .port: 4001]
                let listing = try tx.peers.list(where: both, page: Page(number: 2, size: 4))
                #expect(listing.total == 10 && listing.elements.map(\.hostName) == (4..<8).map { "host-\($0 * 4 + 2)" })
                #expect(try tx.peers.count(where: [.hostName: "host-%"]) == 0)
                #expect(try tx.peers.first(where: [.hostName: "host-7", .os: "linux"]) == nil)
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func jobsAndAuditsComeNewestFirst(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            for number in 0..<6 {
                try await store.write { tx in
                    for type in ["a", "b"] { _ = try tx.jobs.insert(Job(taskID: "\(number)", type: type)) }
                    try tx.audits.append([.sample("/\(number)/1"), .sample("/\(number)/2")])
                }
            }
            let jobs = try await store.read { tx in
                try tx.jobs.list(where: [.type: "a"], page: Page(number: 1, size: 3)).elements
            }
            #expect(jobs.map(\.taskID) == ["5", "4", "3"])
            let audits = try await store.read { tx in try tx.audits.list(page: Page(number: 2, size: 3)) }
            #expect(audits.elements.map(\.path) == ["/4/1", "/3/2", "/3/1"] && audits.total == 12)
        }
    }

    /// The index has only the beginning of a path.
    @Test(arguments: Engine.allCases)
    func pathsThatBeginAlikeAreToldApart(_ engine: Engine) async throws {
        try await withStore(engine) { store in
            let paths = [127, 128, 129, 200].map { "/" + String(repeating: "ä", count: $0 - 1) } + ["/", ""]
            try await store.write { tx in
                try tx.audits.append(paths.map { .sample($0) })
                for path in paths {
                    let found = try tx.audits.list(where: [.path: .text(path), .state: "SUCCESS"], page: Page())
                    #expect(found.elements.map(\.path) == [path] && found.total == 1)
                }
                #expect(try tx.audits.count(where: [.path: .text("/" + String(repeating: "ä", count: 150))]) == 0)
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func nobodyCanBeLookedFor(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                _ = try tx.jobs.insert(Job(type: "gc"))
                _ = try tx.jobs.insert(Job(type: "gc", userID: 1))
                #expect(try tx.jobs.all(where: [.userID: .null]).map(\.userID) == [0])
                #expect(try tx.jobs.all(where: [.userID: 1]).map(\.userID) == [1])
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func manyNumbersAreFoundAtOnce(_ engine: Engine) async throws {
        try await withSeededStore(engine) { store in
            try await store.write { tx in
                for number in 0..<1100 { _ = try tx.peers.insert(.sample(number)) }
                let found = try tx.peers.find(Array(-5...2000))
                #expect(found.count == 1100 && found[7]?.id == 7)
                #expect(try tx.peers.find([Int64]()).isEmpty)
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func auditsThatAreTooLongAreCutOff(_ engine: Engine) async throws {
        try await withStore(engine) { store in
            let path = "/" + String(repeating: "🦊", count: 2000)
            var audits = (0..<1100).map { Audit.sample("/\($0)") }
            audits.append(.sample(path))
            audits.append(.sample("/a\u{0}b"))
            let many = audits
            try await store.write { tx in
                try tx.audits.append(many)
                try tx.audits.append([])
            }
            let listing = try await store.read { tx in try tx.audits.list(page: Page(size: 2)) }
            #expect(listing.total == 1102)
            #expect(listing.elements.map(\.path) == ["/ab", "/" + String(repeating: "🦊", count: 1023)])
        }
    }
}
