/// A regular expression in RE2's syntax, without captures: all it tells is whether a text matches.
///
/// It takes time in proportion to the length of the text times that of the expression, whatever both are, so that
/// expressions from a network can be used.
package struct Pattern: Sendable {
    /// Longer expressions, in bytes, are refused.
    package static let maximumLength = 1024

    private let program: [Instruction]

    /// Nil if the text is no expression, or one that this does not do: back references, look-around and scripts of
    /// Unicode.
    package init?(_ text: String) {
        guard text.utf8.count <= Self.maximumLength else { return nil }
        var parser = PatternParser(text)
        guard let node = parser.parse() else { return nil }
        var compiler = PatternCompiler()
        guard compiler.add(node) else { return nil }
        program = compiler.instructions + [.match]
    }

    package static func isValid(_ text: String) -> Bool { Pattern(text) != nil }

    /// Whether the expression matches anywhere in the text.
    package func isFound(in text: String) -> Bool {
        var threads = ThreadList(capacity: program.count)
        var next = ThreadList(capacity: program.count)
        var previous: Unicode.Scalar?
        var scalars = text.unicodeScalars.makeIterator()
        var current = scalars.next()
        while true {
            // A match may begin at every place.
            if add(0, to: &threads, between: previous, and: current) { return true }
            guard let scalar = current else { return false }
            let following = scalars.next()
            next.removeAll()
            for thread in threads.members {
                guard case .scalar(let set) = program[thread], set.contains(scalar) else { continue }
                if add(thread + 1, to: &next, between: scalar, and: following) { return true }
            }
            swap(&threads, &next)
            (previous, current) = (scalar, following)
        }
    }

    /// Follows everything that takes no character; whether that leads to a match.
    private func add(
        _ start: Int, to threads: inout ThreadList, between previous: Unicode.Scalar?, and next: Unicode.Scalar?
    ) -> Bool {
        var stack = [start]
        while let place = stack.popLast() {
            guard threads.insert(place) else { continue }
            switch program[place] {
            case .match: return true
            case .scalar: break
            case .jump(let target): stack.append(target)
            case .split(let first, let second):
                stack.append(second)
                stack.append(first)
            case .assert(let assertion): if assertion.holds(between: previous, and: next) { stack.append(place + 1) }
            }
        }
        return false
    }

    enum Instruction: Sendable {
        case scalar(ScalarSet)
        case split(Int, Int)
        case jump(Int)
        case assert(Assertion)
        case match
    }

    enum Assertion: Sendable {
        case textBegin
        case textEnd
        case lineBegin
        case lineEnd
        case wordBoundary
        case noWordBoundary

        func holds(between previous: Unicode.Scalar?, and next: Unicode.Scalar?) -> Bool {
            switch self {
            case .textBegin: previous == nil
            case .textEnd: next == nil
            case .lineBegin: previous == nil || previous == "\n"
            case .lineEnd: next == nil || next == "\n"
            case .wordBoundary: Self.isWord(previous) != Self.isWord(next)
            case .noWordBoundary: Self.isWord(previous) == Self.isWord(next)
            }
        }

        private static func isWord(_ scalar: Unicode.Scalar?) -> Bool {
            scalar.map { ScalarSet.word.contains($0) } ?? false
        }
    }

    /// The places in the program that have been reached, each once.
    private struct ThreadList {
        private(set) var members: [Int] = []
        private var isMember: [Bool]

        init(capacity: Int) { isMember = Array(repeating: false, count: capacity) }

        mutating func insert(_ place: Int) -> Bool {
            guard !isMember[place] else { return false }
            isMember[place] = true
            members.append(place)
            return true
        }

        mutating func removeAll() {
            for place in members { isMember[place] = false }
            members.removeAll(keepingCapacity: true)
        }
    }
}

/// Which characters one place of an expression takes.
struct ScalarSet: Sendable {
    /// In ascending order, and apart from each other.
    let ranges: [ClosedRange<UInt32>]
    let isNegated: Bool
    let ignoresCase: Bool

    init(ranges: [ClosedRange<UInt32>], isNegated: Bool = false, ignoresCase: Bool = false) {
        var merged: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, range.lowerBound <= last.upperBound {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        self.ranges = merged
        self.isNegated = isNegated
        self.ignoresCase = ignoresCase
    }

    static let digit = ScalarSet(ranges: [48...57])
    static let word = ScalarSet(ranges: [48...57, 65...90, 95...95, 97...122])
    static let space = ScalarSet(ranges: [9...10, 12...13, 32...32])
    static let all = ScalarSet(ranges: [0...0x10ffff])
    static let allButLineEnd = ScalarSet(ranges: [10...10], isNegated: true)

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        var isIn = hasInRanges(scalar.value)
        if !isIn, ignoresCase {
            isIn = Self.otherCase(of: scalar).map { hasInRanges($0.value) } ?? false
        }
        return isIn != isNegated
    }

    /// The characters that are not in the set, as ranges.
    var complement: [ClosedRange<UInt32>] {
        var out: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { out.append(next...range.lowerBound - 1) }
            next = range.upperBound + 1
        }
        if next <= 0x10ffff { out.append(next...0x10ffff) }
        return out
    }

    private func hasInRanges(_ value: UInt32) -> Bool {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(value)
    }

    private static func otherCase(of scalar: Unicode.Scalar) -> Unicode.Scalar? {
        let mapped =
            scalar.properties.isLowercase ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
        let scalars = mapped.unicodeScalars
        return scalars.count == 1 ? scalars.first : nil
    }
}

/// Turns a parsed expression into a program.
private struct PatternCompiler {
    /// Counted repetitions multiply; this bounds the program, and with it the time that a match takes.
    private static let maximumSize = 5000
    /// Repetitions of nothing make no program, but take time.
    private static let maximumSteps = 20_000

    var instructions: [Pattern.Instruction] = []
    private var steps = 0

    /// False if the program gets too long.
    mutating func add(_ node: PatternNode) -> Bool {
        steps += 1
        guard instructions.count < Self.maximumSize, steps < Self.maximumSteps else { return false }
        switch node {
        case .empty: break
        case .set(let set): instructions.append(.scalar(set))
        case .assertion(let assertion): instructions.append(.assert(assertion))
        case .sequence(let nodes):
            for node in nodes where !add(node) { return false }
        case .either(let nodes): return addEither(nodes[...])
        case .repeated(let node, let least, let most): return addRepeated(node, least, most)
        }
        return true
    }

    private mutating func addEither(_ nodes: ArraySlice<PatternNode>) -> Bool {
        guard let first = nodes.first, nodes.count > 1 else { return nodes.first.map { add($0) } ?? true }
        let split = instructions.count
        instructions.append(.split(split + 1, 0))
        guard add(first) else { return false }
        let jump = instructions.count
        instructions.append(.jump(0))
        instructions[split] = .split(split + 1, instructions.count)
        guard addEither(nodes.dropFirst()) else { return false }
        instructions[jump] = .jump(instructions.count)
        return true
    }

    private mutating func addRepeated(_ node: PatternNode, _ least: Int, _ most: Int?) -> Bool {
        for _ in 0..<least where !add(node) { return false }
        guard let most else {
            let split = instructions.count
            instructions.append(.split(split + 1, 0))
            guard add(node) else { return false }
            instructions.append(.jump(split))
            instructions[split] = .split(split + 1, instructions.count)
            return true
        }
        var splits: [Int] = []
        for _ in least..<max(least, most) {
            splits.append(instructions.count)
            instructions.append(.split(instructions.count + 1, 0))
            guard add(node) else { return false }
        }
        for split in splits { instructions[split] = .split(split + 1, instructions.count) }
        return true
    }
}
