import Fleet
import Manager
import ManagerStore
import MinionCore
import Testing

@Suite struct FleetTests {
    @Test func schedulerIsActiveWithItsFirstReport() async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            let first = try await scheduler.tell()
            let row = try #require(try await scheduler.row())
            #expect(row.state == .active && row.id == first.id && row.schedulerClusterID == 1 && row.version == "1")
            #expect(row.config == #"{"manager_keep_alive_interval":1000000000}"#)
            let news = try #require(first.news)
            #expect(news.schedulers == ["http://10.0.0.1:8002"])
            #expect(news.rules.clusterName == "cluster-1" && news.rules.candidateParentLimit == 3)
            #expect(news.rules.filterParentLimit == 15 && news.rules.seeds.loadLimit == 2000)
            #expect(news.rules.peers.loadLimit == 200 && news.rules.peers.concurrentPieces == 4)
            #expect(try await scheduler.tell().news == nil, "it knows all that")
        }
    }

    @Test func changesOfTheClusterAreNews() async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            try await scheduler.tell()
            var change = ClusterChange()
            change.schedulerConfig = ["candidate_parent_limit": 7]
            change.seedPeerConfig = [
                "load_limit": 5,
                "block_list": ["persistent_task": ["upload": ["tags": ["x"]], "download": nil], "task": nil],
            ]
            change.peerConfig = [
                "load_limit": 2, "concurrent_piece_count": 3,
                "block_list": ["task": ["download": ["urls": ["^ftp"], "priorities": [4], "applications": nil]]],
            ]
            _ = try await manager.clusters.update(1, change)
            let rules = try #require(try await scheduler.tell().news?.rules)
            #expect(rules.candidateParentLimit == 7 && rules.filterParentLimit == 40 && rules.seeds.loadLimit == 5)
            #expect(rules.seeds.blockList.uploads[.persistentTask]?.tags == ["x"])
            #expect(rules.seeds.blockList.downloads.isEmpty)
            #expect(rules.peers.loadLimit == 2 && rules.peers.concurrentPieces == 3)
            #expect(rules.peers.blockList.downloads[.task]?.urls == ["^ftp"])
            #expect(rules.peers.blockList.downloads[.task]?.priorities == [4])
            _ = try await manager.applications.create(
                Application(
                    name: "app", url: "http://x", priority: #"{"value":2,"urls":[{"regex":"x","value":9}]}"#, userID: 1)
            )
            let applications = try await scheduler.tell().news?.rules.applications
            #expect(
                applications == [ApplicationRule(name: "app", priority: 2, urls: [.init(pattern: "x", priority: 9)])])
            let token = try await manager.joinTokens.create(JoinToken(name: "t", tokenHash: [], userID: 1))
            #expect(try await scheduler.tell().news?.joinTokens.map(\.hash) == [Hex.text(TokenValue.hash(token.value))])
            _ = try await manager.joinTokens.update(token.token.id, [.state: "inactive"])
            #expect(try await scheduler.tell().news?.joinTokens == [])
            var second = FakeScheduler(manager, "s2", address: "fd00::2")
            try await second.tell { $0.facts.isSecure = true }
            #expect(try await scheduler.tell().news?.schedulers == ["http://10.0.0.1:8002", "https://[fd00::2]:8002"])
        }
    }

    @Test func schedulerThatLeavesIsInactiveAtOnceAndComesBackUnderItsRow() async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            let id = try await scheduler.tell { $0.hosts = [host("a"), host("b", isSeed: true)] }.id
            try await scheduler.tell { $0.isLeaving = true }
            #expect(try await scheduler.row()?.state == .inactive)
            #expect(try await manager.peers.find(1).state == .inactive)
            #expect(try await manager.seedPeers.find(1).state == .inactive)
            var next = FakeScheduler(manager, run: "next")
            #expect(try await next.tell().id == id)
            #expect(try await next.row()?.state == .active)
            // What the one before says late does no harm.
            _ = try await scheduler.tell { $0.isLeaving = false }.refusal.map {
                #expect($0.contains("another scheduler"))
            }
            #expect(try await next.row()?.run == "next")
        }
    }

    @Test func onlyOneProcessCanBeAScheduler() async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            try await scheduler.tell()
            var other = FakeScheduler(manager, run: "other")
            let refusal = try #require(try await other.tell().refusal)
            #expect(refusal.contains("another scheduler named s1"))
            #expect(try await scheduler.tell().refusal == nil)
            try await manager.execute("UPDATE schedulers SET last_keep_alive_at = last_keep_alive_at - 2500000")
            #expect(try await other.tell().refusal == nil, "the first has fallen silent")
            #expect(try await scheduler.tell().refusal != nil)
        }
    }

    @Test func silentSchedulersGoWithTheirHosts() async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            try await scheduler.tell { $0.hosts = [host("a"), host("b", isSeed: true)] }
            try await manager.fleet.look(atSchedulers: true)
            #expect(try await scheduler.row()?.state == .active)
            try await manager.execute("UPDATE schedulers SET last_keep_alive_at = last_keep_alive_at - 3500000")
            try await manager.fleet.look(atSchedulers: false)
            #expect(try await scheduler.row()?.state == .active, "nobody has listened for long enough")
            try await manager.fleet.look(atSchedulers: true)
            #expect(try await scheduler.row()?.state == .inactive)
            #expect(try await manager.peers.find(1).state == .inactive)
            #expect(try await manager.seedPeers.find(1).state == .inactive)
            try await scheduler.tell { $0.hosts = [host("a"), host("b", isSeed: true)] }
            #expect(try await scheduler.row()?.state == .active)
            #expect(try await manager.peers.find(1).state == .active)
        }
    }

    @Test func removedSchedulerStaysAwayUntilItIsRestarted() async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            let id = try await scheduler.tell().id
            try await manager.fleet.removeScheduler(id)
            let refusal = try await scheduler.tell().refusal
            #expect(refusal?.contains("removed from its cluster") == true)
            #expect(try await scheduler.row() == nil)
            var restarted = FakeScheduler(manager, run: "next")
            #expect(try await restarted.tell().refusal == nil)
        }
    }

    @Test func removedHostsAreNamedAndStayAway() async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            try await scheduler.tell { $0.hosts = [host("a"), host("b", isSeed: true), host("c")] }
            try await manager.fleet.removePeer(1)
            try await manager.fleet.removeSeedPeer(1)
            let reply = try await scheduler.tell { $0.hosts = [host("a"), host("b", isSeed: true)] }
            #expect(reply.removedHosts.sorted() == ["id of a", "id of b"])
            #expect(try await manager.peers.list([:], .all).elements.map(\.hostName) == ["c"])
            #expect(try await manager.seedPeers.list([:], .all).total == 0)
            try await scheduler.tell { $0.hosts = [host("a", id: "another run")] }
            #expect(try await manager.peers.list([:], .all).elements.map(\.hostName) == ["c", "a"])
        }
    }

    @Test func rowsFollowHosts() async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            try await scheduler.tell { report in
                var busy = host("a")
                busy.facts.system = "linux"
                busy.counters.bytesFromPeers = 7
                report.hosts = [busy, host("b"), host("c", isSeed: true), host("d", isActive: false)]
            }
            func states() async throws -> [String: InstanceState] {
                let peers = try await manager.peers.list([:], .all).elements
                return Dictionary(uniqueKeysWithValues: peers.map { ($0.hostName, $0.state) })
            }
            #expect(try await states() == ["a": .active, "b": .active])
            let row = try await manager.peers.find(1)
            #expect(row.os == "linux" && row.gitVersion == "2" && row.sighting.bytesFromPeers == 7 && row.port == 4001)
            #expect(try await manager.seedPeers.find(1).version == "2")
            // Traffic alone is written later, with the last that was told.
            for bytes in [8, 9] {
                try await scheduler.tell { report in
                    var busy = host("a")
                    busy.facts.system = "linux"
                    busy.counters.bytesFromPeers = Int64(bytes)
                    report.hosts = [busy]
                }
            }
            #expect(try await manager.peers.find(1) == row)
            try await manager.fleet.writeTraffic()
            #expect(try await manager.peers.find(1).sighting.bytesFromPeers == 9)
            try await scheduler.tell { $0.hosts = [host("b", isActive: false)] }
            #expect(try await states() == ["a": .active, "b": .inactive])
            // A node that took another's place is not gone when that one is.
            try await scheduler.tell { $0.hosts = [host("b", id: "b2")] }
            try await scheduler.tell { $0.hosts = [host("b", isActive: false)] }
            #expect(try await states() == ["a": .active, "b": .active])
            try await scheduler.tell { report in
                report.hosts = [host("b", id: "b2")]
                report.hasAllHosts = true
            }
            #expect(try await states() == ["a": .inactive, "b": .active])
        }
    }

    @Test func anotherSchedulerTakesHostsOver() async throws {
        try await withManager { manager in
            var one = FakeScheduler(manager)
            var two = FakeScheduler(manager, "s2", address: "10.0.0.2")
            try await one.tell { $0.hosts = [host("a")] }
            try await two.tell { $0.hosts = [host("a")] }
            try await one.tell { $0.hosts = [host("a", isActive: false)] }
            #expect(try await manager.peers.find(1).state == .active, "it is the other's now")
        }
    }

    @Test(
        arguments: [
            { (r: inout SchedulerReport) in r.facts.hostName = "" }, { $0.facts.port = 0 }, { $0.facts.port = 70_000 },
            { $0.facts.address = "a b" }, { $0.facts.address = "http://x" }, { $0.facts.incarnation = "" },
            { $0.facts.incarnation = String(repeating: "x", count: 129) }, { $0.keepAliveSeconds = 0 },
            { $0.keepAliveSeconds = -1 }, { $0.keepAliveSeconds = 1e300 },
        ] as [@Sendable (inout SchedulerReport) -> Void])
    func nonsenseIsRefused(_ change: @Sendable (inout SchedulerReport) -> Void) async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            let refused = try await refusal { try await scheduler.tell(change) }
            #expect(refused?.kind == .invalid)
        }
    }

    @Test func nonsenseOfHostsIsBent() async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            try await scheduler.tell { report in
                var strange = host("x\u{0}\n" + String(repeating: "y", count: 1000), id: "x")
                strange.counters.bytesSent = -5
                strange.counters.uploads = -1
                strange.facts.kernelVersion = "\u{1b}[31m"
                var nowhere = host("z")
                nowhere.facts.endpoint = Endpoint(host: "", port: 1)
                report.hosts = [strange, nowhere, host(""), host("b", id: "")]
                report.wantsJobs = -3
            }
            let peers = try await manager.peers.list([:], .all).elements
            try #require(peers.count == 1)
            #expect(peers[0].hostName.count == 256 && peers[0].kernelVersion == "[31m")
            #expect(peers[0].sighting.bytesSent == 0)
        }
    }

    // MARK: Which cluster

    @Test func tokensSayWhichCluster() async throws {
        try await withManager { manager in
            var change = ClusterChange()
            change.name = "two"
            change.scopes = ["cidrs": ["10.2.0.0/16"], "hostnames": ["^edge-"]]
            let two = try await manager.clusters.create(change).id
            let bound = try await manager.joinTokens.create(
                JoinToken(name: "b", tokenHash: [], schedulerClusterID: two, userID: 1))
            let free = try await manager.joinTokens.create(JoinToken(name: "f", tokenHash: [], userID: 1))
            var one = FakeScheduler(manager, "s1", identity: .token(free.token))
            try await one.tell()
            #expect(try await one.row()?.schedulerClusterID == 1)
            var fitting = FakeScheduler(manager, "edge-1", address: "10.2.0.1", identity: .token(free.token))
            try await fitting.tell()
            #expect(try await fitting.row()?.schedulerClusterID == two, "its place fits there")
            var bid = FakeScheduler(manager, "s3", identity: .token(bound.token))
            try await bid.tell()
            #expect(try await bid.row()?.schedulerClusterID == two)
            #expect(bid.news?.rules.clusterName == "two")
            // Where an operator moves it, it stays.
            let id = try #require(try await one.row()?.id)
            _ = try await one.tell { $0.hosts = [host("a")] }
            _ = try await manager.fleet.updateScheduler(id, [.schedulerClusterID: .of(two)])
            #expect(try await manager.peers.find(1).state == .inactive)
            let moved = try await one.tell()
            #expect(moved.news?.rules.clusterName == "two" && moved.wantsAllHosts)
            let told = try await one.tell {
                $0.hosts = [host("a")]
                $0.hasAllHosts = true
            }
            #expect(!told.wantsAllHosts)
            #expect(try await manager.peers.find(2).schedulerClusterID == two)
        }
    }

    @Test func hostsAreToldTheirClustersAndWhy() async throws {
        try await withManager { manager in
            var change = ClusterChange()
            change.name = "two"
            change.scopes = ["cidrs": ["10.2.0.0/16"], "hostnames": ["^edge-"], "idc": "d1|d2", "location": "a|b|c"]
            let two = try await manager.clusters.create(change).id
            let question = RouteQuestion(
                hostName: "edge-7", address: "10.2.3.4", site: "D2", location: "a|b", version: "1")
            #expect(try await manager.fleet.route(question, from: "127.0.0.1", identity: .own).clusters.isEmpty)
            var one = FakeScheduler(manager)
            try await one.tell()
            let bound = try await manager.joinTokens.create(
                JoinToken(name: "b", tokenHash: [], schedulerClusterID: two, userID: 1))
            let early = try await manager.fleet.route(question, from: "", identity: .token(bound.token))
            #expect(early.clusters.isEmpty, "nobody is alive in its cluster")
            var second = FakeScheduler(manager, "s2", address: "10.2.0.1", identity: .token(bound.token))
            try await second.tell()
            let answer = try await manager.fleet.route(question, from: "127.0.0.1", identity: .own)
            #expect(answer.clusters.map(\.name) == ["two", "cluster-1"] && answer.address == "10.2.3.4")
            #expect(abs(answer.time - Double(Timestamp.now().microseconds) / 1e6) < 60)
            let best = try #require(answer.clusters.first)
            #expect(best.schedulers == ["http://10.2.0.1:8002"] && abs(best.score - 0.906) < 1e-9)
            #expect(
                best.reasons == [
                    "its CIDR 10.2.0.0/16 has 10.2.3.4", "its host name pattern ^edge- is found in edge-7",
                    "its IDC d1|d2 has D2", "2 of 5 parts of its location a|b|c are those of a|b",
                ])
            #expect(answer.clusters[1].reasons == ["it is a default cluster"])
            let pinned = try await manager.fleet.route(question, from: "", identity: .token(bound.token))
            #expect(pinned.clusters.map(\.name) == ["two"])
            #expect(pinned.clusters[0].reasons.first == "the join token is for this cluster only")
            var elsewhere = question
            elsewhere.address = ""
            #expect(try await manager.fleet.route(elsewhere, from: "10.9.9.9", identity: .own).address == "10.9.9.9")
            elsewhere.address = "nowhere"
            let refused = try await refusal {
                _ = try await manager.fleet.route(elsewhere, from: "", identity: .own)
            }
            #expect(refused?.kind == .invalid)
        }
    }

    @Test func tokensAreLookedAt() async throws {
        try await withManager { manager in
            let token = try await manager.joinTokens.create(JoinToken(name: "t", tokenHash: [], userID: 1))
            #expect(token.value.hasPrefix("mnj_") && TokenValue.isWellFormed(token.value))
            #expect(token.token.prefix == String(token.value.prefix(8)))
            guard case .token(let found) = try await manager.joinTokens.identity(of: token.value) else {
                Issue.record("no token")
                return
            }
            #expect(found.name == "t")
            #expect(try await manager.joinTokens.find(token.token.id).token.lastUsedAt != nil)
            func kind(_ value: String) async throws -> Refusal.Kind? {
                try await refusal { _ = try await manager.joinTokens.identity(of: value) }?.kind
            }
            #expect(try await kind("mnj_x") == .unauthorized)
            #expect(try await kind("") == .unauthorized)
            _ = try await manager.joinTokens.update(token.token.id, [.expiredAt: .of(Timestamp(microseconds: 1))])
            #expect(try await kind(token.value) == .forbidden)
            _ = try await manager.joinTokens.update(token.token.id, [.expiredAt: nil, .state: "inactive"])
            #expect(try await kind(token.value) == .forbidden)
        }
    }
}
