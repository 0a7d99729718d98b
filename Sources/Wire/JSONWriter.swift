import MinionCore
import Swarm

/// Writes messages as JSON, directly into bytes: a tracker answers tens of thousands of reports a second, and the
/// general encoder does far more than these few messages need.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    /// Whether the next field or element is the first of its object or list.
    private var isFirst = true

    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    // MARK: Structure

    mutating func object(_ body: (inout JSONWriter) -> Void) {
        bytes.append(UInt8(ascii: "{"))
        isFirst = true
        body(&self)
        bytes.append(UInt8(ascii: "}"))
        isFirst = false
    }

    mutating func list<Element>(_ name: StaticString, _ list: [Element], _ body: (inout JSONWriter, Element) -> Void) {
        key(name)
        bytes.append(UInt8(ascii: "["))
        var isFirstElement = true
        for element in list {
            if !isFirstElement { bytes.append(UInt8(ascii: ",")) }
            isFirstElement = false
            body(&self, element)
        }
        bytes.append(UInt8(ascii: "]"))
        isFirst = false
    }

    /// Names the next value. Names of fields need no escapes.
    mutating func key(_ name: StaticString) {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        isFirst = false
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    // MARK: Values

    mutating func value(_ flag: Bool) { bytes.append(contentsOf: (flag ? "true" : "false").utf8) }

    mutating func value(_ number: some FixedWidthInteger) {
        if number >= 0, number < 10 { return bytes.append(UInt8(ascii: "0") + UInt8(number)) }
        bytes.append(contentsOf: String(number).utf8)
    }

    mutating func value(_ number: Double) {
        if let whole = Int64(exactly: number), whole.magnitude < 1 << 53 { return value(whole) }
        guard number.isFinite else { return value(number.isNaN ? "nan" : number < 0 ? "-inf" : "inf") }
        bytes.append(contentsOf: number.description.utf8)
    }

    mutating func value(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<32:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(contentsOf: Hex.text(CollectionOfOne(byte)).utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    // MARK: Fields

    mutating func field(_ name: StaticString, _ flag: Bool) {
        key(name)
        value(flag)
    }

    mutating func field(_ name: StaticString, _ number: some FixedWidthInteger) {
        key(name)
        value(number)
    }

    mutating func field(_ name: StaticString, _ number: Double) {
        key(name)
        value(number)
    }

    mutating func field(_ name: StaticString, _ text: String) {
        key(name)
        value(text)
    }
}

// MARK: - Messages

extension JSONWriter {
    static func bytes(of reply: TrackerReply) -> [UInt8] {
        var writer = JSONWriter(capacity: 320 + 64 * reply.neighbours.count + 256 * reply.accepted.count)
        writer.object { writer in
            writer.field("mustIntroduce", reply.mustIntroduce)
            writer.version("version", reply.version)
            writer.field("mustStat", reply.mustStat)
            if let lease = reply.lease {
                writer.key("lease")
                writer.lease(lease)
            }
            writer.list("accepted", reply.accepted) { $0.proof($1) }
            writer.list("rejected", reply.rejected) { $0.value($1) }
            writer.list("neighbours", reply.neighbours) { writer, neighbour in
                writer.object { writer in
                    writer.field("id", neighbour.id.hex)
                    writer.field("endpoint", neighbour.endpoint.description)
                }
            }
            writer.field("nextReportSeconds", reply.nextReportSeconds)
            writer.field("peerCount", reply.peerCount)
            writer.text("key", reply.key)
            writer.text("refusal", reply.refusal)
        }
        return writer.bytes
    }

    static func bytes(of report: PeerReport) -> [UInt8] {
        var writer = JSONWriter(
            capacity: 512 + (report.have?.utf8.count ?? 0) + 256 * report.fetched.count + 8 * report.returned.count)
        writer.object { writer in
            if let introduction = report.introduction {
                writer.key("introduction")
                writer.introduction(introduction)
            }
            writer.field("secret", report.secret)
            writer.version("version", report.version)
            if let stat = report.stat {
                writer.key("stat")
                writer.stat(stat)
            }
            writer.text("have", report.have)
            writer.list("fetched", report.fetched) { $0.proof($1) }
            writer.list("returned", report.returned) { $0.value($1) }
            writer.list("dropped", report.dropped) { $0.value($1.hex) }
            writer.field("wantsLease", report.wantsLease)
            writer.field("wantsNeighbours", report.wantsNeighbours)
            writer.field("isStuck", report.isStuck)
            writer.field("uplink", report.uplink)
            writer.field("sourceRate", report.sourceRate)
            writer.field("waitSeconds", report.waitSeconds)
            writer.field("bytesFromSource", report.bytesFromSource)
            writer.field("bytesFromPeers", report.bytesFromPeers)
        }
        return writer.bytes
    }

    private mutating func text(_ name: StaticString, _ text: String?) {
        if let text { field(name, text) }
    }

    private mutating func version(_ name: StaticString, _ version: TaskVersion?) {
        guard let version else { return }
        key(name)
        object { writer in
            writer.field("validator", version.validator)
            writer.field("size", version.size)
            writer.field("pieceSize", version.pieceSize)
            writer.field("hasRanges", version.hasRanges)
            writer.field("freshSeconds", version.freshSeconds)
        }
    }

    private mutating func introduction(_ introduction: PeerIntroduction) {
        object { writer in
            writer.field("endpoint", introduction.endpoint.description)
            writer.field("resource", introduction.resource)
            writer.field("site", introduction.site)
            writer.field("location", introduction.location)
            writer.field("isSeed", introduction.isSeed)
            writer.field("canFetch", introduction.canFetch)
            writer.field("canUpload", introduction.canUpload)
            writer.field("secret", introduction.secret)
        }
    }

    private mutating func stat(_ stat: StatOutcome) {
        object { writer in
            switch stat {
            case .version(let version):
                writer.key("version")
                writer.object { $0.version("_0", version) }
            case .failed(let failure):
                writer.key("failed")
                writer.object { writer in
                    writer.key("_0")
                    writer.object { writer in
                        writer.field("kind", failure.kind.rawValue)
                        writer.field("message", failure.message)
                        if let seconds = failure.retryAfterSeconds {
                            writer.field("retryAfterSeconds", seconds)
                        }
                    }
                }
            }
        }
    }

    private mutating func lease(_ lease: Lease) {
        object { writer in
            writer.field("first", lease.first)
            writer.field("count", lease.count)
            writer.field("seconds", lease.seconds)
            writer.field("isTakenOver", lease.isTakenOver)
        }
    }

    private mutating func proof(_ proof: PieceProof) {
        object { writer in
            writer.field("p", proof.piece)
            writer.field("h", proof.hash.hex)
            writer.field("s", proof.signature)
        }
    }
}
