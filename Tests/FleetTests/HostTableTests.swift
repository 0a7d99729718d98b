import Fleet
import MinionCore
import Testing

struct HostTableTests {
    private let host = PeerID(1)

    private func second(_ value: Double) -> Instant { .zero + .inSeconds(value) }

    private func facts(_ name: String = "h1", isSeed: Bool = false, address: String = "10.0.0.1") -> HostFacts {
        HostFacts(hostName: name, endpoint: Endpoint(host: address, port: 7000), isSeed: isSeed, version: "1")
    }

    private func report(
        _ facts: HostFacts? = nil, known: String = "", wait: Double = 10, progress: [OrderProgress] = [],
        secret: String = "s"
    ) -> HostReport {
        var report = HostReport(secret: secret)
        report.facts = facts
        report.known = known
        report.waitSeconds = wait
        report.progress = progress
        return report
    }

    private func news(_ tag: String = "n1", schedulers: [String] = ["http://a"]) -> SchedulerNews {
        SchedulerNews(
            tag: tag, rules: ClusterRules(clusterID: 1, clusterName: "one"), joinTokens: [], schedulers: schedulers)
    }

    /// A table with news and one host that knows them and waits with ticket 2.
    private func settled(isSeed: Bool = false) -> HostTable {
        var table = HostTable()
        _ = table.setNews(news(), ownURL: "http://a", at: .zero)
        _ = table.receive(report(facts(isSeed: isSeed)), from: host, ticket: 1, at: .zero)
        let tag = isSeed ? "n1-seed" : "n1-peer"
        _ = table.receive(report(known: tag), from: host, ticket: 2, at: .zero)
        return table
    }

    private func replies(_ actions: [HostTable.Action]) -> [UInt64: HostReply] {
        var found: [UInt64: HostReply] = [:]
        for case .reply(let ticket, let reply) in actions { found[ticket] = reply }
        return found
    }

    @Test func aHostIsLetInAndToldTheRulesOfItsKind() {
        var table = HostTable()
        _ = table.setNews(news(), ownURL: "http://a", at: .zero)
        let unknown = table.receive(report(), from: host, ticket: 1, at: .zero)
        #expect(replies(unknown)[1]?.mustIntroduce == true)
        let joined = table.receive(report(facts(isSeed: true)), from: host, ticket: 2, at: .zero)
        #expect(joined.contains(.joined(JobHost(id: host, name: "h1", address: "10.0.0.1", isSeed: true))))
        #expect(replies(joined)[2]?.news?.rules.loadLimit == 2000)
        #expect(replies(joined)[2]?.news?.tag == "n1-seed")
        #expect(table.states(since: nil).hosts.map(\.id) == [host.hex])
    }

    @Test func anAnswerIsHeldUntilThereIsSomethingToSay() {
        var table = settled()
        #expect(replies(table.timer(at: second(9))).isEmpty)
        let changed = table.setNews(news("n2"), ownURL: "http://a", at: second(9))
        #expect(replies(changed)[2]?.news?.tag == "n2-peer")
        // What it does not take up is not repeated at once, but it is repeated.
        #expect(replies(table.receive(report(known: "n1-peer"), from: host, ticket: 3, at: second(9))).isEmpty)
        #expect(replies(table.timer(at: second(10)))[3]?.news?.tag == "n2-peer")
    }

    @Test func aReportIsHeldNoLongerThanItsHostReports() {
        var table = settled(isSeed: true)
        #expect(replies(table.timer(at: second(4.9))).isEmpty)
        #expect(replies(table.timer(at: second(5)))[2]?.nextReportSeconds == 5)
    }

    @Test func anOrderIsGivenOnceAndForgottenWhenItHasEnded() throws {
        var table = settled()
        let order = HostOrder(id: "p/0/1", action: .delete(task: "t"))
        let (isTaken, told) = table.order(order, to: host, at: second(1))
        #expect(isTaken)
        #expect(replies(told)[2]?.orders == [order])
        var progress = OrderProgress(id: order.id, state: .running)
        var heard = table.receive(
            report(known: "n1-peer", progress: [progress]), from: host, ticket: 3, at: second(1))
        #expect(heard == [.progress(progress, from: host)])
        progress.state = .succeeded
        heard = table.receive(report(known: "n1-peer", progress: [progress]), from: host, ticket: 4, at: second(2))
        #expect(heard.contains(.progress(progress, from: host)))
        // It is told that it may forget the order, once.
        #expect(replies(heard)[4]?.orders.isEmpty == true)
        heard = table.receive(report(known: "n1-peer", progress: [progress]), from: host, ticket: 5, at: second(2))
        #expect(heard.isEmpty)
    }

    @Test func aWithdrawnOrderIsToldAtOnce() {
        var table = settled()
        let order = HostOrder(id: "p/0/1", action: .delete(task: "t"))
        _ = table.order(order, to: host, at: second(1))
        let progress = [OrderProgress(id: order.id, state: .running)]
        _ = table.receive(report(known: "n1-peer", progress: progress), from: host, ticket: 3, at: second(1))
        let told = table.withdraw(order.id, from: host, at: second(1))
        #expect(replies(told)[3]?.orders.isEmpty == true)
    }

    @Test func aHostWhoseConnectionIsLostIsGoneSoonUnlessItReports() {
        var table = settled()
        table.connectionClosed(of: host, at: second(3))
        #expect(table.timer(at: second(4.9)).isEmpty)
        var back = table
        _ = back.receive(report(known: "n1-peer"), from: host, ticket: 3, at: second(4.9))
        #expect(!back.timer(at: second(5.1)).contains(.left(host)))
        #expect(table.timer(at: second(5)).contains(.left(host)))
        #expect(table.states(since: 0).hosts.map(\.isActive) == [false])
    }

    @Test(arguments: [(true, 15.0), (false, 45.0)])
    func aSilentHostIsGoneAfterThreeIntervals(isSeed: Bool, seconds: Double) {
        var table = settled(isSeed: isSeed)
        var time = 0.0
        while time < seconds - 0.2 {
            time += 0.1
            #expect(!table.timer(at: second(time)).contains(.left(host)))
        }
        #expect(table.timer(at: second(seconds)).contains(.left(host)))
    }

    @Test func nobodyTakesTheIdOfAnother() {
        var table = settled()
        let actions = table.receive(report(facts("evil"), secret: "x"), from: host, ticket: 9, at: second(1))
        #expect(replies(actions)[9]?.refusal != nil)
        #expect(replies(actions)[2] == nil)
        #expect(table.membership(of: host, secret: "x") == .wrongSecret)
    }

    @Test func aRemovedHostIsToldAndDoesNotComeBack() {
        var table = settled()
        let actions = table.remove([host])
        #expect(replies(actions)[2]?.refusal != nil)
        #expect(table.count == 0)
        let again = table.receive(report(facts()), from: host, ticket: 3, at: second(1))
        #expect(replies(again)[3]?.refusal != nil)
        _ = table.receive(report(facts()), from: PeerID(2), ticket: 4, at: second(1))
        #expect(table.count == 1)
    }

    @Test func ofSeveralSchedulersOneTellsOfAHost() {
        let all = ["http://a", "http://b", "http://c"]
        var tables = all.map { _ in HostTable() }
        for index in all.indices {
            _ = tables[index].setNews(news(schedulers: all), ownURL: all[index], at: .zero)
            for id in 1...300 {
                _ = tables[index].receive(
                    report(facts("h\(id)")), from: PeerID(UInt64(id)), ticket: UInt64(id), at: .zero)
            }
        }
        let told = tables.map { $0.states(since: nil).hosts.map(\.id) }
        #expect(Set(told.joined()).count == 300)
        #expect(told.reduce(0) { $0 + $1.count } == 300)
        #expect(told.allSatisfy { $0.count > 60 })
        // When one goes, the others tell of its hosts, and of no other.
        let rest = Array(all.prefix(2))
        for index in rest.indices {
            let before = tables[index].states(since: nil).upTo
            _ = tables[index].setNews(news("n2", schedulers: rest), ownURL: rest[index], at: .zero)
            #expect(Set(tables[index].states(since: before).hosts.map(\.id)).isSubset(of: Set(told[2])))
        }
        #expect(rest.indices.reduce(0) { $0 + tables[$1].states(since: nil).hosts.count } == 300)
    }

    @Test func countersAloneAreToldNowAndThen() {
        var table = settled()
        let before = table.states(since: nil).upTo
        var busy = report(known: "n1-peer")
        busy.counters.bytesSent = 10
        _ = table.receive(busy, from: host, ticket: 3, at: second(1))
        #expect(table.states(since: before).hosts.isEmpty)
        _ = table.receive(busy, from: host, ticket: 4, at: second(6))
        #expect(table.states(since: before).hosts.map(\.counters.bytesSent) == [10])
        #expect(!table.hasMoves(since: before))
    }

    @Test func aNodeThatIsStartedAgainTakesThePlaceOfItsFormerSelf() {
        var table = settled()
        table.connectionClosed(of: host, at: second(1))
        let actions = table.receive(report(facts()), from: PeerID(2), ticket: 3, at: second(1.5))
        #expect(actions.contains(.left(host)))
        #expect(table.states(since: 1).hosts.map(\.isActive) == [false, true])
    }

    @Test func aTableIsFullAtSomePoint() {
        var limits = HostTable.Limits()
        limits.hosts = 2
        var table = HostTable(limits: limits)
        for id in 1...3 {
            _ = table.receive(report(facts("h\(id)")), from: PeerID(UInt64(id)), ticket: UInt64(id), at: .zero)
        }
        #expect(table.count == 2)
    }

    @Test func nonsenseIsNamed() {
        #expect(report(facts()).problem == nil)
        #expect(report(facts(""), known: "").problem?.contains("hostName") == true)
        #expect(report(facts(), wait: .nan).problem?.contains("waitSeconds") == true)
        #expect(report(facts(), secret: "").problem?.contains("secret") == true)
        var bad = report(facts())
        bad.counters.bytesSent = -1
        #expect(bad.problem?.contains("counters") == true)
        var lying = OrderProgress(id: "x", state: .running)
        lying.bytes = .max
        #expect(report(progress: [lying]).problem?.contains("progress[0]") == true)
    }
}
