import Crypto
import Foundation
import MinionCore
import PieceStore
import Synchronization
import Testing

/// A folder for a cache, a clock that stands still, and the warnings that came.
final class CacheStand: Sendable {
    let folder: String
    private let time = Mutex(1_700_000_000.0)
    private let told = Mutex<[String]>([])

    init(_ folder: String) { self.folder = folder }

    var now: Double { time.withLock { $0 } }
    var warnings: [String] { told.withLock { $0 } }

    func advance(_ seconds: Double) { time.withLock { $0 += seconds } }

    func open(_ limits: CacheLimits = CacheLimits()) throws -> ContentCache {
        try ContentCache.open(
            folder: folder, limits: limits, now: { [self] in now },
            onWarning: { [self] text in told.withLock { $0.append(text) } })
    }

    func version(_ sample: Sample, freshFor seconds: Double = 60) -> CachedVersion {
        CachedVersion(
            validator: sample.validator, layout: sample.layout, hasRanges: true, freshUntil: now + seconds)
    }

    func label(_ sample: Sample) -> CacheLabel {
        CacheLabel(resource: "http://host/\(sample.task.hex.prefix(4))", tag: "t", application: "a", name: "file")
    }

    func entry(_ sample: Sample) -> String {
        let text = "\(sample.layout.size)/\(sample.layout.pieceSize)\n\(sample.validator)"
        let name = Hex.text(SHA256.hash(data: Data(text.utf8))).prefix(16)
        return "\(folder)/tasks/\(sample.task)/\(name)"
    }

    func pin(_ sample: Sample, in cache: ContentCache) throws -> CachedFile {
        try cache.open(sample.task, version(sample), label: label(sample))
    }

    /// Puts all of it into the cache; a second passes.
    func keep(_ sample: Sample, in cache: ContentCache, sync: Bool = false) throws {
        let pinned = try pin(sample, in: cache)
        try sample.fetchAll(into: pinned.file)
        try pinned.file.seal(sync: sync)
        pinned.release()
        advance(1)
    }
}

/// Gives `body` a place for a cache in a folder of its own.
func withStand(_ body: (CacheStand) throws -> Void) throws {
    try withFolder { try body(CacheStand($0 + "/cache")) }
}

/// What a cache has of a task, whether it is complete or not.
extension ContentCache {
    func isComplete(_ sample: Sample) throws -> Bool {
        guard let pinned = try complete(sample.task) else { return false }
        defer { pinned.release() }
        return try contents(pinned.file) == sample.content
    }

    func tasks() -> [TaskID] { list().map(\.task) }
}

/// A line as a journal has it.
func sealedLine(_ body: String) -> [UInt8] {
    let sum = SHA256.hash(data: Data(body.utf8)).prefix(8)
    return Array(Hex.text(sum).utf8) + Array(" \(body)\n".utf8)
}

/// Changes the bodies of a journal's lines.
func rewriteJournal(_ path: String, _ change: (String) -> String?) throws {
    let lines = String(decoding: try bytes(path), as: UTF8.self).split(separator: "\n")
    let bodies = lines.map { String($0.dropFirst(17)) }
    try put(bodies.compactMap(change).flatMap(sealedLine), path)
    try #require(chmod(path, 0o600) == 0)
}
