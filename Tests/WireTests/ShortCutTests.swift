import FoundationEssentials
import MinionCore
import Swarm
import Testing
import Wire

/// The short cuts of `WireJSON` say the same as the general encoder and decoder.
struct ShortCutTests {
    private var random = SeededGenerator(seed: 7)

    private mutating func chance() -> Bool { Bool.random(using: &random) }

    private mutating func number() -> Double {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: 0
        case 1: Double(Int.random(in: 0...1_000_000_000_000, using: &random))
        case 2: Double.random(in: 0...1e-5, using: &random)
        default: Double.random(in: 0...1e15, using: &random)
        }
    }

    private mutating func text() -> String {
        ["", "plain", "\"65e1-18f\"", "a\\b/c", "Größe 中 🚀", "tab\tline\nend\u{1}", "\u{7f}\u{2028}"]
            .randomElement(using: &random) ?? ""
    }

    private mutating func version() -> TaskVersion {
        TaskVersion(
            validator: text(), size: Int64.random(in: 0...1 << 40, using: &random), pieceSize: 1 << 18,
            hasRanges: chance(), freshSeconds: number())
    }

    private mutating func proof() -> PieceProof {
        let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
        // 32 bytes make a hash.
        // swift-format-ignore: NeverForceUnwrap
        return PieceProof(
            piece: Int.random(in: 0..<99, using: &random), hash: PieceHash(bytes: bytes)!, signature: text())
    }

    private mutating func report() -> PeerReport {
        var report = PeerReport()
        if chance() {
            report.introduction = PeerIntroduction(
                endpoint: Endpoint(
                    host: ["", "10.0.0.1", "fe80::1", "host"].randomElement(using: &random) ?? "", port: 7),
                resource: text(), site: text(), location: text(), isSeed: chance(), canFetch: chance(),
                canUpload: chance(), secret: text())
        }
        report.secret = text()
        if chance() { report.version = version() }
        if chance() { report.stat = .version(version()) }
        if chance() {
            report.stat = .failed(SourceFailure(.busy, text(), retryAfterSeconds: chance() ? number() : nil))
        }
        if chance() { report.have = "ff03" }
        report.fetched = (0..<Int.random(in: 0..<3, using: &random)).map { _ in proof() }
        report.returned = chance() ? [0, 10, 16_000_000] : []
        report.dropped = chance() ? [PeerID(0), PeerID(.max)] : []
        (report.wantsLease, report.isStuck) = (chance(), chance())
        report.wantsNeighbours = Int.random(in: 0...1_000_000, using: &random)
        (report.uplink, report.sourceRate, report.waitSeconds) = (number(), number(), number())
        report.bytesFromSource = Int64.random(in: 0...Int64.max, using: &random)
        report.bytesFromPeers = Int64.random(in: 0...99, using: &random)
        return report
    }

    private func generally(_ bytes: [UInt8]) -> PeerReport? {
        guard let report = try? JSONDecoder().decode(PeerReport.self, from: Data(bytes)) else { return nil }
        return try? report.validated()
    }

    private func shortly(_ bytes: [UInt8]) -> PeerReport? { try? WireJSON.report(from: bytes) }

    @Test mutating func reportsAreReadAndWrittenAlike() throws {
        for _ in 0..<500 {
            let report = report()
            let written = WireJSON.encode(report)
            #expect(try JSONDecoder().decode(PeerReport.self, from: Data(written)) == report)
            let generally = Array(try JSONEncoder().encode(report))
            #expect(shortly(written) == self.generally(written))
            #expect(shortly(generally) == self.generally(generally))
        }
    }

    @Test(arguments: ["", #","location":"a|b""#, #","isSeed":true"#, #","isSeed":null"#, #","isSeed":1"#])
    func introductionsMayLackTheirNewerFields(fields: String) throws {
        let text =
            #"{"secret":"s","introduction":{"endpoint":":7","resource":"","site":"","canFetch":true,"canUpload":true,"#
            + #""secret":"s"\#(fields)}}"#
        #expect(shortly(Array(text.utf8)) == generally(Array(text.utf8)))
        #expect((shortly(Array(text.utf8)) == nil) == fields.hasSuffix("1"))
    }

    @Test mutating func repliesAreWrittenAlike() throws {
        for _ in 0..<500 {
            var reply = TrackerReply()
            (reply.mustIntroduce, reply.mustStat) = (chance(), chance())
            if chance() { reply.version = version() }
            if chance() { reply.lease = Lease(3..<9, seconds: number(), isTakenOver: chance()) }
            reply.accepted = chance() ? [proof(), proof()] : []
            reply.rejected = chance() ? [1, 2] : []
            reply.neighbours =
                chance() ? [NeighbourInfo(id: PeerID(random.next()), endpoint: Endpoint(host: "::1", port: 1))] : []
            reply.nextReportSeconds = number()
            reply.peerCount = Int.random(in: 0...Int.max, using: &random)
            if chance() { (reply.key, reply.refusal) = (text(), text()) }
            #expect(try JSONDecoder().decode(TrackerReply.self, from: Data(WireJSON.encode(reply))) == reply)
        }
    }

    /// A byte changed, dropped or doubled: both say the same, or both refuse.
    @Test mutating func damagedReportsAreReadAlike() throws {
        let alphabet = Array("\"\\{}[]:,.-+eE019 tfnu/\u{0}\u{1f}\u{7f}é".utf8)
        for _ in 0..<20_000 {
            var bytes = WireJSON.encode(report())
            let place = Int.random(in: bytes.indices, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes[place] = alphabet.randomElement(using: &random) ?? 0
            case 1: bytes.remove(at: place)
            default: bytes.insert(alphabet.randomElement(using: &random) ?? 0, at: place)
            }
            #expect(shortly(bytes) == generally(bytes), "\(String(decoding: bytes, as: UTF8.self))")
        }
    }

    @Test(arguments: [
        #"{"secret":"s","secret":"t"}"#, #"{"secret":"s"} "#, #"{"secret":"s"}x"#, #"{"secret":"s",}"#,
        #"{"secret":"s","uplink":01}"#, #"{"secret":"s","uplink":1.}"#, #"{"secret":"s","uplink":1e3}"#,
        #"{"secret":"s","uplink":-0}"#, #"{"secret":"s","bytesFromPeers":1.0}"#, #"{"secret":"\u0073"}"#,
        #"{"secret":"s","version":null}"#, #"{"secret":"s","unheardOf":{"a":[1]}}"#,
    ])
    func unusualReportsAreReadAlike(text: String) {
        #expect(shortly(Array(text.utf8)) == generally(Array(text.utf8)))
    }
}
