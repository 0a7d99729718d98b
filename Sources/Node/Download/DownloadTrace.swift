import MinionCore
import Swarm

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Writes what happens to each piece, one JSON object a line: `t` seconds since the start, `e` what, and `piece`, `first`,
/// `count`, `peer` or `bytes` as it applies.
final class DownloadTrace {
    private let descriptor: CInt
    private let start: Instant
    private var buffer: [UInt8] = []
    /// Requests whose first bytes have come.
    private var begun: Set<RequestID> = []

    private static let flushSize = 64 << 10

    /// Nil if the file cannot be written. The first line tells who `peer` is and what the time is, so that the traces of
    /// several hosts can be laid beside each other.
    init?(path: String, peer: PeerID, start: Instant) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return nil }
        self.start = start
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let milliseconds = Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
        write("start", [("unix_ms", "\(milliseconds)"), ("peer", peer.hex)], at: start)
    }

    deinit {
        flush()
        close(descriptor)
    }

    /// `fields` are numbers or words that need no escaping.
    func write(_ event: String, _ fields: [(String, String)] = [], at now: Instant) {
        var line = "{\"t\":\((now - start).inSeconds),\"e\":\"\(event)\""
        for (name, value) in fields {
            let isNumber = value.utf8.allSatisfy { (48...57).contains($0) } && value.utf8.count < 16
            line += ",\"\(name)\":" + (isNumber ? value : "\"\(value)\"")
        }
        buffer += Array((line + "}\n").utf8)
        if buffer.count >= Self.flushSize { flush() }
    }

    func flush() {
        var rest = buffer[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { systemWrite(descriptor, $0) }
            guard count > 0 else { break }
            rest = rest.dropFirst(count)
        }
        buffer.removeAll(keepingCapacity: true)
    }
}

private func systemWrite(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(descriptor, bytes.baseAddress, bytes.count)
}

extension DownloadTrace {
    /// What a request is for.
    typealias Lookup = (RequestID) -> (PieceIndex, PeerID)?

    func note(_ action: DownloadAction, request: Lookup, at now: Instant) {
        switch action {
        case .fetchSource(let run):
            write("lease", [("first", "\(run.lowerBound)"), ("count", "\(run.count)")], at: now)
        case .request(_, let piece, let peer): write("ask", [("piece", "\(piece)"), ("peer", peer.hex)], at: now)
        case .offer(let proofs): for proof in proofs { write("offer", [("piece", "\(proof.piece)")], at: now) }
        case .report: write("report", at: now)
        case .connect(let info):
            write("connect", [("peer", info.id.hex), ("endpoint", info.endpoint.description)], at: now)
        case .disconnect(let peer): write("disconnect", [("peer", peer.hex)], at: now)
        case .complete:
            write("complete", at: now)
            flush()
        case .open(let version):
            write("open", [("size", "\(version.size)"), ("piece_size", "\(version.pieceSize)")], at: now)
        case .statSource: write("stat", at: now)
        case .cancel(let id):
            guard let (piece, peer) = request(id) else { return }
            write("cancel", [("piece", "\(piece)"), ("peer", peer.hex)], at: now)
        case .discard(let piece): write("discard", [("piece", "\(piece)")], at: now)
        case .fail:
            write("fail", at: now)
            flush()
        case .cancelSource: break
        }
    }

    func note(_ event: DownloadEvent, request: Lookup, at now: Instant) {
        switch event {
        case .requestProgress(let id, _):
            guard begun.insert(id).inserted, let (piece, peer) = request(id) else { return }
            write("begin", [("piece", "\(piece)"), ("peer", peer.hex)], at: now)
        case .sourceEnded(let run, let failure):
            let why = failure.map { [("why", $0.kind.rawValue)] } ?? []
            write("read-ended", [("first", "\(run.lowerBound)"), ("count", "\(run.count)")] + why, at: now)
        case .sourcePiece(let piece, _): write("got", [("piece", "\(piece)"), ("peer", "source")], at: now)
        case .requestEnded(let id, .verified(let proof)):
            write("got", [("piece", "\(proof.piece)"), ("peer", request(id)?.1.hex ?? "")], at: now)
        case .requestEnded(let id, let outcome):
            guard let (piece, peer) = request(id) else { return }
            write("failed", [("piece", "\(piece)"), ("peer", peer.hex), ("why", outcome.name)], at: now)
        case .neighbourNews(let peer, let pieces):
            write("news", [("peer", peer.hex), ("count", "\(pieces.count)")], at: now)
        case .trackerReplied(let reply):
            write(
                "reply", [("neighbours", "\(reply.neighbours.count)"), ("leased", "\(reply.lease?.count ?? 0)")],
                at: now)
        case .neighbourConnected(let peer): write("connected", [("peer", peer.hex)], at: now)
        case .neighbourLost(let peer, _): write("lost", [("peer", peer.hex)], at: now)
        default: break
        }
    }
}

extension RequestOutcome {
    fileprivate var name: String {
        switch self {
        case .verified: "verified"
        case .bad: "bad"
        case .overloaded: "overloaded"
        case .missing: "missing"
        case .failed: "failed"
        }
    }
}
