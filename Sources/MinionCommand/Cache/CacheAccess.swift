import FoundationEssentials
import Glibc
import HostNode
import MinionCore
import NIOPosix
import PieceStore

/// A cache that people look at: through the node that has it, or in its folder.
protocol CacheAccess: Sendable {
    /// The cache as a whole, and what it has, the most recently used first.
    func list() async throws -> (CacheReport, [CacheEntryInfo])
    func remove(_ tasks: [TaskID]) async throws -> [CacheRemoval]
    func verify(_ tasks: [TaskID]) async throws -> [CacheCheck]
}

/// The cache of the node that listens at `path`.
struct RemoteCache: CacheAccess {
    let path: String

    func list() async throws -> (CacheReport, [CacheEntryInfo]) {
        var report = CacheReport(folder: "", limit: nil)
        var all: [CacheEntryInfo] = []
        for message in try await ask(.cacheList) {
            switch message {
            case .cache(let told): report = told
            case .entries(let entries): all += entries
            default: break
            }
        }
        return (report, all)
    }

    func remove(_ tasks: [TaskID]) async throws -> [CacheRemoval] {
        try await ask(.cacheRemove(tasks)).compactMap { if case .removed(let removal) = $0 { removal } else { nil } }
    }

    func verify(_ tasks: [TaskID]) async throws -> [CacheCheck] {
        try await ask(.cacheVerify(tasks)).compactMap { if case .verified(let check) = $0 { check } else { nil } }
    }

    /// What the node says until the order is carried out. Each order has a connection of its own.
    private func ask(_ action: HostOrder.Action) async throws -> [NodeMessage] {
        try await NIOThreadPool.singleton.runIfActive {
            do {
                let connection = try HostConnection(path: path)
                try connection.send(HostOrder(action))
                var splitter = LineSplitter()
                var all: [NodeMessage] = []
                while let messages = try connection.read(&splitter) {
                    for message in messages {
                        switch message {
                        case .done: return all
                        case .refused(let reason): throw HostError("the node of this host refuses: \(reason)")
                        default: all.append(message)
                        }
                    }
                }
                throw HostError("the node at \(path) ended before it was done")
            } catch let error as HostError {
                throw CommandError(error)
            }
        }
    }
}

/// The cache in a folder that no node has.
struct LocalCache: CacheAccess {
    private let folder: String
    private let limits: CacheLimits

    init(_ settings: PeerSettings) throws {
        folder = settings.cacheFolder
        limits = CacheLimits(size: try settings.cacheLimit(), age: settings.cacheAge)
    }

    func list() async throws -> (CacheReport, [CacheEntryInfo]) {
        // To look at a cache that is not there makes none.
        guard FileKind(at: folder) != .missing else { return (CacheReport(folder: folder, limit: limits.size), []) }
        let entries = try await withDesk { await $0.entries() }
        return (CacheReport(folder: folder, limit: limits.size), entries)
    }

    func remove(_ tasks: [TaskID]) async throws -> [CacheRemoval] {
        try await withDesk { desk in
            var all: [CacheRemoval] = []
            for task in tasks { all.append(await desk.remove(task)) }
            return all
        }
    }

    func verify(_ tasks: [TaskID]) async throws -> [CacheCheck] {
        try await withDesk { desk in
            var all: [CacheCheck] = []
            for task in tasks { all.append(await desk.verify(task)) }
            return all
        }
    }

    private func withDesk<Result: Sendable>(_ body: (CacheDesk) async -> Result) async throws -> Result {
        let threads = NIOThreadPool.singleton
        let cache: ContentCache
        do {
            // Nothing is evicted because somebody looks at it: the limits are the node's affair.
            cache = try await threads.runIfActive { [folder] in
                try ContentCache.open(folder: folder, now: { Date().timeIntervalSince1970 }) { warning in
                    FileDescriptors.writeAll(STDERR_FILENO, "minion: warning: \(warning.printable)\n")
                }
            }
        } catch {
            throw PeerService.commandError(error)
        }
        defer { cache.close() }
        return await body(CacheDesk(cache: cache, threads: threads))
    }
}
