import MinionCore
import Swarm
import Testing

struct PeerQueueTests {
    private struct Row {
        var id: PeerID
        var rank: Int
        var arrival: Int
    }

    /// Against a list that is sorted anew each time.
    @Test func peersComeByRankAndThenByArrival() {
        var random = SeededGenerator(seed: 3)
        var queue = PeerQueue<Int>()
        var rows: [Row] = []
        for step in 0..<20_000 {
            let id = PeerID(.random(in: 0..<60, using: &random))
            let rank = Int.random(in: 0..<8, using: &random)
            switch Int.random(in: 0..<12, using: &random) {
            case 0..<7:
                queue.insert(id, rank)
                rows.removeAll { $0.id == id }
                rows.append(Row(id: id, rank: rank, arrival: step))
            case 7..<11:
                queue.remove(id)
                rows.removeAll { $0.id == id }
            default:
                let due = rows.filter { $0.rank <= rank - 6 }.map(\.id)
                #expect(queue.popAll(upTo: rank - 6) == due)
                rows.removeAll { $0.rank <= rank - 6 }
            }
            let sorted = rows.sorted { ($0.rank, $0.arrival) < ($1.rank, $1.arrival) }
            let wanted = sorted.first { $0.id.value % 5 == id.value % 5 }
            let found = queue.first { other, _ in other.value % 5 == id.value % 5 }
            #expect(found?.id == wanted?.id && found?.rank == wanted?.rank)
            #expect(queue.count == rows.count && queue.firstRank == sorted.first?.rank)
            #expect(queue.byArrival == rows.map(\.id))
        }
    }
}
