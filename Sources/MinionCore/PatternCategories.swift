/// The general categories of Unicode, as in `\pL` and `\p{Lu}`. Scripts such as `\p{Greek}` are not known.
enum PatternCategories {
    /// Nil if there is no category of this name, which is one letter or two.
    static func ranges(of name: String) -> [ClosedRange<UInt32>]? {
        guard (1...2).contains(name.utf8.count) else { return nil }
        // The parts of a category lie between each other, and expressions name few of them.
        let parts = table.filter { $0.key.hasPrefix(name) }.map(\.value)
        return parts.isEmpty ? nil : parts.flatMap { $0 }.sorted { $0.lowerBound < $1.lowerBound }
    }

    /// Made once, when the first expression asks, in some hundredths of a second.
    private static let table: [String: [ClosedRange<UInt32>]] = {
        var table: [String: [ClosedRange<UInt32>]] = [:]
        var current: (name: String, begin: UInt32)?
        for value in UInt32(0)...0x11_0000 {
            let name = Unicode.Scalar(value).flatMap { Self.name(of: $0.properties.generalCategory) }
            guard name != current?.name else { continue }
            if let current { table[current.name, default: []].append(current.begin...value - 1) }
            current = name.map { ($0, value) }
        }
        return table
    }()

    private static func name(of category: Unicode.GeneralCategory) -> String? {
        switch category {
        case .uppercaseLetter: "Lu"
        case .lowercaseLetter: "Ll"
        case .titlecaseLetter: "Lt"
        case .modifierLetter: "Lm"
        case .otherLetter: "Lo"
        case .nonspacingMark: "Mn"
        case .spacingMark: "Mc"
        case .enclosingMark: "Me"
        case .decimalNumber: "Nd"
        case .letterNumber: "Nl"
        case .otherNumber: "No"
        case .connectorPunctuation: "Pc"
        case .dashPunctuation: "Pd"
        case .openPunctuation: "Ps"
        case .closePunctuation: "Pe"
        case .initialPunctuation: "Pi"
        case .finalPunctuation: "Pf"
        case .otherPunctuation: "Po"
        case .mathSymbol: "Sm"
        case .currencySymbol: "Sc"
        case .modifierSymbol: "Sk"
        case .otherSymbol: "So"
        case .spaceSeparator: "Zs"
        case .lineSeparator: "Zl"
        case .paragraphSeparator: "Zp"
        case .control: "Cc"
        case .format: "Cf"
        case .privateUse: "Co"
        case .surrogate, .unassigned: nil
        @unknown default: nil
        }
    }
}
