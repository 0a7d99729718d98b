package import MinionCore
package import NIOPosix
package import Node
package import PieceStore

/// What people ask of a cache, whether a node has it open or the command itself.
package final class CacheDesk: Sendable {
    private let cache: ContentCache
    /// Who serves from the cache; nil: nobody.
    private let node: MinionNode?
    /// Hashing and looking at files takes time, which nobody else is to wait for.
    private let threads: NIOThreadPool

    /// `threads` must be running as long as this is used.
    package init(cache: ContentCache, node: MinionNode? = nil, threads: NIOThreadPool) {
        self.cache = cache
        self.node = node
        self.threads = threads
    }

    package var report: CacheReport { CacheReport(folder: cache.folder, limit: cache.limits.size) }

    /// The most recently used first.
    package func entries() async -> [CacheEntryInfo] {
        (try? await threads.runIfActive { [cache] in cache.list() }) ?? []
    }

    package func remove(_ task: TaskID) async -> CacheRemoval {
        do {
            let bytes = try await threads.runIfActive { [cache] in try cache.remove(task) }
            await node?.tidy()
            return CacheRemoval(task: task, bytes: bytes)
        } catch {
            return CacheRemoval(task: task, bytes: 0, failure: "\(error)")
        }
    }

    package func verify(_ task: TaskID) async -> CacheCheck {
        do {
            let check = try await threads.runIfActive { [cache] in try cache.verify(task) { _ in } }
            if check.badPieces > 0 { await node?.tidy() }
            return CacheCheck(task: task, pieces: check.pieces, badPieces: check.badPieces)
        } catch {
            return CacheCheck(task: task, pieces: 0, badPieces: 0, failure: "\(error)")
        }
    }
}
