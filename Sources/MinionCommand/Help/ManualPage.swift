import FoundationEssentials

/// A page for man(1), made of what the argument parser knows of all commands.
package struct ManualPage {
    private struct Dump: Decodable { let command: Command }

    private struct Command: Decodable {
        let commandName: String
        let shouldDisplay: Bool?
        let abstract: String?
        let discussion: String?
        let subcommands: [Command]?
        let arguments: [Argument]?

        var isShown: Bool { shouldDisplay ?? true && commandName != "help" }
    }

    private struct Argument: Decodable {
        struct Name: Decodable {
            let kind: String
            let name: String

            var flag: String { (kind == "long" ? "--" : "-") + name }
        }

        let kind: String
        let shouldDisplay: Bool
        let sectionTitle: String?
        let isOptional: Bool
        let isRepeating: Bool
        let names: [Name]?
        let valueName: String?
        let abstract: String?
        let discussion: String?

        var isShown: Bool { shouldDisplay && names?.contains { $0.name == "help" || $0.name == "version" } != true }
    }

    private let program: Command
    private let version: String

    /// `helpDump` is what `--experimental-dump-help` prints.
    package init(helpDump: String, version: String) throws {
        program = try JSONDecoder().decode(Dump.self, from: Data(helpDump.utf8)).command
        self.version = version
    }

    package var text: String {
        var page = """
            .TH MINION 1 "" "minion \(Self.escaped(version))" "User Commands"
            .SH NAME
            minion \\- \(Self.line(program.abstract ?? ""))
            .SH SYNOPSIS

            """
        let commands = leaves(of: program, path: [program.commandName])
        for (path, command) in commands {
            page += ".B \(Self.escaped(path.joined(separator: " ")))\n"
            page += Self.line(synopsis(of: command)) + "\n.br\n"
        }
        page += ".SH DESCRIPTION\n" + Self.paragraphs(program.discussion)
        page += ".SH COMMANDS\n"
        for (path, command) in commands {
            page += ".SS \(Self.escaped(path.joined(separator: " ")))\n" + Self.line(command.abstract ?? "") + "\n"
            page += Self.paragraphs(command.discussion) + options(of: command)
        }
        return page
    }

    /// The commands that do something, with the words that call them.
    private func leaves(of command: Command, path: [String]) -> [(path: [String], command: Command)] {
        let shown = (command.subcommands ?? []).filter(\.isShown)
        if shown.isEmpty { return [(path, command)] }
        return shown.flatMap { leaves(of: $0, path: path + [$0.commandName]) }
    }

    private func synopsis(of command: Command) -> String {
        let shown = (command.arguments ?? []).filter(\.isShown)
        var words = shown.contains { $0.kind != "positional" } ? ["[options]"] : []
        for argument in shown where argument.kind == "positional" {
            let name = (argument.valueName ?? "value") + (argument.isRepeating ? " ..." : "")
            words.append(argument.isOptional ? "[\(name)]" : name)
        }
        return words.joined(separator: " ")
    }

    private func options(of command: Command) -> String {
        var out = ""
        var section: String?
        for argument in (command.arguments ?? []).filter(\.isShown) {
            if let title = argument.sectionTitle, !title.isEmpty, title != section {
                section = title
                out += ".PP\n.I \(Self.escaped(title))\n"
            }
            let value = argument.valueName.map { " \\fI\(Self.escaped($0))\\fR" } ?? ""
            let names = (argument.names ?? []).map { "\\fB\(Self.escaped($0.flag))\\fR" }.joined(separator: ", ")
            let head = argument.kind == "positional" ? String(value.drop { $0 == " " }) : names
            out += ".TP\n" + head + (argument.kind == "option" ? value : "") + "\n"
            let text = [argument.abstract, argument.discussion].compactMap { $0 }.joined(separator: "\n")
            for line in text.split(separator: "\n") { out += Self.line(String(line)) + "\n" }
            if text.isEmpty { out += "\\&\n" }
        }
        return out
    }

    /// Paragraphs as they are in the help: lines that are indented keep their shape.
    private static func paragraphs(_ text: String?) -> String {
        var out = ""
        var isExample = false
        for row in (text ?? "").split(separator: "\n", omittingEmptySubsequences: false) {
            let isIndented = row.hasPrefix("  ")
            if isIndented != isExample {
                out += isIndented ? ".PP\n.RS 4\n.nf\n" : ".fi\n.RE\n"
                isExample = isIndented
            }
            if row.isEmpty {
                out += ".PP\n"
            } else {
                out += line(isIndented ? String(row.dropFirst(2)) : String(row)) + "\n"
            }
        }
        return text == nil ? "" : ".PP\n" + out + (isExample ? ".fi\n.RE\n" : "")
    }

    /// A line of text: one that begins like a request is none.
    private static func line(_ text: String) -> String {
        let escaped = escaped(text)
        return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
    }
}
