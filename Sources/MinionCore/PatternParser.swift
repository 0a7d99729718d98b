/// A regular expression as a tree.
indirect enum PatternNode: Sendable {
    case empty
    case set(ScalarSet)
    case assertion(Pattern.Assertion)
    case sequence([PatternNode])
    case either([PatternNode])
    /// At least so often, and at most so often; nil: without an end.
    case repeated(PatternNode, Int, Int?)
}

/// Reads a regular expression in RE2's syntax. Every method returns nil if the text is not one.
struct PatternParser {
    private static let maximumDepth = 50
    private static let maximumCount = 1000

    private struct Flags {
        var ignoresCase = false
        var isMultiline = false
        var dotTakesLineEnds = false
    }

    private let scalars: [Unicode.Scalar]
    private var place = 0
    private var flags = Flags()
    private var depth = 0

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    mutating func parse() -> PatternNode? {
        guard let node = alternatives(), place == scalars.count else { return nil }
        return node
    }

    private mutating func alternatives() -> PatternNode? {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { return nil }
        var nodes: [PatternNode] = []
        repeat {
            guard let node = sequence() else { return nil }
            nodes.append(node)
        } while skip("|")
        return nodes.count == 1 ? nodes[0] : .either(nodes)
    }

    private mutating func sequence() -> PatternNode? {
        var nodes: [PatternNode] = []
        while let next = peek, next != "|", next != ")" {
            guard let atom = atom(), let node = quantified(atom) else { return nil }
            nodes.append(node)
        }
        return .sequence(nodes)
    }

    private mutating func quantified(_ atom: PatternNode) -> PatternNode? {
        let node: PatternNode
        switch peek {
        case "*": node = .repeated(atom, 0, nil)
        case "+": node = .repeated(atom, 1, nil)
        case "?": node = .repeated(atom, 0, 1)
        case "{":
            let start = place
            guard let (least, most) = counts() else {
                // Not a count: a brace that stands for itself, read as an atom of its own next.
                place = start
                return atom
            }
            guard least <= Self.maximumCount, most ?? 0 <= Self.maximumCount, most.map({ $0 >= least }) ?? true else {
                return nil
            }
            _ = skip("?")
            return isQuantifier ? nil : .repeated(atom, least, most)
        default: return atom
        }
        place += 1
        // Whether as little or as much as possible is taken makes no difference here.
        _ = skip("?")
        return isQuantifier ? nil : node
    }

    private var isQuantifier: Bool {
        if peek == "*" || peek == "+" || peek == "?" { return true }
        var ahead = self
        return peek == "{" && ahead.counts() != nil
    }

    /// `{2}`, `{2,}` or `{2,3}`.
    private mutating func counts() -> (Int, Int?)? {
        guard skip("{"), let least = number() else { return nil }
        if skip("}") { return (least, least) }
        guard skip(",") else { return nil }
        if skip("}") { return (least, nil) }
        guard let most = number(), skip("}") else { return nil }
        return (least, most)
    }

    private mutating func number() -> Int? {
        var digits = ""
        while let next = peek, ("0"..."9").contains(next), digits.utf8.count < 6 {
            digits.unicodeScalars.append(next)
            place += 1
        }
        return Int(digits)
    }

    private mutating func atom() -> PatternNode? {
        guard let next = advance() else { return nil }
        switch next {
        case "(": return group()
        case "[": return bracket()
        case "\\": return escape()
        case ".": return .set(flags.dotTakesLineEnds ? .all : .allButLineEnd)
        case "^": return .assertion(flags.isMultiline ? .lineBegin : .textBegin)
        case "$": return .assertion(flags.isMultiline ? .lineEnd : .textEnd)
        case "*", "+", "?": return nil
        default: return literal(next)
        }
    }

    private func literal(_ scalar: Unicode.Scalar) -> PatternNode {
        .set(ScalarSet(ranges: [scalar.value...scalar.value], ignoresCase: flags.ignoresCase))
    }

    // MARK: Groups

    private mutating func group() -> PatternNode? {
        let outer = flags
        if skip("?") {
            if skip("P") || peek == "<" {
                guard skip("<"), let first = peek, first != ">", first != "=", first != "!" else { return nil }
                while let next = advance(), next != ">" {
                    guard ScalarSet.word.contains(next) else { return nil }
                }
            } else {
                guard let end = readFlags() else { return nil }
                // `(?i)` holds for the rest of the group that it stands in.
                if end == ")" { return .empty }
            }
        }
        guard let node = alternatives(), skip(")") else { return nil }
        flags = outer
        return node
    }

    /// Reads `i`, `m-s` and the like up to `:` or `)`, which it returns.
    private mutating func readFlags() -> Unicode.Scalar? {
        var isOn = true
        while let next = advance() {
            switch next {
            case "i": flags.ignoresCase = isOn
            case "m": flags.isMultiline = isOn
            case "s": flags.dotTakesLineEnds = isOn
            case "U": break
            case "-":
                guard isOn else { return nil }
                isOn = false
            case ":", ")": return next
            default: return nil
            }
        }
        return nil
    }

    // MARK: Escapes

    private mutating func escape() -> PatternNode? {
        guard let next = advance() else { return nil }
        switch next {
        case "A": return .assertion(.textBegin)
        case "z": return .assertion(.textEnd)
        case "b": return .assertion(.wordBoundary)
        case "B": return .assertion(.noWordBoundary)
        case "Q": return quoted()
        default: break
        }
        if let ranges = classRanges(next) { return .set(ScalarSet(ranges: ranges)) }
        return character(after: next).map(literal)
    }

    /// `\Q…\E`: everything stands for itself.
    private mutating func quoted() -> PatternNode {
        var nodes: [PatternNode] = []
        while let next = advance() {
            if next == "\\", skip("E") { break }
            nodes.append(literal(next))
        }
        return .sequence(nodes)
    }

    private mutating func classRanges(_ letter: Unicode.Scalar) -> [ClosedRange<UInt32>]? {
        switch letter {
        case "d": ScalarSet.digit.ranges
        case "D": ScalarSet.digit.complement
        case "w": ScalarSet.word.ranges
        case "W": ScalarSet.word.complement
        case "s": ScalarSet.space.ranges
        case "S": ScalarSet.space.complement
        case "p": category()
        case "P": category().map { ScalarSet(ranges: $0).complement }
        default: nil
        }
    }

    /// What follows `\p`: a letter, or a name in braces, which `^` may negate.
    private mutating func category() -> [ClosedRange<UInt32>]? {
        var name = ""
        guard skip("{") else {
            if let letter = advance() { name.unicodeScalars.append(letter) }
            return PatternCategories.ranges(of: name)
        }
        let isNegated = skip("^")
        while let next = advance(), next != "}" { name.unicodeScalars.append(next) }
        guard let ranges = PatternCategories.ranges(of: name) else { return nil }
        return isNegated ? ScalarSet(ranges: ranges).complement : ranges
    }

    /// The character that an escape stands for, whose first letter has been read.
    private mutating func character(after first: Unicode.Scalar) -> Unicode.Scalar? {
        switch first {
        case "n": return "\n"
        case "t": return "\t"
        case "r": return "\r"
        case "f": return "\u{c}"
        case "v": return "\u{b}"
        case "a": return "\u{7}"
        case "x":
            var digits = ""
            if skip("{") {
                while let next = advance(), next != "}" { digits.unicodeScalars.append(next) }
            } else {
                for _ in 0..<2 { if let next = advance() { digits.unicodeScalars.append(next) } }
                guard digits.utf8.count == 2 else { return nil }
            }
            return UInt32(digits, radix: 16).flatMap { Unicode.Scalar($0) }
        default:
            // Signs may be escaped; letters and digits have meanings, known to this or not.
            let isSign = first.isASCII && !ScalarSet.word.contains(first) || first == "_"
            return isSign ? first : nil
        }
    }

    // MARK: Brackets

    private mutating func bracket() -> PatternNode? {
        let isNegated = skip("^")
        var ranges: [ClosedRange<UInt32>] = []
        var isFirst = true
        while let next = advance() {
            if next == "]", !isFirst {
                return .set(ScalarSet(ranges: ranges, isNegated: isNegated, ignoresCase: flags.ignoresCase))
            }
            isFirst = false
            if next == "[", peek == ":" {
                guard let named = namedClass() else { return nil }
                ranges += named
                continue
            }
            var low = next
            if next == "\\" {
                guard let escaped = advance() else { return nil }
                if let named = classRanges(escaped) {
                    ranges += named
                    continue
                }
                guard let character = character(after: escaped) else { return nil }
                low = character
            }
            guard peek == "-", place + 1 < scalars.count, scalars[place + 1] != "]" else {
                ranges.append(low.value...low.value)
                continue
            }
            place += 1
            guard var high = advance() else { return nil }
            if high == "\\" {
                guard let escaped = advance(), let character = character(after: escaped) else { return nil }
                high = character
            }
            guard low.value <= high.value else { return nil }
            ranges.append(low.value...high.value)
        }
        return nil
    }

    /// `[:alpha:]` and the like, inside brackets.
    private mutating func namedClass() -> [ClosedRange<UInt32>]? {
        place += 1
        let isNegated = skip("^")
        var name = ""
        while let next = advance(), next != ":" { name.unicodeScalars.append(next) }
        guard skip("]"), let ranges = Self.named[name] else { return nil }
        return isNegated ? ScalarSet(ranges: ranges).complement : ranges
    }

    private static let named: [String: [ClosedRange<UInt32>]] = [
        "alnum": [48...57, 65...90, 97...122], "alpha": [65...90, 97...122], "ascii": [0...127],
        "blank": [9...9, 32...32], "cntrl": [0...31, 127...127], "digit": [48...57], "graph": [33...126],
        "lower": [97...122], "print": [32...126], "punct": [33...47, 58...64, 91...96, 123...126],
        "space": [9...13, 32...32], "upper": [65...90], "word": [48...57, 65...90, 95...95, 97...122],
        "xdigit": [48...57, 65...70, 97...102],
    ]

    // MARK: Characters

    private var peek: Unicode.Scalar? { place < scalars.count ? scalars[place] : nil }

    private mutating func advance() -> Unicode.Scalar? {
        guard place < scalars.count else { return nil }
        place += 1
        return scalars[place - 1]
    }

    private mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
        guard peek == scalar else { return false }
        place += 1
        return true
    }
}
