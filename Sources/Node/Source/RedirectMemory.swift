import MinionCore
import Synchronization

/// Remembers where redirects led, so that a hundred reads of ranges do not each walk the same chain.
final class RedirectMemory: Sendable {
    /// The header fields belong to the key: who may not see a signed target must not get it from one who may.
    struct Key: Hashable, Sendable {
        let url: String
        let headers: [String]
    }

    private struct Entry {
        let target: SourceURL
        let expires: Instant
    }

    /// Short, as signed targets expire; and what they answer is checked against the version anyway.
    static let lifetime = Duration.seconds(300)
    /// More than a node has tasks at once. When it is reached, all are forgotten and learned again.
    static let capacity = 1024

    private let entries = Mutex<[Key: Entry]>([:])

    func target(_ key: Key, at now: Instant) -> SourceURL? {
        entries.withLock { entries in
            guard let entry = entries[key] else { return nil }
            guard entry.expires > now else {
                entries[key] = nil
                return nil
            }
            return entry.target
        }
    }

    func remember(_ target: SourceURL, for key: Key, at now: Instant) {
        entries.withLock { entries in
            if entries.count >= Self.capacity, entries[key] == nil { entries.removeAll() }
            entries[key] = Entry(target: target, expires: now + Self.lifetime)
        }
    }

    func forget(_ key: Key) {
        entries.withLock { $0[key] = nil }
    }
}
