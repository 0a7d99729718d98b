package import MinionCore

/// One line of the news that a node pushes to its neighbours: which pieces it has.
///
/// The runs of a line ascend and do not touch each other backwards, so that reading it takes time in proportion to the
/// pieces that it names, however it was made.
package enum NewsLine: Hashable, Sendable {
    /// The sender has every piece.
    case all
    /// The sender has these pieces; maybe none.
    case pieces(PieceSet)
    /// Nothing new.
    case keepAlive

    /// The longest line, in bytes, with its line feed.
    package static let maximumLength = 64 << 10

    /// The line that says that the sender is still there.
    package static let keepAliveBytes = Array(".\n".utf8)
    /// The line of a sender that has everything.
    package static let allBytes = Array("all\n".utf8)

    private static let lineFeed = UInt8(ascii: "\n")
    private static let comma = UInt8(ascii: ",")
    private static let dash = UInt8(ascii: "-")

    /// Reads one line, without its line feed, about a task of `capacity` pieces. Nil if it is not well formed, too
    /// long, or names a piece that the task does not have.
    package init?(_ line: Span<UInt8>, capacity: Int) {
        guard line.count < Self.maximumLength else { return nil }
        if line.count == 1, line[0] == UInt8(ascii: ".") {
            self = .keepAlive
            return
        }
        if line.count == 3, line[0] == UInt8(ascii: "a"), line[1] == UInt8(ascii: "l"), line[2] == UInt8(ascii: "l") {
            self = .all
            return
        }
        var set = PieceSet(capacity: capacity)
        var position = 0
        var next = 0
        while position < line.count {
            guard let first = Self.number(in: line, at: &position), first >= next, first < capacity else { return nil }
            var last = first
            if position < line.count, line[position] == Self.dash {
                position += 1
                guard let end = Self.number(in: line, at: &position), end > first, end < capacity else { return nil }
                last = end
            }
            if first == last { set.insert(first) } else { set.insert(first..<last + 1) }
            next = last + 1
            guard position < line.count else { break }
            guard line[position] == Self.comma, position + 1 < line.count else { return nil }
            position += 1
        }
        self = .pieces(set)
    }

    /// The same, of bytes in an array.
    package init?(_ line: [UInt8], capacity: Int) { self.init(line.span, capacity: capacity) }

    /// Nil unless there are one to eight digits, enough for any piece.
    private static func number(in line: Span<UInt8>, at position: inout Int) -> Int? {
        let start = position
        var value = 0
        while position < line.count, position - start < 9 {
            let digit = line[position] &- 48
            guard digit <= 9 else { break }
            value = value * 10 + Int(digit)
            position += 1
        }
        return (1...8).contains(position - start) ? value : nil
    }

    /// The lines, line feeds included, that tell the whole set: `all`, or runs, on as many lines as they need.
    package static func bytes(of set: PieceSet) -> [UInt8] {
        set.isComplete ? allBytes : bytes(ofRuns: set.runs)
    }

    /// The lines that tell the runs, which are to be in order. No runs make one empty line.
    package static func bytes(ofRuns runs: some Sequence<Range<PieceIndex>>) -> [UInt8] {
        var out: [UInt8] = []
        var lineStart = 0
        for run in runs where !run.isEmpty {
            // Two numbers of eight digits, a dash, a comma and the line feed.
            if out.count - lineStart > maximumLength - 20 {
                out.append(lineFeed)
                lineStart = out.count
            }
            if out.count > lineStart { out.append(comma) }
            out.append(contentsOf: String(run.lowerBound).utf8)
            if run.count > 1 {
                out.append(dash)
                out.append(contentsOf: String(run.upperBound - 1).utf8)
            }
        }
        out.append(lineFeed)
        return out
    }
}
