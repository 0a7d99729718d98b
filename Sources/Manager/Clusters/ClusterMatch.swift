import MinionCore

/// Which clusters a peer belongs to, best first.
package enum ClusterMatch {
    /// What a peer says of itself; idc and location may be empty.
    package struct Conditions: Hashable, Sendable {
        package var ip: String
        package var hostName: String
        package var idc: String
        package var location: String

        package init(ip: String, hostName: String, idc: String = "", location: String = "") {
            self.ip = ip
            self.hostName = hostName
            self.idc = idc
            self.location = location
        }
    }

    /// Who belongs to a cluster.
    package struct Scopes: Hashable, Sendable {
        package var idc = ""
        package var location = ""
        package var cidrs: [String] = []
        package var hostNames: [String] = []

        package init() {}
    }

    /// A cluster as matching sees it.
    package struct Candidate: Hashable, Sendable {
        package var id: Int64
        package var scopes: Scopes
        package var isDefault: Bool
        /// Whether it has a scheduler that is active and schedules.
        package var hasSchedulers: Bool

        package init(id: Int64, scopes: Scopes, isDefault: Bool, hasSchedulers: Bool) {
            self.id = id
            self.scopes = scopes
            self.isDefault = isDefault
            self.hasSchedulers = hasSchedulers
        }
    }

    package struct Match: Hashable, Sendable {
        package var candidate: Candidate
        /// 0…1
        package var score: Double
    }

    /// Why there is no order.
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        case noClusters
        case noneHasSchedulers(Conditions)

        package var description: String {
            switch self {
            case .noClusters: "empty scheduler clusters"
            case .noneHasSchedulers(let peer):
                "conditions ip=\(peer.ip) hostname=\(peer.hostName) idc=\(peer.idc) location=\(peer.location) does not "
                    + "match any scheduler cluster"
            }
        }
    }

    /// All candidates with schedulers, the best first; equals stay in their order.
    package static func ranked(
        _ candidates: [Candidate], for conditions: Conditions
    ) throws(Failure) -> [Match] {
        guard !candidates.isEmpty else { throw .noClusters }
        let able = candidates.filter(\.hasSchedulers)
        guard !able.isEmpty else { throw .noneHasSchedulers(conditions) }
        let matches = able.map { Match(candidate: $0, score: score($0, conditions)) }
        // The order of the standard library's sort is stable, but only by the way.
        return matches.enumerated().sorted { a, b in
            a.element.score != b.element.score ? a.element.score > b.element.score : a.offset < b.offset
        }.map(\.element)
    }

    package static func score(_ candidate: Candidate, _ peer: Conditions) -> Double {
        let scopes = candidate.scopes
        let hundredths =
            30 * blocks(scopes.cidrs, contain: peer.ip) + 30 * patterns(scopes.hostNames, match: peer.hostName)
            + 25 * idc(scopes.idc, peer.idc) + 14 * location(scopes.location, peer.location)
            + (candidate.isDefault ? 1 : 0)
        return hundredths / 100
    }

    /// What of a cluster speaks for a peer, in words.
    package static func reasons(for candidate: Candidate, _ peer: Conditions) -> [String] {
        let scopes = candidate.scopes
        var reasons: [String] = []
        if let cidr = block(scopes.cidrs, with: peer.ip) { reasons.append("its CIDR \(cidr) has \(peer.ip)") }
        if let pattern = pattern(scopes.hostNames, in: peer.hostName) {
            reasons.append("its host name pattern \(pattern) is found in \(peer.hostName)")
        }
        if idc(scopes.idc, peer.idc) > 0 { reasons.append("its IDC \(scopes.idc) has \(peer.idc)") }
        switch location(scopes.location, peer.location) {
        case 1: reasons.append("its location \(scopes.location) is the host's")
        case let part where part > 0:
            let count = Int((part * Double(depth)).rounded())
            reasons.append(
                "\(count) of \(depth) parts of its location \(scopes.location) are those of \(peer.location)")
        default: break
        }
        if candidate.isDefault { reasons.append("it is a default cluster") }
        return reasons
    }

    private static func blocks(_ cidrs: [String], contain ip: String) -> Double {
        block(cidrs, with: ip) == nil ? 0 : 1
    }

    private static func block(_ cidrs: [String], with ip: String) -> String? {
        guard !cidrs.isEmpty, let address = IPAddress(ip) else { return nil }
        return cidrs.first { CIDR($0)?.contains(address) ?? false }
    }

    private static func patterns(_ patterns: [String], match hostName: String) -> Double {
        pattern(patterns, in: hostName) == nil ? 0 : 1
    }

    private static func pattern(_ patterns: [String], in hostName: String) -> String? {
        guard !hostName.isEmpty else { return nil }
        return patterns.first { Pattern($0)?.isFound(in: hostName) ?? false }
    }

    private static func idc(_ cluster: String, _ peer: String) -> Double {
        guard !cluster.isEmpty, !peer.isEmpty else { return 0 }
        let peer = peer.lowercased()
        return cluster.lowercased() == peer || elements(cluster).contains(peer) ? 1 : 0
    }

    /// Elements of a location that count.
    private static let depth = 5

    private static func location(_ cluster: String, _ peer: String) -> Double {
        guard !cluster.isEmpty, !peer.isEmpty else { return 0 }
        if cluster.lowercased() == peer.lowercased() { return 1 }
        let common = zip(elements(cluster), elements(peer)).prefix { $0 == $1 }.count
        return Double(min(common, depth)) / Double(depth)
    }

    private static func elements(_ text: String) -> [String] {
        text.lowercased().split(separator: "|", omittingEmptySubsequences: false).map(String.init)
    }
}
