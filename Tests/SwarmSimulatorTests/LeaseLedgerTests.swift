import MinionCore
import Swarm
import SwarmSimulator
import Testing

struct LeaseLedgerTests {
    private let one = PeerID(1)
    private let two = PeerID(2)
    private let second: Int64 = 1_000_000_000

    private func ledger() -> LeaseLedger { LeaseLedger(validator: "v", pieces: 10, silence: .seconds(15)) }

    private func hello(_ change: (inout PeerReport) -> Void = { _ in }) -> PeerReport {
        var report = PeerReport()
        change(&report)
        return report
    }

    @Test func aPieceLeasedTwiceIsNoticed() {
        var ledger = ledger()
        ledger.note(hello(), from: one, at: 0)
        #expect(ledger.grant(Lease(2..<5, seconds: 6), to: one, at: 0) == nil)
        let conflict = ledger.grant(Lease(4..<8, seconds: 6), to: two, at: 5 * second)
        #expect(conflict?.piece == 4)
        #expect(conflict?.holder == one)
    }

    @Test func aLeaseEndsWhenItHasRunOut() {
        var ledger = ledger()
        ledger.note(hello(), from: one, at: 0)
        _ = ledger.grant(Lease(0..<1, seconds: 6), to: one, at: 0)
        #expect(ledger.grant(Lease(0..<1, seconds: 6), to: two, at: 6 * second) == nil)
    }

    @Test func aReportedPieceRenewsTheRestOfTheLease() throws {
        var ledger = ledger()
        ledger.note(hello(), from: one, at: 0)
        _ = ledger.grant(Lease(0..<2, seconds: 6), to: one, at: 0)
        let hash = try #require(PieceHash(bytes: Array(repeating: 0, count: 32)))
        ledger.note(hello { $0.fetched = [PieceProof(piece: 0, hash: hash)] }, from: one, at: 5 * second)
        #expect(ledger.grant(Lease(0..<1, seconds: 6), to: two, at: 8 * second) == nil)
        #expect(ledger.grant(Lease(1..<2, seconds: 6), to: two, at: 8 * second)?.holder == one)
    }

    @Test func aReturnedPieceIsFree() {
        var ledger = ledger()
        ledger.note(hello(), from: one, at: 0)
        _ = ledger.grant(Lease(0..<2, seconds: 6), to: one, at: 0)
        ledger.note(hello { $0.returned = [1] }, from: one, at: second)
        #expect(ledger.grant(Lease(1..<2, seconds: 6), to: two, at: second) == nil)
    }

    @Test func aLeaseOutOfTheTaskIsNoticed() {
        var ledger = ledger()
        #expect(ledger.grant(Lease(8..<12, seconds: 6), to: one, at: 0) != nil)
    }
}
