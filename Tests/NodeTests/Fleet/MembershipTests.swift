import Fleet
import MinionCore
import Node
import PieceStore
import Testing

@Suite("node: its place in a fleet", .timeLimit(.minutes(2))) struct MembershipTests {
    private func withNode(
        managers: [String] = [], trackers: [String] = [], _ change: (inout NodeConfiguration) -> Void = { _ in },
        _ body: (MinionNode) async throws -> Void
    ) async throws {
        try await NodeFixture.with { fixture in
            try await fixture.node(cache: "cache") { configuration in
                configuration.join(managers: managers, trackers: trackers)
                change(&configuration)
            } _: {
                try await body($0)
            }
        }
    }

    @Test func nodeTellsWhoItIsAndTakesLeave() async throws {
        try await FakeFleet.run(2) { servers in
            let (manager, scheduler) = (servers[0], servers[1])
            manager.fleet.say { $0.route = RouteAnswer([scheduler.url]) }
            scheduler.fleet.say { $0.news = HostNews("1", schedulers: [scheduler.url]) }
            try await withNode(managers: [manager.url]) {
                $0.site = "s"
                $0.location = "a|b"
                $0.isSeed = true
            } _: { node in
                try await eventually("it reports") { scheduler.fleet.reports.count > 2 }
                let first = try #require(scheduler.fleet.reports.first)
                let facts = try #require(first.facts)
                #expect(facts.hostName == "host-1" && facts.site == "s" && facts.location == "a|b" && facts.isSeed)
                #expect(facts.endpoint == node.endpoint || facts.endpoint.port == node.endpoint.port)
                #expect(facts.version == MinionNode.version && facts.canUpload && !facts.kernelVersion.isEmpty)
                #expect(first.waitSeconds == 0 && scheduler.fleet.reports[2].known == "1")
                #expect(Set(scheduler.fleet.reports.map(\.secret)).count == 1)
                #expect(manager.fleet.questions.first?.hostName == "host-1")
                #expect(scheduler.fleet.tokens == ["Bearer mnj_test"] && manager.fleet.tokens == ["Bearer mnj_test"])
            }
            #expect(scheduler.fleet.goodbyes == [scheduler.fleet.reports[0].secret])
        }
    }

    @Test func rulesHoldAtOnceAndWithinTheOwnSettings() async throws {
        try await FakeFleet.run(1) { servers in
            let scheduler = servers[0]
            scheduler.fleet.say {
                $0.news = HostNews("1") { rules in
                    rules.loadLimit = 5
                    rules.concurrentPieces = 3
                }
            }
            try await withNode(trackers: [scheduler.url]) {
                $0.limits.piecesInFlight = 6
            } _: { node in
                try await eventually("they hold") { await node.status().limits.uploadLimit == 5 }
                var limits = await node.status().limits
                #expect(limits.uploadSlots == 5 && limits.piecesInFlight == 3)
                scheduler.fleet.say { $0.news = HostNews("2") { $0.loadLimit = 200 } }
                try await eventually("others hold") { await node.status().limits.uploadLimit == 200 }
                limits = await node.status().limits
                #expect(limits.uploadSlots == 8 && limits.piecesInFlight == 6)
                // The owner's new settings, within the same rules.
                var own = NodeLimits()
                own.uploadSlots = 300
                node.setLimits(own)
                #expect(await node.status().limits.uploadSlots == 200)
            }
        }
    }

    @Test func newSchedulersAreMetAndOldOnesLeftAlone() async throws {
        try await FakeFleet.run(2) { servers in
            let (a, b) = (servers[0], servers[1])
            a.fleet.say { $0.news = HostNews("1", schedulers: [a.url, b.url]) }
            b.fleet.say { $0.news = HostNews("1", schedulers: [a.url, b.url]) }
            try await withNode(trackers: [a.url]) { _ in
                try await eventually("both hear of it") { !a.fleet.reports.isEmpty && !b.fleet.reports.isEmpty }
                a.fleet.say { $0.news = HostNews("2", schedulers: [b.url]) }
                b.fleet.say { $0.news = HostNews("2", schedulers: [b.url]) }
                try await eventually("only one is reported to") {
                    let before = (a.fleet.reports.count, b.fleet.reports.count)
                    try await Task.sleep(for: .milliseconds(300))
                    return a.fleet.reports.count == before.0 && b.fleet.reports.count > before.1
                }
            }
            #expect(a.fleet.goodbyes.isEmpty && b.fleet.goodbyes.count == 1)
        }
    }

    @Test func silentClusterIsLeftForTheNextAndComeBackTo() async throws {
        try await FakeFleet.run(3) { servers in
            let (manager, a, b) = (servers[0], servers[1], servers[2])
            manager.fleet.say { $0.route = RouteAnswer([a.url], [b.url]) }
            a.fleet.say { $0.status = 500 }
            a.fleet.say { $0.news = HostNews("a", "c1") { $0.loadLimit = 11 } }
            b.fleet.say { $0.news = HostNews("b", "c2") { $0.loadLimit = 22 } }
            try await withNode(managers: [manager.url]) { node in
                try await eventually("in the second") { await node.status().limits.uploadLimit == 22 }
                a.fleet.say { $0.status = nil }
                try await eventually("in the first") { await node.status().limits.uploadLimit == 11 }
                try await eventually("it said good-bye") { b.fleet.goodbyes.count == 1 }
                a.fleet.say { $0.status = 500 }
                try await eventually("in the second again") { await node.status().limits.uploadLimit == 22 }
                // The manager says that it belongs elsewhere by now.
                a.fleet.say { $0.status = nil }
                manager.fleet.say { $0.route?.clusters.removeFirst() }
                let questions = manager.fleet.questions.count
                try await eventually("it is told so") { manager.fleet.questions.count > questions + 1 }
                #expect(await node.status().limits.uploadLimit == 22)
                manager.fleet.say { $0.route = RouteAnswer([a.url], [b.url]) }
                try await eventually("in the first at last") { await node.status().limits.uploadLimit == 11 }
            }
        }
    }

    @Test func removedHostKeepsToNothingAndComesBackWhenItMay() async throws {
        try await FakeFleet.run(1) { servers in
            let scheduler = servers[0]
            scheduler.fleet.say { $0.news = HostNews("1") { $0.loadLimit = 5 } }
            try await withNode(trackers: [scheduler.url]) { node in
                try await eventually("it is in") { await node.status().limits.uploadLimit == 5 }
                scheduler.fleet.say { $0.refusal = "it was removed" }
                try await eventually("it is out") { await node.status().limits.uploadLimit == nil }
                scheduler.fleet.say { $0.refusal = nil }
                try await eventually("it is in again") { await node.status().limits.uploadLimit == 5 }
            }
        }
    }

    @Test(arguments: [401, 403]) func revokedTokenEndsTheMembership(status: Int) async throws {
        try await FakeFleet.run(2) { servers in
            let (manager, scheduler) = (servers[0], servers[1])
            manager.fleet.say { $0.route = RouteAnswer([scheduler.url]) }
            scheduler.fleet.say { $0.news = HostNews("1") { $0.loadLimit = 5 } }
            try await withNode(managers: [manager.url]) { node in
                try await eventually("it is in") { await node.status().limits.uploadLimit == 5 }
                manager.fleet.say { $0.routeStatus = status }
                try await eventually("it is out") { await node.status().limits.uploadLimit == nil }
                try await eventually("it said good-bye") { scheduler.fleet.goodbyes.count == 1 }
                manager.fleet.say { $0.routeStatus = nil }
                try await eventually("it is in again") { await node.status().limits.uploadLimit == 5 }
            }
        }
    }

    @Test func schedulerThatForgotIsToldAgain() async throws {
        try await FakeFleet.run(1) { servers in
            let scheduler = servers[0]
            try await withNode(trackers: [scheduler.url]) { _ in
                try await eventually("it reports") { scheduler.fleet.reports.count > 3 }
                let before = scheduler.fleet.reports.count(where: { $0.facts != nil })
                scheduler.fleet.restart()
                try await eventually("it introduces itself") {
                    scheduler.fleet.reports.count(where: { $0.facts != nil }) > before
                }
            }
        }
    }

    @Test func trackerWithoutFleetIsOnlyATracker() async throws {
        let size = 100_000
        try await ScriptedServer.run { request, _ in
            range(of: request).map { partial($0, of: size, validator: "ETag: \"a\"") } ?? [.close]
        } _: { source in
            try await withTracker { tracker in
                try await withNode(trackers: [tracker]) { node in
                    let outcome = await node.download(request(source.url())).outcome()
                    #expect(outcome.has(pattern(0..<size)))
                    #expect(await node.status().limits.uploadLimit == nil)
                }
            }
        }
    }
}
