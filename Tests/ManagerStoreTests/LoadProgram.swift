import Foundation
import Testing

/// `minion-store-load` as a process of its own.
final class LoadProgram: Sendable {
    private let child: Child
    private let log = temporaryName("store-load")

    private static let path: String = {
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return ProcessInfo.processInfo.environment["MINION_STORE_LOAD"] ?? root + "/.build/release/minion-store-load"
    }()

    init(_ arguments: [String]) throws { child = try Child([Self.path] + arguments, log: log) }

    deinit { try? FileManager.default.removeItem(atPath: log) }

    func waitForEnd() async -> Int32 { await child.wait() }

    /// Without any warning.
    func kill() async {
        child.kill()
        _ = await child.wait()
    }

    /// The complete lines that were printed until now.
    func lines() -> [String] {
        let data = FileManager.default.contents(atPath: log) ?? Data()
        let text = String(decoding: data, as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.dropLast().map(String.init)
    }
}
