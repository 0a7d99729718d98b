import FoundationEssentials
import MinionCore
package import Swarm

/// What `minion peers` prints. The keys of the JSON are the tracker's, and a contract: `id`, `endpoint`, `site`,
/// `location`, `isSeed`, `pieces`, `complete`, `uplink`, `bytesFromSource`, `bytesFromPeers`, `ageSeconds`; sizes in
/// bytes, rates in bytes a second.
package enum PeersOutput {
    /// Complete ones first, then those that have most.
    package static func table(_ page: PeerPage) -> String {
        let task = page.task
        var head = task.resource.isEmpty ? task.task.hex : task.resource.printable
        if let size = task.size { head += ", \(ByteSize(size))" }
        if let pieces = task.pieces { head += " in \(pieces) pieces" }
        head += "; \(task.peers) peers, \(task.completePeers) complete\n"
        var table = TextTable(
            ("ADDRESS", .left), ("HAS", .right), ("FROM SOURCE", .right), ("FROM PEERS", .right), ("UPLINK", .right),
            ("JOINED", .right), ("PLACE", .left))
        let rank = { (peer: PeerSummary) in (peer.complete ? 1 : 0, peer.pieces) }
        for peer in page.peers.sorted(by: { rank($0) > rank($1) }) {
            let share =
                peer.complete
                ? "100%" : task.pieces.map { "\(Int(Double(peer.pieces) / Double(max(1, $0)) * 100))%" } ?? "-"
            table.add(
                peer.endpoint.description, share, ByteSize(peer.bytesFromSource).description,
                ByteSize(peer.bytesFromPeers).description,
                peer.uplink > 0 ? ByteRate(bytesPerSecond: peer.uplink).description : "-",
                Duration.inSeconds(peer.ageSeconds).brief,
                [peer.site, peer.location, peer.isSeed ? "seed" : ""].filter { !$0.isEmpty }.joined(separator: " "))
        }
        return page.peers.isEmpty ? head : head + table.text
    }

    package static func json(_ page: PeerPage) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return page.peers.map { peer in
            let line = (try? encoder.encode(peer)) ?? Data()
            return String(decoding: line, as: UTF8.self) + "\n"
        }.joined()
    }
}
