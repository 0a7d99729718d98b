import Testing

/// What the documents say about the package is so.
@Suite struct DocumentTests {
    private let tree = SourceTree()

    @Test func linksLeadSomewhere() throws {
        for document in try tree.documents() {
            for target in localLinks(in: document.text) {
                let path = resolve(target, from: document.path)
                #expect(tree.exists(path), "\(document.path) links to \(target), which is not there")
            }
        }
    }

    @Test func architectureNamesEveryModule() throws {
        let text = try tree.file("docs/architecture.md").text
        for module in Module.all {
            #expect(text.contains("`\(module.name)`"), "docs/architecture.md says nothing of \(module.name)")
        }
    }

    @Test func readmeTellsEveryExitCode() throws {
        let text = try tree.file("README.md").text
        for line in try tree.file("Sources/MinionCommand/ExitStatus.swift").lines where line.contains(": Int32 = ") {
            let code = try #require(line.split(separator: " ").last)
            #expect(text.contains("\n| \(code) |"), "README.md has no row for exit code \(code)")
        }
    }

    @Test func figuresOfTheRulesAreThoseOfTheCode() throws {
        let figures = figures(in: try tree.file("docs/architecture.md").text)
        #expect(figures.count > 10, "the table of figures is not where it is looked for")
        for (file, code) in figures {
            let lines = try tree.file("Sources/Swarm/" + file).lines
            let isThere = lines.contains { line in
                // The end of the line or something that cannot go on the figure.
                line.ranges(of: code).contains { line[$0.upperBound...].first.map { ", )".contains($0) } ?? true }
            }
            #expect(isThere, "docs/architecture.md says \(code) of \(file)")
        }
    }

    // MARK: The checks find what they look for

    @Test func documentsAreFound() throws {
        let paths = try tree.documents().map(\.path)
        #expect(paths.contains("README.md") && paths.contains("docs/architecture.md"))
    }

    @Test func linksAreFound() {
        let text = "See [a](docs/a.md#part), [b](https://host/b), [c](#here) and ![d](../d.png \"title\")."
        #expect(localLinks(in: text) == ["docs/a.md", "../d.png"])
    }

    @Test func figuresAreFound() {
        let found = figures(in: "| a | `b` |\n| slots | 8 | `Queue.swift`: `slots = 8` |\n")
        #expect(found.map(\.file) == ["Queue.swift"] && found.map(\.code) == ["slots = 8"])
    }

    @Test func pathsAreResolved() {
        #expect(resolve("a.md", from: "README.md") == "a.md")
        #expect(resolve("a.md", from: "docs/b.md") == "docs/a.md")
        #expect(resolve("../README.md", from: "docs/b.md") == "README.md")
    }
}

/// The rows of a table that end in `` `File.swift`: `code` ``.
private func figures(in text: String) -> [(file: String, code: String)] {
    text.split(separator: "\n").compactMap { line in
        let parts = line.split(separator: "`", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[1].hasSuffix(".swift"), parts[2] == ": ", parts[4] == " |" else { return nil }
        return (String(parts[1]), String(parts[3]))
    }
}

/// Where the links of a Markdown text lead that stay in the package, without the part behind `#`.
private func localLinks(in text: String) -> [String] {
    text.split(separator: "](").dropFirst().compactMap { rest in
        let target = rest.prefix { $0 != ")" && $0 != " " && $0 != "#" }
        return target.isEmpty || target.contains("://") || target.hasPrefix("mailto:") ? nil : String(target)
    }
}

private func resolve(_ target: String, from document: String) -> String {
    var parts = document.split(separator: "/").dropLast()
    for part in target.split(separator: "/") {
        if part == ".." { parts = parts.dropLast() } else if part != "." { parts.append(part) }
    }
    return parts.joined(separator: "/")
}
