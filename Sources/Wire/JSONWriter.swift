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
}

// MARK: - Messages

extension JSONWriter {
    static func bytes(of reply: TrackerReply) -> [UInt8] {
        var writer = JSONWriter(capacity: 320 + 64 * reply.neighbours.count + 256 * reply.accepted.count)
        writer.object { writer in
            writer.key("mustIntroduce")
            writer.value(reply.mustIntroduce)
            writer.version("version", reply.version)
            writer.key("mustStat")
            writer.value(reply.mustStat)
            if let lease = reply.lease {
                writer.key("lease")
                writer.lease(lease)
            }
            writer.list("accepted", reply.accepted) { $0.proof($1) }
            writer.list("rejected", reply.rejected) { $0.value($1) }
            writer.list("neighbours", reply.neighbours) { writer, neighbour in
                writer.object { writer in
                    writer.key("id")
                    writer.value(neighbour.id.hex)
                    writer.key("endpoint")
                    writer.value(neighbour.endpoint.description)
                }
            }
            writer.key("nextReportSeconds")
            writer.value(reply.nextReportSeconds)
            writer.key("peerCount")
            writer.value(reply.peerCount)
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
            writer.key("secret")
            writer.value(report.secret)
            writer.version("version", report.version)
            if let stat = report.stat {
                writer.key("stat")
                writer.stat(stat)
            }
            writer.text("have", report.have)
            writer.list("fetched", report.fetched) { $0.proof($1) }
            writer.list("returned", report.returned) { $0.value($1) }
            writer.list("dropped", report.dropped) { $0.value($1.hex) }
            writer.key("wantsLease")
            writer.value(report.wantsLease)
            writer.key("wantsNeighbours")
            writer.value(report.wantsNeighbours)
            writer.key("isStuck")
            writer.value(report.isStuck)
            writer.key("uplink")
            writer.value(report.uplink)
            writer.key("sourceRate")
            writer.value(report.sourceRate)
            writer.key("waitSeconds")
            writer.value(report.waitSeconds)
            writer.key("bytesFromSource")
            writer.value(report.bytesFromSource)
            writer.key("bytesFromPeers")
            writer.value(report.bytesFromPeers)
        }
        return writer.bytes
    }

    private mutating func text(_ name: StaticString, _ text: String?) {
        guard let text else { return }
        key(name)
        value(text)
    }

    private mutating func version(_ name: StaticString, _ version: TaskVersion?) {
        guard let version else { return }
        key(name)
        object { writer in
            writer.key("validator")
            writer.value(version.validator)
            writer.key("size")
            writer.value(version.size)
            writer.key("pieceSize")
            writer.value(version.pieceSize)
            writer.key("hasRanges")
            writer.value(version.hasRanges)
            writer.key("freshSeconds")
            writer.value(version.freshSeconds)
        }
    }

    private mutating func introduction(_ introduction: PeerIntroduction) {
        object { writer in
            writer.key("endpoint")
            writer.value(introduction.endpoint.description)
            writer.key("resource")
            writer.value(introduction.resource)
            writer.key("site")
            writer.value(introduction.site)
            writer.key("canFetch")
            writer.value(introduction.canFetch)
            writer.key("canUpload")
            writer.value(introduction.canUpload)
            writer.key("secret")
            writer.value(introduction.secret)
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
                        writer.key("kind")
                        writer.value(failure.kind.rawValue)
                        writer.key("message")
                        writer.value(failure.message)
                        if let seconds = failure.retryAfterSeconds {
                            writer.key("retryAfterSeconds")
                            writer.value(seconds)
                        }
                    }
                }
            }
        }
    }

    private mutating func lease(_ lease: Lease) {
        object { writer in
            writer.key("first")
            writer.value(lease.first)
            writer.key("count")
            writer.value(lease.count)
            writer.key("seconds")
            writer.value(lease.seconds)
            writer.key("isTakenOver")
            writer.value(lease.isTakenOver)
        }
    }

    private mutating func proof(_ proof: PieceProof) {
        object { writer in
            writer.key("p")
            writer.value(proof.piece)
            writer.key("h")
            writer.value(proof.hash.hex)
            writer.key("s")
            writer.value(proof.signature)
        }
    }
}
