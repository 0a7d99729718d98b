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
    /// `/v1/tasks/<task>/peers`
    case peers(TaskID)
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
        case .peers(let task): "\(Self.root)/\(task.hex)/peers"
        case .peer(let task, let peer): "\(Self.root)/\(task.hex)/peers/\(peer.hex)"
        }
    }

    /// Reads a path without its query. One slash at the end is accepted.
    package static func parse(_ path: some StringProtocol) throws(ParseError) -> TaskPath {
        // By bytes: looking for characters took a twelfth of a tracker's time.
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        func part(_ index: Int, is name: StaticString) -> Bool {
            parts[index].elementsEqual(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        }
        guard parts.count >= 3, parts[0].isEmpty, part(1, is: "v1"), part(2, is: "tasks") else { throw .unknown }
        let count = parts.count > 3 && parts[parts.count - 1].isEmpty ? parts.count - 1 : parts.count
        guard count > 3 else { return .tasks }
        let isKnown: Bool =
            switch count {
            case 4: true
            case 5: part(4, is: "content") || part(4, is: "news") || part(4, is: "peers")
            case 6: part(4, is: "peers")
            default: false
            }
        guard isKnown else { throw .unknown }
        guard let task = TaskID(hex: String(decoding: parts[3], as: UTF8.self)) else { throw .badTaskID }
        switch count {
        case 4: return .task(task)
        case 5: return part(4, is: "content") ? .content(task) : part(4, is: "news") ? .news(task) : .peers(task)
        default:
            guard let peer = PeerID(hex: String(decoding: parts[5], as: UTF8.self)) else { throw .badPeerID }
            return .peer(task, peer)
        }
    }

    /// The path that `parse` reads; nil if it is none.
    package init?(_ path: some StringProtocol) {
        guard let parsed = try? Self.parse(path) else { return nil }
        self = parsed
    }
}
