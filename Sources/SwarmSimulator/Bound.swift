package import MinionCore

/// The least time in which a file can reach all hosts, whatever they do (Kumar & Ross, Peer-assisted file distribution:
/// the minimum distribution time, 2006):
///
///     T = max( F/u_s,  F/d_min,  N·F / (u_s + Σu_i) )
///
/// F: size; u_s: the source's upload rate; d_min: the slowest download; u_i: the hosts' upload rates; N: their number.
package struct Bound: Hashable, Sendable {
    package enum Limit: String, Hashable, Sendable, Codable {
        case sourceUplink = "source uplink"
        case slowestDownlink = "slowest downlink"
        case sumOfUplinks = "sum of uplinks"
    }

    package let time: Duration
    package let limit: Limit

    /// Bytes on the wire per byte of payload: of a full 1514-byte frame, TCP delivers 1448.
    package static let framing = 1514.0 / 1448.0

    package init(size: Int64, sourceUp: ByteRate, hosts: [HostPlan]) {
        let bytes = Double(size) * Self.framing
        let uplinks = hosts.reduce(sourceUp.bytesPerSecond) { $0 + ($1.canUpload ? $1.up.bytesPerSecond : 0) }
        let slowest = hosts.map(\.down.bytesPerSecond).min() ?? .infinity
        let terms: [(seconds: Double, limit: Limit)] = [
            (bytes / sourceUp.bytesPerSecond, .sourceUplink),
            (bytes / slowest, .slowestDownlink),
            (Double(hosts.count) * bytes / uplinks, .sumOfUplinks),
        ]
        let worst = terms.max { $0.seconds < $1.seconds } ?? terms[0]
        time = .inSeconds(worst.seconds)
        limit = worst.limit
    }
}
