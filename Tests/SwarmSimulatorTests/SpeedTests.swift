import MinionCore
import SwarmSimulator
import Testing

/// How close a swarm comes to the bound. A fluid model of such a mesh, without any protocol, comes to the ratio in the
/// comment; the limit is what the rules reach now, with some room.
struct SpeedTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var name: String
        var hosts = 16
        var size: Int64 = 64 << 20
        var pieceSize: Int64 = 256 << 10
        var up = "100mbit"
        var sourceUp = "100mbit"
        var limit: Double

        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(name: "one host alone", hosts: 1, limit: 1.01),
        Case(name: "two hosts", hosts: 2, limit: 1.03),
        Case(name: "four hosts", hosts: 4, limit: 1.08),
        // 1.03
        Case(name: "128 MiB in 256 KiB pieces", size: 128 << 20, limit: 1.13),
        // 1.06
        Case(name: "128 MiB in 512 KiB pieces", size: 128 << 20, pieceSize: 512 << 10, limit: 1.18),
        // 1.06
        Case(name: "64 MiB in 256 KiB pieces", limit: 1.2),
        // 1.12
        Case(name: "64 MiB in 512 KiB pieces", pieceSize: 512 << 10, limit: 1.32),
        // 1.5
        Case(name: "64 MiB in 1 MiB pieces", pieceSize: 1 << 20, limit: 1.95),
        // 1.09 when leases follow the upload rates, 1.8 when they do not
        Case(name: "uploads of 50 and 150 Mbit/s", up: "50mbit,150mbit", limit: 1.45),
        // 1.15
        Case(name: "32 hosts", hosts: 32, limit: 1.32),
        Case(name: "a source ten times slower", sourceUp: "10mbit", limit: 1.05),
    ]

    @Test("the last host is done within a multiple of the bound, from one copy of the source", arguments: cases)
    func ratio(item: Case) throws {
        let scenario = try swarm(hosts: item.hosts, size: item.size, pieceSize: item.pieceSize) { options in
            options.up = item.up.split(separator: ",").compactMap { ByteRate(String($0)) }
            options.sourceUp = ByteRate(item.sourceUp) ?? options.sourceUp
        }
        let report = run(scenario)
        #expect(report.completed == item.hosts)
        let ratio = try #require(report.ratioToBound)
        #expect(ratio >= 0.999 && ratio < item.limit)
        #expect(report.sourceCopies < 1.1)
        #expect(report.sourceStats == 1)
    }

    @Test func theBoundIsTheLargestOfItsTerms() throws {
        let fast = try #require(ByteRate("1gbit"))
        let slow = try #require(ByteRate("10mbit"))
        let size: Int64 = 1_250_000
        let seconds = Bound.framing
        let equal = [HostPlan](repeating: HostPlan(up: fast, down: fast), count: 4)
        let bySource = Bound(size: size, sourceUp: slow, hosts: equal)
        #expect(bySource.limit == .sourceUplink)
        #expect(abs(bySource.time.inSeconds - seconds) < 1e-6)
        let byDownlink = Bound(size: size, sourceUp: fast, hosts: equal + [HostPlan(up: fast, down: slow)])
        #expect(byDownlink.limit == .slowestDownlink)
        #expect(abs(byDownlink.time.inSeconds - seconds) < 1e-6)
        let poor = [HostPlan](repeating: HostPlan(up: slow, down: fast), count: 100)
        let byUplinks = Bound(size: size, sourceUp: slow, hosts: poor)
        #expect(byUplinks.limit == .sourceUplink)
        let sum = Bound(size: size, sourceUp: try #require(ByteRate("20mbit")), hosts: poor)
        #expect(sum.limit == .sumOfUplinks)
        #expect(abs(sum.time.inSeconds - seconds * 100 / 102) < 1e-6)
    }
}
