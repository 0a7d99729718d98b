/// Forms of arguments that the parser does not read by itself, rewritten to ones that it does.
package enum ArgumentForms {
    private static let variadic: Set<String> = ["--ignore-qp"]

    package static func rewritten(_ arguments: [String]) -> [String] {
        let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
        return expanded(arguments[..<end].flatMap(split)) + arguments[end...]
    }

    /// `--name=` gives an empty value, as from a script's variable that is not set; the parser would take the next
    /// argument for the value.
    private static func split(_ argument: String) -> [String] {
        guard argument.hasPrefix("--"), argument.firstIndex(of: "=") == argument.indices.last else { return [argument] }
        return [String(argument.dropLast()), ""]
    }

    /// `--ignore-qp A B …` takes several values, as the first Minion's did. A parser that reads values up to the next
    /// option would swallow a URL that follows; here the values end at a URL too, and the option is repeated before each.
    private static func expanded(_ arguments: [String]) -> [String] {
        var out: [String] = []
        var open: String?
        for argument in arguments {
            if variadic.contains(argument) {
                open = argument
                out.append(argument)
            } else if let name = open, !argument.hasPrefix("-"), !argument.contains("://") {
                // The first value follows the option itself.
                if out.last != name { out.append(name) }
                out.append(argument)
            } else {
                open = nil
                out.append(argument)
            }
        }
        return out
    }
}
