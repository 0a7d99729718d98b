import HTTPFront
import MinionCore

/// What a server says when it listens.
enum Greeting {
    /// Where it listens, and the line to copy to other machines.
    static func text(endpoints: ListeningEndpoints, roles: Set<Role>) -> String {
        var text = "minion serves on \(endpoints.all.map(\.description).joined(separator: ", "))\n"
        guard let (scheme, endpoint) = endpoints.first else { return text }
        let host = ["", "0.0.0.0", "::"].contains(endpoint.host) ? OwnAddresses.outward ?? "localhost" : endpoint.host
        let address = Endpoint(host: host, port: endpoint.port)
        if roles.contains(.scheduler) {
            text += "on each machine: minion get URL --tracker \(scheme == "http" ? "" : "https://")\(address)\n"
        }
        if roles.contains(.manager) { text += "the manager: \(scheme)://\(address)/\n" }
        return text
    }
}
