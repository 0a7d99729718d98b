package import MinionCore
import Synchronization

/// One version of one task in a cache, in use: as long as somebody holds this, it is not evicted.
package final class CachedFile: Sendable {
    package let version: CachedVersion
    package let label: CacheLabel
    /// Shared by all who use this version; nobody closes it but the cache.
    package let file: PieceFile
    package var task: TaskID { key.task }
    /// Where the content lies.
    package var path: String { file.path }

    private let cache: ContentCache
    private let key: ContentCache.Key
    private let isReleased = Atomic(false)

    init(cache: ContentCache, key: ContentCache.Key, version: CachedVersion, label: CacheLabel, file: PieceFile) {
        self.cache = cache
        self.key = key
        self.version = version
        self.label = label
        self.file = file
    }

    deinit { release() }

    /// Counts as a use now: of several, what was used least recently is evicted first.
    package func touch() { cache.touch(key) }

    /// Has it removed when its last user releases it. `complete` does not find it any more.
    package func drop() { cache.drop(key) }

    /// Ends the use. The file is closed if nobody else uses it: an unfinished one is resumed when it is opened again.
    /// Calling it again does nothing.
    package func release() {
        guard !isReleased.exchange(true, ordering: .acquiringAndReleasing) else { return }
        cache.unpin(key)
    }
}
