import MinionCore
import Swarm
import Testing
import Wire

struct MessageTests {
    // swift-format-ignore: NeverForceUnwrap
    private static let layout = PieceLayout(size: 10 << 18, pieceSize: 1 << 18)!
    // swift-format-ignore: NeverForceUnwrap
    private static let hash = PieceHash(hex: String(repeating: "ab", count: 32))!

    private func version() throws -> TaskVersion { TaskVersion(validator: "v", layout: Self.layout) }

    private func fullReport() throws -> PeerReport {
        var report = PeerReport()
        report.introduction = PeerIntroduction(
            endpoint: Endpoint(host: "", port: 7000), resource: "http://host/file", site: "here",
            location: "asia|cn|hz", isSeed: true, secret: "s")
        report.secret = "s"
        report.version = try version()
        report.stat = .version(try version())
        report.have = Hex.text(PieceSet(capacity: 10, [0, 9]).bytes)
        report.fetched = [PieceProof(piece: 9, hash: Self.hash)]
        report.returned = [1]
        report.dropped = [PeerID(5)]
        report.wantsLease = true
        report.wantsNeighbours = 4
        report.uplink = 1.5e6
        report.waitSeconds = 3
        return report
    }

    @Test func reportIsReadAsWritten() throws {
        let report = try fullReport()
        #expect(try WireJSON.report(from: WireJSON.encode(report)) == report)
        #expect(try WireJSON.report(from: WireJSON.encode(PeerReport())) == PeerReport())
    }

    @Test func replyIsReadAsWritten() throws {
        var reply = TrackerReply()
        reply.version = try version()
        reply.lease = Lease(2..<5, seconds: 6)
        reply.accepted = [
            PieceProof(piece: 9, hash: Self.hash, signature: String(repeating: "a", count: 128))
        ]
        reply.rejected = [3]
        reply.neighbours = [NeighbourInfo(id: PeerID(1), endpoint: Endpoint(host: "10.0.0.1", port: 1))]
        reply.key = TrackerKey().publicKeyHex
        #expect(try WireJSON.reply(from: WireJSON.encode(reply)) == reply)
    }

    @Test func fieldsThatAnotherVersionLeavesOutHaveTheirDefaults() throws {
        var report = PeerReport()
        report.secret = "s"
        report.isStuck = true
        let shortReport = #"{"secret":"s","isStuck":true,"unheardOf":[1]}"#
        #expect(try WireJSON.report(from: Array(shortReport.utf8)) == report)
        var reply = TrackerReply()
        reply.nextReportSeconds = 2
        reply.peerCount = 3
        let shortReply = #"{"nextReportSeconds":2,"peerCount":3,"neighbours":null,"unheardOf":{}}"#
        #expect(try WireJSON.reply(from: Array(shortReply.utf8)) == reply)
    }

    @Test(arguments: [
        "", "x", "[]", "null", "{\"secret\":1, \"peerCount\":\"x\"}", "\u{feff}",
        String(repeating: "[", count: 100_000),
    ])
    func rubbishIsRefused(text: String) {
        #expect(throws: WireError.self) { try WireJSON.report(from: Array(text.utf8)) }
        #expect(throws: WireError.self) { try WireJSON.reply(from: Array(text.utf8)) }
    }

    @Test func errorNamesTheField() throws {
        var text = String(decoding: WireJSON.encode(try fullReport()), as: UTF8.self)
        text.replace("\":7000\"", with: "\"no port\"")
        let error = #expect(throws: WireError.self) { try WireJSON.report(from: Array(text.utf8)) }
        #expect(error?.message.contains("introduction.endpoint") == true)
    }

    @Test func oversizedBodyIsRefused() {
        let body = Array(repeating: UInt8(ascii: " "), count: WireLimits.reportBytes + 1)
        #expect(throws: WireError.self) { try WireJSON.report(from: body) }
    }

    typealias ReportChange = @Sendable (inout PeerReport) -> Void

    private static let badReports: [(String, ReportChange)] = [
        ("no port", { $0.introduction?.endpoint = Endpoint(host: "h", port: 0) }),
        ("long resource", { $0.introduction?.resource = String(repeating: "a", count: 8193) }),
        ("resource of two lines", { $0.introduction?.resource = "a\nb" }),
        ("long site", { $0.introduction?.site = String(repeating: "a", count: 65) }),
        ("long location", { $0.introduction?.location = String(repeating: "a", count: 257) }),
        ("location of two lines", { $0.introduction?.location = "a\nb" }),
        ("long secret", { $0.secret = String(repeating: "a", count: 129) }),
        ("long validator", { $0.version?.validator = String(repeating: "a", count: 1025) }),
        ("negative size", { $0.version?.size = -1 }),
        ("tiny pieces", { $0.version?.pieceSize = 1 }),
        ("stale for ever", { $0.version?.freshSeconds = .infinity }),
        ("bad stat", { $0.stat = .version(TaskVersion(validator: "a\rb", layout: MessageTests.layout)) }),
        ("long failure", { $0.stat = .failed(SourceFailure(.busy, String(repeating: "a", count: 1025))) }),
        ("have without version", { $0.version = nil }),
        ("short have", { $0.have = "ff" }),
        ("have past the end", { $0.have = "ff07" }),
        ("have of letters", { $0.have = "zz00" }),
        ("fetched piece past the end", { $0.fetched[0].piece = 10 }),
        ("negative piece", { $0.fetched[0].piece = -1 }),
        ("broken signature", { $0.fetched[0].signature = "ab" }),
        ("too many fetched", { $0.fetched = Array(repeating: $0.fetched[0], count: 4097) }),
        ("returned piece past the end", { $0.returned = [10] }),
        ("too many returned", { $0.returned = Array(repeating: 0, count: 4097) }),
        ("too many dropped", { $0.dropped = Array(repeating: PeerID(1), count: 257) }),
        ("negative wish", { $0.wantsNeighbours = -1 }),
        ("negative rate", { $0.uplink = -1 }),
        ("no number", { $0.sourceRate = .nan }),
        ("waits for ever", { $0.waitSeconds = .infinity }),
        ("negative bytes", { $0.bytesFromPeers = -1 }),
    ]

    @Test(arguments: badReports.indices)
    func reportOutOfBoundsIsRefused(index: Int) throws {
        var report = try fullReport()
        let (name, change) = Self.badReports[index]
        _ = try report.validated()
        change(&report)
        #expect(throws: WireError.self, "\(name)") { try report.validated() }
        #expect(throws: WireError.self, "\(name), as JSON") { try WireJSON.report(from: WireJSON.encode(report)) }
    }

    typealias ReplyChange = @Sendable (inout TrackerReply) -> Void

    private static let badReplies: [(String, ReplyChange)] = [
        ("bad version", { $0.version?.size = .max }),
        ("lease past the end", { $0.lease = Lease(9..<11, seconds: 1) }),
        ("empty lease", { $0.lease = Lease(1..<1, seconds: 1) }),
        (
            "lease of overflowing length",
            {
                $0.lease?.first = 1
                $0.lease?.count = .max
            }
        ),
        ("lease without time", { $0.lease = Lease(0..<1, seconds: -1) }),
        ("unsigned proof", { $0.accepted = [PieceProof(piece: 0, hash: MessageTests.hash)] }),
        ("rejected piece past the end", { $0.rejected = [10] }),
        ("neighbour without host", { $0.neighbours[0].endpoint = Endpoint(host: "", port: 1) }),
        ("neighbour without port", { $0.neighbours[0].endpoint = Endpoint(host: "h", port: 0) }),
        ("too many neighbours", { $0.neighbours = Array(repeating: $0.neighbours[0], count: 257) }),
        ("no time", { $0.nextReportSeconds = .nan }),
        ("bad key", { $0.key = "00" }),
        ("negative peers", { $0.peerCount = -1 }),
    ]

    @Test(arguments: badReplies.indices)
    func replyOutOfBoundsIsRefused(index: Int) throws {
        var reply = TrackerReply()
        reply.version = try version()
        reply.lease = Lease(0..<2, seconds: 1)
        reply.neighbours = [NeighbourInfo(id: PeerID(1), endpoint: Endpoint(host: "h", port: 1))]
        _ = try reply.validated()
        let (name, change) = Self.badReplies[index]
        change(&reply)
        #expect(throws: WireError.self, "\(name)") { try reply.validated() }
    }

    @Test(arguments: [(-5.0, 0.01), (0, 0.01), (1, 1), (1e9, 3600)])
    func timeToNextReportIsClamped(given: Double, expected: Double) throws {
        var reply = TrackerReply()
        reply.nextReportSeconds = given
        #expect(try reply.validated().nextReportSeconds == expected)
    }

    @Test func whatIsSharedMayBeFreshForYears() throws {
        var report = try fullReport()
        report.version?.freshSeconds = 10 * 366 * 86_400
        #expect(try WireJSON.report(from: WireJSON.encode(report)) == report)
    }

    @Test func setOfTheLargestTaskFitsIntoAReport() throws {
        var report = PeerReport()
        let count = Int(PieceLayout.maximumCount)
        report.version = TaskVersion(
            validator: "", layout: try #require(PieceLayout(size: Int64(count) << 16, pieceSize: 1 << 16)))
        report.have = String(repeating: "f", count: count / 4)
        #expect(try WireJSON.report(from: WireJSON.encode(report)).have == report.have)
    }
}
