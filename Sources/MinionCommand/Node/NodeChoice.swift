import HostNode

/// Which node carries out a `get`.
package enum NodeChoice: Hashable, Sendable {
    /// One of its own, which ends with its upload time.
    case own
    /// The host's, if one answers at one of these places; else one of its own.
    case any([String])
    /// The one that listens at this place; if it does not answer, that is an error.
    case named(String)

    /// `--no-node` counts more than `MINION_SOCKET`, and this more than the usual places.
    package init(isAvoided: Bool, environment: [String: String], isRoot: Bool) {
        if isAvoided {
            self = .own
        } else if let path = environment["MINION_SOCKET"], !path.isEmpty {
            self = .named(path)
        } else {
            self = .any(NodeSocket.standardPlaces(environment: environment, isRoot: isRoot))
        }
    }

    /// The host's node; nil: there is none that should be used.
    func connect() throws(CommandError) -> HostConnection? {
        switch self {
        case .own: return nil
        case .any(let places): return HostConnection.find(at: places)
        case .named(let path):
            do throws(HostError) {
                return try HostConnection(path: path)
            } catch {
                throw CommandError(error)
            }
        }
    }
}
