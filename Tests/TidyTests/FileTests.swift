import Testing

/// What every file keeps to.
@Suite struct FileTests {
    private let tree = SourceTree()

    @Test func swiftFilesAreShort() throws {
        for file in try tree.swiftFiles() {
            #expect(
                file.lines.count <= 500, "\(file.path) has \(file.lines.count) lines; find the second concept in it")
        }
    }

    @Test func nothingIsPutOff() throws {
        for file in try tree.swiftFiles() + tree.documents() {
            for (number, line) in file.lines.enumerated() {
                #expect(!putsOff(line), "\(file.path):\(number + 1) puts something off; do it, or leave it out")
            }
        }
    }

    @Test func promisesToTheCompilerAreExplained() throws {
        for file in try tree.swiftFiles() {
            for line in unexplainedPromises(in: file.lines) {
                Issue.record("\(file.path):\(line + 1): the line above has to say why this is safe")
            }
        }
    }

    @Test func licenceIsThere() throws {
        let licence = try tree.file("LICENSE").text
        #expect(licence.contains("Apache License") && licence.contains("Version 2.0, January 2004"))
        #expect(licence.contains("END OF TERMS AND CONDITIONS"))
    }

    // MARK: The checks find what they look for

    @Test func filesAreFound() throws {
        let paths = try tree.swiftFiles().map(\.path)
        #expect(paths.contains("Sources/Swarm/Tracker.swift") && paths.contains("Tests/TidyTests/FileTests.swift"))
    }

    @Test(arguments: ["// TO" + "DO: later", "  /* FIX" + "ME */", "let x = 1 // XX" + "X"])
    func linesThatPutOffAreFound(_ line: String) { #expect(putsOff(line[...])) }

    @Test(arguments: ["mkdtemp(\"/tmp/minion-XXXX" + "XX\")", "let todos = 1", "method"])
    func otherLinesAreNot(_ line: String) { #expect(!putsOff(line[...])) }

    @Test func unexplainedPromisesAreFound() {
        let promise = "final class A: @unchecked " + "Sendable {}"
        #expect(unexplainedPromises(in: [promise[...]]) == [0])
        #expect(unexplainedPromises(in: ["let a = 1", promise[...]]) == [1])
        #expect(unexplainedPromises(in: ["/// Only its event loop touches it.", promise[...]]).isEmpty)
        #expect(unexplainedPromises(in: ["// Set once.", "@MainActor", promise[...]]).isEmpty)
    }
}

/// Whether a line has one of the words that mark unfinished work, as a word of its own.
private func putsOff(_ line: Substring) -> Bool {
    // Put together here, so that this file has none of them.
    let marks: Set<Substring> = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
    return line.split { !$0.isLetter }.contains { marks.contains($0) }
}

/// The numbers, from 0, of lines with a promise that the compiler cannot check and no comment above.
private func unexplainedPromises(in lines: [Substring]) -> [Int] {
    let promises = ["@unchecked " + "Sendable", "nonisolated" + "(unsafe)"]
    return lines.indices.filter { index in
        guard promises.contains(where: { lines[index].contains($0) }) else { return false }
        let above = lines[..<index].last { !isAttribute($0) }
        return above.map { !isComment($0) } ?? true
    }
}

private func isAttribute(_ line: Substring) -> Bool { line.drop { $0 == " " }.hasPrefix("@") }
private func isComment(_ line: Substring) -> Bool { line.drop { $0 == " " }.hasPrefix("//") }
