/// Finds what somebody may have meant.
package enum Spelling {
    /// The name among `names` with the fewest differences, whatever its case and whether `_` or `-` stands in it.
    /// Nil if none is near: more than half of it would be different.
    package static func nearest(to word: String, among names: [String]) -> String? {
        let letters = plain(word)
        let best = names.map { (name: $0, distance: distance(letters, plain($0))) }
            .min { ($0.distance, $0.name) < ($1.distance, $1.name) }
        guard let best, best.distance <= max(1, min(letters.count, best.name.count) / 2) else { return nil }
        return best.name
    }

    private static func plain(_ text: String) -> [Character] {
        Array(text.prefix(100).lowercased().replacing("_", with: "-"))
    }

    /// How many letters are to be put in, taken out or replaced (Levenshtein).
    private static func distance(_ a: [Character], _ b: [Character]) -> Int {
        var row = Array(0...b.count)
        for (i, letter) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in b.enumerated() {
                let replaced = diagonal + (letter == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[b.count]
    }
}
