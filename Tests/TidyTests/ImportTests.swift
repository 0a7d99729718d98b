import Testing

/// The arrows between the modules point one way (docs/architecture.md).
@Suite struct ImportTests {
    private let tree = SourceTree()
    private let known = Set(Module.all.map(\.name))

    @Test func modulesImportOnlyWhatTheyMay() throws {
        let files = try tree.moduleFiles()
        #expect(files.count > 50, "the sources are not where they are looked for")
        for file in files {
            guard let module = Module.all.first(where: { $0.name == file.target }) else {
                Issue.record("\(file.path): the module is not in the table of Modules.swift")
                continue
            }
            let forbidden = module.forbidden(among: importedModules(in: file.text), known: known)
            #expect(forbidden.isEmpty, "\(file.path) may not import \(forbidden.joined(separator: ", "))")
        }
    }

    @Test func tableHasNoArrowBackwards() {
        var above: Set<String> = []
        for module in Module.all {
            #expect(module.own.isSubset(of: above), "\(module.name) knows a module that stands below it")
            above.insert(module.name)
        }
    }

    @Test func everyModuleOfTheTableExists() throws {
        let targets = Set(try tree.moduleFiles().map(\.target))
        #expect(known == targets)
    }

    /// On Linux, all of Foundation costs every process megabytes and milliseconds.
    @Test func foundationIsOnlyTakenWhereEssentialsAreMissing() throws {
        for file in try tree.moduleFiles() {
            #expect(fullFoundationImports(in: file).isEmpty, "\(file.path) imports all of Foundation")
        }
    }

    private func fullFoundationImports(in file: SourceTree.File) -> [Int] {
        let lines = file.lines
        return lines.indices.filter { index in
            guard importedModules(in: lines[index]) == ["Foundation"] else { return false }
            return index == 0 || !lines[index - 1].hasSuffix("#else")
        }
    }

    // MARK: The checks find what they look for

    @Test(arguments: [
        ("import Swarm", "Swarm"), ("package import MinionCore", "MinionCore"), ("    import Glibc", "Glibc"),
        ("@preconcurrency public import Node", "Node"), ("import struct Foundation.Data", "Foundation"),
        ("import NIOCore // why", "NIOCore"),
    ])
    func importsAreFound(_ line: String, _ module: String) {
        #expect(importedModules(in: "// head\n\(line)\nlet x = 1") == [module])
    }

    @Test(arguments: ["// import Node", "let text = \"import Node\"", "importNode()"])
    func otherLinesAreNoImports(_ line: String) {
        #expect(importedModules(in: line).isEmpty)
    }

    @Test func forbiddenImportsAreFound() throws {
        let swarm = try #require(Module.all.first { $0.name == "Swarm" })
        #expect(swarm.forbidden(among: ["MinionCore", "Node", "NIOCore"], known: known) == ["Node", "NIOCore"])
        let node = try #require(Module.all.first { $0.name == "Node" })
        #expect(node.forbidden(among: ["Swarm", "Scheduler", "NIOCore"], known: known) == ["Scheduler"])
    }

    @Test func fullFoundationIsFound() {
        let conditional =
            "#if canImport(FoundationEssentials)\n    import FoundationEssentials\n#else\n    import Foundation\n#endif"
        #expect(fullFoundationImports(in: SourceTree.File(path: "a.swift", text: conditional)).isEmpty)
        #expect(fullFoundationImports(in: SourceTree.File(path: "a.swift", text: "import Foundation\n")) == [0])
    }
}
