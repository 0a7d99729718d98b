import MinionCore
import Swarm
import Wire

/// Peers and tasks as a tracker sees them, and the reports that such peers send.
struct Population {
    struct Peer {
        var id: PeerID
        var secret: String
        let task: Int
        var port: Int
        var have: PieceSet
        var bytesFromPeers: Int64 = 0
        var isKnown = false
    }

    struct Task {
        let id: TaskID
        let resource: String
        let version: TaskVersion
    }

    private(set) var tasks: [Task] = []
    var peers: [Peer] = []
    /// The peers that each connection plays; one peer is never on two connections.
    private(set) var share: [[Int]]
    /// The connections behind these, with one peer each, have reports that may be held.
    let quick: Int
    private var random = SeededGenerator(seed: 1)
    private static let pieces = 1000
    private static let pieceSize: Int64 = 1 << 20

    init(peers count: Int, tasks taskCount: Int, connections: Int, holding: Int) {
        quick = connections
        share = Array(repeating: [], count: connections + holding)
        for index in 0..<taskCount {
            let url = "http://source.example:8080/images/release-2026-\(index)/disk.img"
            // A size of whole pieces within the bounds makes a layout.
            // swift-format-ignore: NeverForceUnwrap
            let layout = PieceLayout(size: Int64(Self.pieces) * Self.pieceSize, pieceSize: Self.pieceSize)!
            tasks.append(
                Task(
                    id: TaskID(of: TaskIdentity(url: url)), resource: url,
                    version: TaskVersion(validator: "\"65e1-\(index)\"", layout: layout, freshSeconds: 3600)))
        }
        for index in 0..<count {
            peers.append(newPeer(task: index % taskCount))
            // The first peers found the tasks and stay with the quick connections.
            let held = index - taskCount
            share[(0..<holding).contains(held) ? connections + held : index % connections].append(index)
        }
    }

    private mutating func newPeer(task: Int) -> Peer {
        var have = PieceSet(capacity: Self.pieces)
        switch UInt8.random(in: 0..<4, using: &random) {
        case 0: have = PieceSet(full: Self.pieces)
        case 1: break
        default: have.insert(0..<Int.random(in: 1..<Self.pieces, using: &random))
        }
        return Peer(
            id: PeerID(random.next()), secret: Hex.padded(random.next()) + Hex.padded(random.next()), task: task,
            port: Int.random(in: 1024...65535, using: &random), have: have)
    }

    /// Puts a new peer in the place of one that has left.
    mutating func replace(_ index: Int) { peers[index] = newPeer(task: peers[index].task) }

    mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &random) < probability }

    // MARK: Reports

    /// The first report; that of a task's founder knows no version yet.
    mutating func introduction(of index: Int, isFounder: Bool = false) -> PeerReport {
        let peer = peers[index]
        var report = report(of: index)
        report.introduction = PeerIntroduction(
            endpoint: Endpoint(host: "10.\(index >> 16).\(index >> 8 & 255).\(index & 255)", port: peer.port),
            resource: tasks[peer.task].resource, site: "site-\(index % 7)", secret: peer.secret)
        report.wantsNeighbours = 32
        report.have = isFounder ? nil : Hex.text(peer.have.bytes)
        if isFounder { report.version = nil }
        return report
    }

    /// What a founder found at the source.
    mutating func stat(of index: Int) -> PeerReport {
        var report = report(of: index)
        report.stat = .version(tasks[peers[index].task].version)
        return report
    }

    /// News now and then, and often nothing but that the peer is alive.
    mutating func progress(of index: Int) -> PeerReport {
        peers[index].bytesFromPeers += Self.pieceSize
        var report = report(of: index)
        if chance(0.2) {
            peers[index].have.insert(Int.random(in: 0..<Self.pieces, using: &random))
            report.have = Hex.text(peers[index].have.bytes)
        }
        if chance(0.03) {
            for _ in 0..<2 {
                let piece = Int.random(in: 0..<Self.pieces, using: &random)
                report.fetched.append(PieceProof(piece: piece, hash: Self.hash(of: piece)))
            }
        }
        if chance(0.1) { report.wantsNeighbours = 8 }
        return report
    }

    /// A report whose answer the tracker may hold back.
    mutating func patient(of index: Int, wait: Double) -> PeerReport {
        var report = report(of: index)
        report.wantsLease = chance(0.5)
        report.waitSeconds = wait
        return report
    }

    private mutating func report(of index: Int) -> PeerReport {
        let peer = peers[index]
        var report = PeerReport()
        report.secret = peer.secret
        report.version = tasks[peer.task].version
        report.uplink = 12_500_000 * Double(1 + index % 4)
        report.sourceRate = 50_000_000
        report.bytesFromPeers = peer.bytesFromPeers
        return report
    }

    /// The same for everybody, as if all had read the same bytes.
    private static func hash(of piece: PieceIndex) -> PieceHash {
        // 32 bytes make a hash.
        // swift-format-ignore: NeverForceUnwrap
        PieceHash(bytes: (0..<32).map { UInt8(truncatingIfNeeded: piece &* 31 &+ $0) })!
    }
}
