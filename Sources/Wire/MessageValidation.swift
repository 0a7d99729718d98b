import MinionCore
package import Swarm

extension PeerReport {
    /// The report itself, if every field of it is within bounds; otherwise throws what is wrong.
    package func validated() throws(WireError) -> PeerReport {
        try introduction?.validate()
        try Check.length(secret, WireLimits.secretBytes, "secret")
        try version?.validate("version")
        switch stat {
        case .version(let version): try version.validate("stat.version")
        case .failed(let failure): try failure.validate()
        case nil: break
        }
        let count = version?.layout?.count
        if let have {
            guard let count else { throw WireError("have makes no sense without version") }
            try Check.bits(have, count: count)
        }
        let pieces = count ?? Int(PieceLayout.maximumCount)
        try Check.count(fetched, WireLimits.proofs, "fetched")
        for proof in fetched {
            try Check.piece(proof.piece, pieces, "fetched")
            guard proof.signature.isEmpty || Check.isSignature(proof.signature) else {
                throw WireError("fetched: the signature of piece \(proof.piece) is not 128 hexadecimal digits")
            }
        }
        try Check.count(returned, WireLimits.pieces, "returned")
        for piece in returned { try Check.piece(piece, pieces, "returned") }
        try Check.count(dropped, WireLimits.dropped, "dropped")
        guard (0...1_000_000).contains(wantsNeighbours) else { throw WireError("wantsNeighbours is out of range") }
        try Check.number(uplink, WireLimits.rate, "uplink")
        try Check.number(sourceRate, WireLimits.rate, "sourceRate")
        try Check.number(waitSeconds, WireLimits.seconds, "waitSeconds")
        guard bytesFromSource >= 0, bytesFromPeers >= 0 else { throw WireError("a count of bytes is negative") }
        return self
    }
}

extension PeerIntroduction {
    fileprivate func validate() throws(WireError) {
        guard (1...65535).contains(endpoint.port) else {
            throw WireError("introduction.endpoint has no port to connect to")
        }
        try Check.length(resource, WireLimits.resourceBytes, "introduction.resource")
        try Check.text(resource, "introduction.resource")
        try Check.length(site, WireLimits.siteBytes, "introduction.site")
        try Check.text(site, "introduction.site")
        try Check.length(location, WireLimits.locationBytes, "introduction.location")
        try Check.text(location, "introduction.location")
        try Check.length(secret, WireLimits.secretBytes, "introduction.secret")
    }
}

extension TaskVersion {
    fileprivate func validate(_ name: String) throws(WireError) {
        try Check.length(validator, WireLimits.validatorBytes, "\(name).validator")
        try Check.text(validator, "\(name).validator")
        guard layout != nil else { throw WireError("\(name): \(size) bytes in pieces of \(pieceSize) is out of range") }
        try Check.number(freshSeconds, WireLimits.freshSeconds, "\(name).freshSeconds")
    }
}

extension SourceFailure {
    fileprivate func validate() throws(WireError) {
        try Check.length(message, WireLimits.messageBytes, "stat.failed.message")
        if let retryAfterSeconds {
            try Check.number(retryAfterSeconds, WireLimits.seconds, "stat.failed.retryAfterSeconds")
        }
    }
}

extension TrackerReply {
    /// The reply with its times brought into range, if everything else is; otherwise throws what is wrong.
    package func validated() throws(WireError) -> TrackerReply {
        var reply = self
        try version?.validate("version")
        let pieces = version?.layout?.count ?? Int(PieceLayout.maximumCount)
        if let lease {
            guard lease.pieces(of: pieces) != nil else {
                throw WireError("lease names pieces that the task does not have")
            }
            guard lease.seconds.isFinite, lease.seconds > 0 else { throw WireError("lease.seconds is out of range") }
            reply.lease?.seconds = min(lease.seconds, WireLimits.nextReportSeconds.upperBound)
        }
        try Check.count(accepted, WireLimits.proofs, "accepted")
        for proof in accepted {
            try Check.piece(proof.piece, pieces, "accepted")
            guard Check.isSignature(proof.signature) else {
                throw WireError("accepted: the signature of piece \(proof.piece) is not 128 hexadecimal digits")
            }
        }
        try Check.count(rejected, WireLimits.pieces, "rejected")
        for piece in rejected { try Check.piece(piece, pieces, "rejected") }
        try Check.count(neighbours, WireLimits.neighbours, "neighbours")
        for neighbour in neighbours {
            guard !neighbour.endpoint.host.isEmpty, (1...65535).contains(neighbour.endpoint.port) else {
                throw WireError("neighbours: \(neighbour.id) has no address")
            }
        }
        guard nextReportSeconds.isFinite else { throw WireError("nextReportSeconds is no number") }
        reply.nextReportSeconds = min(
            max(nextReportSeconds, WireLimits.nextReportSeconds.lowerBound), WireLimits.nextReportSeconds.upperBound)
        guard peerCount >= 0 else { throw WireError("peerCount is negative") }
        if let key {
            guard key.utf8.count == 64, key.utf8.allSatisfy({ Hex.value($0) != nil }) else {
                throw WireError("key is not 64 hexadecimal digits")
            }
        }
        if let refusal { try Check.length(refusal, WireLimits.messageBytes, "refusal") }
        return reply
    }
}

/// Checks that throw an error which names the field.
private enum Check {
    static func length(_ text: String, _ limit: Int, _ name: String) throws(WireError) {
        guard text.utf8.count <= limit else { throw WireError("\(name) is longer than \(limit) bytes") }
    }

    /// Refuses control characters, which would break a log's or a header's lines.
    static func text(_ text: String, _ name: String) throws(WireError) {
        guard text.utf8.allSatisfy({ $0 >= 32 && $0 != 127 }) else { throw WireError("\(name) has control characters") }
    }

    static func count(_ list: [some Any], _ limit: Int, _ name: String) throws(WireError) {
        guard list.count <= limit else { throw WireError("\(name) has \(list.count) entries; \(limit) are allowed") }
    }

    static func piece(_ piece: PieceIndex, _ count: Int, _ name: String) throws(WireError) {
        guard piece >= 0, piece < count else {
            throw WireError("\(name) names piece \(piece), which the task does not have")
        }
    }

    static func number(_ value: Double, _ range: ClosedRange<Double>, _ name: String) throws(WireError) {
        guard range.contains(value) else { throw WireError("\(name) is out of range") }
    }

    static func isSignature(_ text: String) -> Bool {
        text.utf8.count == 128 && text.utf8.allSatisfy(Hex.isLowerDigit)
    }

    /// Checks the hexadecimal form of a set of `count` pieces without making the set.
    static func bits(_ hex: String, count: Int) throws(WireError) {
        let utf8 = hex.utf8
        guard utf8.count == (count + 7) / 8 * 2 else {
            throw WireError("have has \(utf8.count) digits; a task of \(count) pieces takes \((count + 7) / 8 * 2)")
        }
        guard utf8.allSatisfy({ Hex.value($0) != nil }) else { throw WireError("have is not hexadecimal") }
        guard count % 8 != 0 else { return }
        let last = utf8.suffix(2).reduce(UInt8(0)) { $0 << 4 | (Hex.value($1) ?? 0) }
        guard last >> UInt8(count % 8) == 0 else { throw WireError("have has pieces that the task does not have") }
    }
}
