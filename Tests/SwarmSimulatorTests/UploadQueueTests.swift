import Swarm
import Testing

struct UploadQueueTests {
    @Test func moreSlotsStartThoseWhoWait() {
        var queue = UploadQueue(limits: .init(slots: 1, waiting: 3))
        #expect((1...5).map { queue.request($0) } == [.start, .wait, .wait, .wait, .refuse])
        #expect(queue.setLimits(.init(slots: 3, waiting: 0)) == [2, 3])
        #expect(queue.waitingCount == 1)
        #expect(queue.request(6) == .refuse)
        #expect(queue.setLimits(.init(slots: 1, waiting: 3)) == [])
        #expect(queue.finish(1) == [])
        #expect(queue.finish(2) == [])
        #expect(queue.finish(3) == [4])
    }

    @Test func strictLimitHoldsForAllTasksTogether() {
        var queue = UploadQueue(limits: .init(slots: 8, total: 3))
        #expect(queue.limits.slots == 3 && queue.limits.waiting == 0)
        #expect((1...3).map { queue.request($0, of: $0) } == [.start, .start, .start])
        #expect((4...6).map { queue.request($0, of: $0) } == [.refuse, .refuse, .refuse])
        #expect(queue.setLimits(.init(slots: 2, total: 5)) == [])
        // Three are served still; two of other tasks may wait, and not one more.
        #expect((7...9).map { queue.request($0, of: $0) } == [.wait, .wait, .refuse])
        #expect(queue.finish(1) == [])
        #expect(queue.finish(2) == [7])
        #expect(UploadQueue.Limits(slots: 4, total: 0).slots == 1)
    }

    @Test func whatHasBeenServedLeastIsNext() {
        var queue = UploadQueue(limits: .init(slots: 1, waiting: 10))
        #expect(queue.request(1, for: 7) == .start)
        for (ticket, item) in [(2, 7), (3, 8), (4, 7), (5, 9)] as [(UInt64, UInt64)] {
            #expect(queue.request(ticket, for: item) == .wait)
        }
        var order: [UInt64] = [1]
        while order.count < 5 { order += queue.finish(order[order.count - 1]) }
        #expect(order == [1, 3, 5, 2, 4])
    }

    @Test func aRequestThatIsForNothingInParticularKeepsItsTurn() {
        var queue = UploadQueue(limits: .init(slots: 1, waiting: 10))
        _ = queue.request(1, for: 7)
        _ = queue.request(2)
        _ = queue.request(3, for: 7)
        _ = queue.request(4)
        _ = queue.request(5, for: 8)
        #expect(queue.finish(1) == [2])
        #expect(queue.finish(2) == [5])
        #expect(queue.finish(5) == [3])
        #expect(queue.finish(3) == [4])
    }

    @Test func manyRequestsForOneTaskDoNotKeepTheOthersWaiting() {
        var queue = UploadQueue(limits: .init(slots: 4, waiting: 100))
        for ticket in 1...50 { _ = queue.request(UInt64(ticket), of: 1) }
        for ticket in 101...103 { #expect(queue.request(UInt64(ticket), of: 2) == .wait) }
        #expect(queue.finish(1) == [101])
        #expect(queue.finish(2) == [102])
        // Two of each by now.
        #expect(queue.finish(3) == [5])
        #expect(queue.finish(101) == [103])
        #expect(queue.finish(102) == [6])
    }

    @Test func aFullQueueHasRoomForAnotherTask() {
        var queue = UploadQueue(limits: .init(slots: 1, waiting: 10))
        for ticket in 1...11 { _ = queue.request(UInt64(ticket), of: 1) }
        #expect(queue.request(12, of: 1) == .refuse)
        #expect((13...18).map { queue.request($0, of: 2) } == [.wait, .wait, .wait, .wait, .wait, .refuse])
    }

    @Test func nobodyIsOvertakenForEver() {
        var queue = UploadQueue(limits: .init(slots: 1, waiting: 10))
        var turn: [UInt64] = [1]
        _ = queue.request(1, for: 0)
        _ = queue.request(2, for: 0)
        while !turn.contains(2), turn.count < 100 {
            _ = queue.request(UInt64(turn.count) + 100, for: UInt64(turn.count))
            turn += queue.finish(turn[turn.count - 1])
        }
        #expect(turn.count == 34)
        #expect(queue.waitingCount == 1)
    }
}
