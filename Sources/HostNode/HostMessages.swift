package import MinionCore
package import Node
package import PieceStore

/// What a program asks of the host's node: one JSON line, the first that it sends. The node goes on with it as long as the
/// connection is open.
package struct HostOrder: Codable, Sendable {
    /// The version of orders and messages; raised when an older node would misunderstand a newer program.
    package static let version = 1

    package var version = HostOrder.version
    package var action: Action

    package enum Action: Codable, Sendable {
        /// Downloads into the cache. The content stays there at least as long as the connection is open.
        case get(DownloadRequest)
        case cacheList
        /// Drops the content of these tasks.
        case cacheRemove([TaskID])
        /// Hashes what is there of these tasks, and drops pieces that are wrong.
        case cacheVerify([TaskID])
    }

    package init(_ action: Action) { self.action = action }
}

/// One JSON line from a node: to the `minion get` that started it, or to a program that is connected to the host's node.
package enum NodeMessage: Codable, Sendable {
    /// The first line of the host's node.
    case hello(HostGreeting)
    case update(DownloadUpdate)
    /// A line of the log.
    case log(String)
    /// The order is not carried out; one line that says why.
    case refused(String)
    case cache(CacheReport)
    /// What the cache has, the most recently used first; in several messages.
    case entries([CacheEntryInfo])
    case removed(CacheRemoval)
    case verified(CacheCheck)
    /// The order is carried out.
    case done
}

package struct HostGreeting: Codable, Hashable, Sendable {
    /// Of orders and messages, see `HostOrder.version`.
    package var version = HostOrder.version
    /// Of the program.
    package var program: String
    package var processID: Int32

    package init(program: String, processID: Int32) {
        self.program = program
        self.processID = processID
    }
}
