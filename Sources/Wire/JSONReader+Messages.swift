import MinionCore
import Swarm

/// Reports and replies as nodes and trackers write them, without the rarer fields.
extension JSONReader {
    /// The report, if it is of the plain kind; nil leaves it to the general decoder.
    static func report(_ bytes: UnsafeRawBufferPointer) -> PeerReport? {
        var reader = JSONReader(bytes)
        guard let report = try? reader.report() else { return nil }
        return report
    }

    private mutating func report() throws(Unusual) -> PeerReport {
        var report = PeerReport()
        var fields = Fields()
        try object { (reader, name) throws(Unusual) in
            switch try fields.index(of: name, in: Self.reportFields) {
            case 0: report.introduction = try reader.introduction()
            case 1: report.secret = try reader.text()
            case 2: report.version = try reader.version()
            case 3: report.have = try reader.text()
            case 4: report.fetched = try reader.list(limit: WireLimits.proofs) { r throws(Unusual) in try r.proof() }
            case 5:
                report.returned = try reader.list(limit: WireLimits.pieces) { r throws(Unusual) in
                    try r.integer(Int.self)
                }
            case 6:
                report.dropped = try reader.list(limit: WireLimits.dropped) { r throws(Unusual) in try r.peerID() }
            case 7: report.wantsLease = try reader.flag()
            case 8: report.wantsNeighbours = try reader.integer(Int.self)
            case 9: report.isStuck = try reader.flag()
            case 10: report.uplink = try reader.double()
            case 11: report.sourceRate = try reader.double()
            case 12: report.waitSeconds = try reader.double()
            case 13: report.bytesFromSource = try reader.integer(Int64.self)
            default: report.bytesFromPeers = try reader.integer(Int64.self)
            }
        }
        try end()
        guard fields.has(1) else { throw Unusual() }
        return report
    }

    private static let reportFields: [StaticString] = [
        "introduction", "secret", "version", "have", "fetched", "returned", "dropped", "wantsLease", "wantsNeighbours",
        "isStuck", "uplink", "sourceRate", "waitSeconds", "bytesFromSource", "bytesFromPeers",
    ]

    private static let versionFields: [StaticString] = ["validator", "size", "pieceSize", "hasRanges", "freshSeconds"]

    private mutating func version() throws(Unusual) -> TaskVersion {
        var version = TaskVersion(validator: "", size: 0, pieceSize: 0, hasRanges: false, freshSeconds: 0)
        var fields = Fields()
        try object { (reader, name) throws(Unusual) in
            switch try fields.index(of: name, in: Self.versionFields) {
            case 0: version.validator = try reader.text()
            case 1: version.size = try reader.integer(Int64.self)
            case 2: version.pieceSize = try reader.integer(Int64.self)
            case 3: version.hasRanges = try reader.flag()
            default: version.freshSeconds = try reader.double()
            }
        }
        try fields.needAll(of: Self.versionFields)
        return version
    }

    private static let introductionFields: [StaticString] = [
        "endpoint", "resource", "site", "canFetch", "canUpload", "secret", "location", "isSeed",
    ]
    /// The first so many of them cannot be left out.
    private static let neededIntroductionFields = 6

    private mutating func introduction() throws(Unusual) -> PeerIntroduction {
        var endpoint: Endpoint?
        var rest = PeerIntroduction(endpoint: Endpoint(host: "", port: 0))
        var fields = Fields()
        try object { (reader, name) throws(Unusual) in
            switch try fields.index(of: name, in: Self.introductionFields) {
            case 0: endpoint = Endpoint(hostOptional: try reader.text())
            case 1: rest.resource = try reader.text()
            case 2: rest.site = try reader.text()
            case 3: rest.canFetch = try reader.flag()
            case 4: rest.canUpload = try reader.flag()
            case 5: rest.secret = try reader.text()
            case 6: rest.location = try reader.text()
            default: rest.isSeed = try reader.flag()
            }
        }
        try fields.need(first: Self.neededIntroductionFields)
        guard let endpoint else { throw Unusual() }
        rest.endpoint = endpoint
        return rest
    }

    private static let proofFields: [StaticString] = ["p", "h", "s"]

    private mutating func proof() throws(Unusual) -> PieceProof {
        var piece = 0
        var hash: PieceHash?
        var signature = ""
        var fields = Fields()
        try object { (reader, name) throws(Unusual) in
            switch try fields.index(of: name, in: Self.proofFields) {
            case 0: piece = try reader.integer(Int.self)
            case 1: hash = PieceHash(hex: try reader.text())
            default: signature = try reader.text()
            }
        }
        try fields.needAll(of: Self.proofFields)
        guard let hash else { throw Unusual() }
        return PieceProof(piece: piece, hash: hash, signature: signature)
    }

    private mutating func peerID() throws(Unusual) -> PeerID {
        guard let id = PeerID(hex: try text()) else { throw Unusual() }
        return id
    }
}

/// Which fields of an object have been read.
private struct Fields {
    private var seen: UInt32 = 0

    /// Where in `names` a field is. One that is not there, or comes again, is for the general decoder.
    mutating func index(
        of name: UnsafeRawBufferPointer, in names: [StaticString]
    ) throws(JSONReader.Unusual) -> Int {
        for (index, known) in names.enumerated() where known.utf8CodeUnitCount == name.count {
            guard name.elementsEqual(UnsafeBufferPointer(start: known.utf8Start, count: name.count)) else { continue }
            guard seen & 1 << UInt32(index) == 0 else { break }
            seen |= 1 << UInt32(index)
            return index
        }
        throw JSONReader.Unusual()
    }

    func has(_ index: Int) -> Bool { seen & 1 << UInt32(index) != 0 }

    func needAll(of names: [StaticString]) throws(JSONReader.Unusual) { try need(first: names.count) }

    func need(first count: Int) throws(JSONReader.Unusual) {
        let needed: UInt32 = 1 << UInt32(count) - 1
        guard seen & needed == needed else { throw JSONReader.Unusual() }
    }
}
