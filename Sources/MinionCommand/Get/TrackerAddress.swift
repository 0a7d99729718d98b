import ArgumentParser
import MinionCore

extension ArgumentValues {
    /// The port of `minion serve`, for trackers that are given without one.
    package static let defaultTrackerPort = 8080

    /// `host`, `host:port`, `[v6]:port` or an `http(s)` URL, to a base URL without a slash at the end.
    package static func tracker(_ text: String) throws -> String {
        let accepted = "give HOST, HOST:PORT or http://HOST:PORT"
        guard let separator = text.firstRange(of: "://") else {
            guard let endpoint = Endpoint(text, defaultPort: defaultTrackerPort), endpoint.port > 0 else {
                throw ValidationError(accepted)
            }
            return "http://\(endpoint)"
        }
        let scheme = text[..<separator.lowerBound].lowercased()
        var rest = text[separator.upperBound...]
        while rest.hasSuffix("/") { rest.removeLast() }
        let authority = rest.prefix { $0 != "/" }
        guard scheme == "http" || scheme == "https",
            rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }), !rest.contains(where: { $0 == "?" || $0 == "#" }),
            let endpoint = Endpoint(String(authority), defaultPort: scheme == "https" ? 443 : 80), endpoint.port > 0,
            authority.hasPrefix("[") || !endpoint.isIPv6
        else { throw ValidationError(accepted) }
        return scheme + "://" + rest
    }

    /// The trackers in `MINION_TRACKER`, or another variable: one, or several with commas between.
    package static func trackers(
        fromEnvironment value: String, of variable: String = "MINION_TRACKER"
    ) throws(CommandError) -> [String] {
        var trackers: [String] = []
        for part in value.split(separator: ",") {
            let text = part.trimmingSpaces()
            if text.isEmpty { continue }
            guard let tracker = try? tracker(text) else {
                throw .usage(
                    "the value \(text.quoted) in \(variable) is no address",
                    hint: "give HOST, HOST:PORT or http://HOST:PORT, with commas between several")
            }
            trackers.append(tracker)
        }
        return trackers
    }
}
