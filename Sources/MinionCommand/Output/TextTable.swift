/// Columns for people.
package struct TextTable {
    package enum Alignment: Sendable { case left, right }

    private let headings: [(String, Alignment)]
    private var rows: [[String]] = []

    package init(_ headings: (String, Alignment)...) { self.headings = headings }

    /// As many cells as there are columns. Control characters are escaped.
    package mutating func add(_ cells: String...) { rows.append(cells.map(\.printable)) }

    /// With line ends; no spaces at the ends of lines.
    package var text: String {
        let all = [headings.map(\.0)] + rows
        let widths = headings.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = row.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                return headings[column].1 == .left ? row[column] + padding : padding + row[column]
            }
            var line = cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}
