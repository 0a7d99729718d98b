#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How results are shown and written down.
enum Table {
    static func printHead() { printRow("benchmark", "median", "least – most", "") }

    static func print(_ result: Outcome) {
        let figures = result.figures
        let spread = figures.rounds.count > 1 ? "\(brief(figures.least)) – \(brief(figures.most))" : ""
        printRow(result.name, brief(figures.median), spread, result.unit.rawValue)
    }

    static func write(_ results: [Outcome], to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(results).write(to: URL(filePath: path))
    }

    private static func printRow(_ name: String, _ median: String, _ spread: String, _ unit: String) {
        func space(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count))
        }
        Swift.print(name + space(name, 42) + space(median, 12) + median + space(spread, 24) + spread + "  " + unit)
    }

    /// At least three digits that matter.
    private static func brief(_ value: Double) -> String {
        guard value < 100 else { return String(Int64(value.rounded())) }
        let scaled = Int64((value * 100).rounded())
        let fraction = String(scaled % 100)
        return "\(scaled / 100)." + (fraction.count < 2 ? "0" : "") + fraction
    }
}
