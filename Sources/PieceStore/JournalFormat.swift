import Crypto
import MinionCore

/// The first line of a journal: which bytes it speaks of. A journal with another first line is not continued.
struct JournalHeader: Hashable {
    let task: TaskID
    let layout: PieceLayout
    /// Only whether it is the same matters, so its hash is kept, whatever it looks like and however long it is.
    private let validator: PieceHash

    init(task: TaskID, validator: String, layout: PieceLayout) {
        self.task = task
        self.layout = layout
        self.validator = PieceHasher.hash(validator)
    }

    var line: [UInt8] {
        JournalLine.sealed("minion-journal-1 \(task) \(layout.size) \(layout.pieceSize) \(validator)")
    }
}

/// One change of what is stored. Later entries for the same piece replace earlier ones.
enum JournalEntry: Hashable {
    case stored(StoredPiece)
    case gone(PieceIndex)
    /// Everything is there, and this is what the file looked like then.
    case sealed(SealMark)

    /// The longest signature, in characters; Ed25519 takes 128.
    static let longestSignature = 256

    var line: [UInt8] {
        switch self {
        case .stored(let stored):
            let signature = stored.signature.isEmpty ? "-" : stored.signature
            return JournalLine.sealed("+ \(stored.piece) \(stored.hash) \(signature)")
        case .gone(let piece):
            return JournalLine.sealed("- \(piece)")
        case .sealed(let mark):
            return JournalLine.sealed("= \(mark.text)")
        }
    }

    /// Nil unless `body` is what an entry of a task with `count` pieces looks like.
    init?(body: String, count: Int) {
        if body.hasPrefix("= ") {
            guard let mark = SealMark(text: body.dropFirst(2)) else { return nil }
            self = .sealed(mark)
            return
        }
        let parts = body.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[1].utf8.allSatisfy({ (48...57).contains($0) }), let piece = Int(parts[1]),
            piece < count
        else { return nil }
        switch (parts[0], parts.count) {
        case ("+", 4):
            let signature = parts[3] == "-" ? "" : String(parts[3])
            guard let hash = PieceHash(hex: String(parts[2])), Self.isSignature(signature) else { return nil }
            self = .stored(StoredPiece(piece: piece, hash: hash, signature: signature))
        case ("-", 2):
            self = .gone(piece)
        default:
            return nil
        }
    }

    static func isSignature(_ text: String) -> Bool {
        text.utf8.count <= longestSignature && text.utf8.allSatisfy { Hex.value($0) != nil }
    }
}

/// A line is sixteen hexadecimal digits of the SHA-256 of its body, a space, and the body. The digits find what a crash
/// or a bad disk did to it; they are no protection from a forger, against whom the pieces are hashed again.
enum JournalLine {
    /// Without the line feed; no line that is written is longer.
    static let longest = 512
    private static let digits = 16

    static func sealed(_ body: String) -> [UInt8] {
        let body = Array(body.utf8)
        return checksum(body[...]) + [UInt8(ascii: " ")] + body + [UInt8(ascii: "\n")]
    }

    /// The body of a line without its line feed; nil if the checksum is wrong.
    static func body(_ line: ArraySlice<UInt8>) -> String? {
        guard line.count > digits, line.count <= longest, line[line.startIndex + digits] == UInt8(ascii: " ") else {
            return nil
        }
        let body = line.dropFirst(digits + 1)
        guard line.prefix(digits).elementsEqual(checksum(body)) else { return nil }
        return String(validating: body, as: UTF8.self)
    }

    private static func checksum(_ body: ArraySlice<UInt8>) -> [UInt8] {
        var sha = SHA256()
        body.withUnsafeBytes { sha.update(bufferPointer: $0) }
        return Array(Hex.text(sha.finalize().prefix(digits / 2)).utf8)
    }
}

/// All that a journal says.
struct JournalContent: Sendable {
    /// In order of the pieces.
    var stored: [StoredPiece]
    /// Nil if the content was never complete, or has been changed since.
    var seal: SealMark?
}

/// Reads a journal of any content in bounded memory: up to the first line that is cut off or not as it was written.
struct JournalParser {
    private let header: JournalHeader
    private var pending: [UInt8] = []
    private var stored: [PieceIndex: StoredPiece] = [:]
    private var seal: SealMark?
    /// Bytes up to the end of the last good line; 0 as long as the first has not turned out to be the expected one.
    private(set) var goodLength: Int64 = 0
    /// Whether a bad line came, so that nothing after it counts.
    private(set) var hasStopped = false

    init(expecting header: JournalHeader) { self.header = header }

    var content: JournalContent {
        let isWhole = stored.count == header.layout.count
        return JournalContent(stored: stored.values.sorted { $0.piece < $1.piece }, seal: isWhole ? seal : nil)
    }

    /// Takes the next bytes of the file.
    mutating func consume(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while !hasStopped, let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            if pending.isEmpty {
                take(rest[..<end])
            } else {
                pending += rest[..<end]
                take(pending[...])
                pending.removeAll(keepingCapacity: true)
            }
            rest = rest[(end + 1)...]
        }
        guard !hasStopped else { return }
        if pending.count + rest.count > JournalLine.longest { hasStopped = true } else { pending += rest }
    }

    private mutating func take(_ line: ArraySlice<UInt8>) {
        if goodLength == 0 {
            guard (line + [UInt8(ascii: "\n")]).elementsEqual(header.line) else {
                hasStopped = true
                return
            }
        } else {
            guard let body = JournalLine.body(line), let entry = JournalEntry(body: body, count: header.layout.count)
            else {
                hasStopped = true
                return
            }
            switch entry {
            case .stored(let piece):
                // A signature that came late leaves the bytes as they are.
                if stored[piece.piece]?.hash != piece.hash { seal = nil }
                stored[piece.piece] = piece
            case .gone(let piece):
                seal = nil
                stored[piece] = nil
            case .sealed(let mark):
                seal = mark
            }
        }
        goodLength += Int64(line.count) + 1
    }
}
