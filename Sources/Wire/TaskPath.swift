package import MinionCore

/// The paths of tracker and piece server.
package enum TaskPath: Hashable, Sendable {
    /// `/v1/tasks`
    case tasks
    /// `/v1/tasks/<task>`
    case task(TaskID)
    /// `/v1/tasks/<task>/content`
    case content(TaskID)
    /// `/v1/tasks/<task>/news`
    case news(TaskID)
    /// `/v1/tasks/<task>/peers/<peer>`
    case peer(TaskID, PeerID)

    package enum ParseError: Error, Hashable, Sendable {
        /// No path of this family.
        case unknown
        /// A path of this family with something in the place of an id that is none.
        case badTaskID
        case badPeerID
    }

    private static let root: StaticString = "/v1/tasks"

    package var text: String {
        switch self {
        case .tasks: "\(Self.root)"
        case .task(let task): "\(Self.root)/\(task.hex)"
        case .content(let task): "\(Self.root)/\(task.hex)/content"
        case .news(let task): "\(Self.root)/\(task.hex)/news"
        case .peer(let task, let peer): "\(Self.root)/\(task.hex)/peers/\(peer.hex)"
        }
    }

    /// Reads a path without its query. One slash at the end is accepted.
    package static func parse(_ path: some StringProtocol) throws(ParseError) -> TaskPath {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 3, parts[0].isEmpty, parts[1] == "v1", parts[2] == "tasks" else { throw .unknown }
        let rest = (parts.count > 3 && parts[parts.count - 1].isEmpty ? parts.dropLast() : parts[...]).dropFirst(3)
        guard let first = rest.first else { return .tasks }
        let tail = rest.dropFirst().map { $0 }
        let isKnown: Bool =
            switch tail.count {
            case 0: true
            case 1: tail[0] == "content" || tail[0] == "news"
            case 2: tail[0] == "peers"
            default: false
            }
        guard isKnown else { throw .unknown }
        guard let task = TaskID(hex: String(first)) else { throw .badTaskID }
        switch tail.count {
        case 0: return .task(task)
        case 1: return tail[0] == "content" ? .content(task) : .news(task)
        default:
            guard let peer = PeerID(hex: String(tail[1])) else { throw .badPeerID }
            return .peer(task, peer)
        }
    }

    /// The path that `parse` reads; nil if it is none.
    package init?(_ path: some StringProtocol) {
        guard let parsed = try? Self.parse(path) else { return nil }
        self = parsed
    }
}
