#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The files of this package, as text.
struct SourceTree {
    /// The folder of `Package.swift`.
    let root: String

    init() {
        // This file is Tests/TidyTests/SourceTree.swift.
        root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    }

    /// A file with its path from the root.
    struct File {
        let path: String
        let text: String

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

        /// `Swarm` for `Sources/Swarm/Tracker.swift`.
        var target: String {
            let parts = path.split(separator: "/")
            return parts.count > 2 ? String(parts[1]) : ""
        }
    }

    /// The files below a folder whose names end so, in order.
    func files(in folder: String, withSuffix suffix: String) throws -> [File] {
        try FileManager.default.subpathsOfDirectory(atPath: root + "/" + folder).sorted()
            .filter { $0.hasSuffix(suffix) }
            .map { try file(folder + "/" + $0) }
    }

    func file(_ path: String) throws -> File {
        File(path: path, text: try String(contentsOfFile: root + "/" + path, encoding: .utf8))
    }

    func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: root + "/" + path) }

    /// The Swift files of all modules.
    func moduleFiles() throws -> [File] {
        try files(in: "Sources", withSuffix: ".swift") + files(in: "Benchmarks", withSuffix: ".swift")
    }

    /// All Swift files of the package.
    func swiftFiles() throws -> [File] { try moduleFiles() + files(in: "Tests", withSuffix: ".swift") }

    /// All documents of the package.
    func documents() throws -> [File] {
        let atRoot = try FileManager.default.contentsOfDirectory(atPath: root).filter { $0.hasSuffix(".md") }
        return try atRoot.sorted().map(file) + files(in: "docs", withSuffix: ".md")
    }
}
