import Fleet
import MinionCore

/// Holds what schedulers say within bounds.
enum ReportCheck {
    private static let mostHosts = 100_000
    private static let mostParts = 1000
    static let features = ["schedule", "preheat"]

    /// The report with texts and numbers as they can be stored. Throws `Refusal` 422 if it cannot be that of a scheduler.
    static func checked(_ report: SchedulerReport, from address: String) throws(Refusal) -> SchedulerReport {
        var report = report
        let facts = report.facts
        report.facts.hostName = text(facts.hostName)
        guard !report.facts.hostName.isEmpty else { throw .invalid("the scheduler has no host name") }
        var host = text(facts.address.isEmpty ? address : facts.address)
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host.isEmpty { host = "127.0.0.1" }
        guard Endpoint(host, defaultPort: 1)?.host == host else {
            throw .invalid("the scheduler's address is neither an IP address nor a host's name")
        }
        report.facts.address = host
        guard (1...65_535).contains(facts.port) else { throw .invalid("the scheduler's port is not 1 to 65535") }
        guard (1...128).contains(facts.incarnation.utf8.count), text(facts.incarnation) == facts.incarnation else {
            throw .invalid("the scheduler does not name its run, or not in 1 to 128 characters")
        }
        report.facts.site = text(facts.site, most: 1024)
        report.facts.location = text(facts.location, most: 1024)
        report.facts.version = text(facts.version)
        report.facts.features = features.filter(facts.features.contains)
        guard (0.1...300).contains(report.keepAliveSeconds) else {
            throw .invalid("a scheduler has to report every 0.1 to 300 seconds")
        }
        guard report.hosts.count <= mostHosts else { throw .invalid("more than \(mostHosts) hosts in one report") }
        guard report.jobs.count <= mostParts else {
            throw .invalid("more than \(mostParts) parts of jobs in one report")
        }
        report.wantsJobs = min(max(report.wantsJobs, 0), 100)
        report.hosts = report.hosts.compactMap { Self.host($0) }
        return report
    }

    /// The host with texts and numbers as they can be stored; nil if there is no place for it.
    private static func host(_ host: HostState) -> HostState? {
        var host = host
        var facts = host.facts
        facts.hostName = text(facts.hostName)
        let address = text(facts.endpoint.host)
        guard !facts.hostName.isEmpty, !address.isEmpty, (1...64).contains(host.id.utf8.count), text(host.id) == host.id
        else { return nil }
        facts.endpoint = Endpoint(host: address, port: facts.endpoint.port)
        facts.site = text(facts.site, most: 1024)
        facts.location = text(facts.location, most: 1024)
        for path in [
            \HostFacts.version, \.commit, \.system, \.platform, \.platformFamily, \.platformVersion, \.kernelVersion,
            \.buildPlatform,
        ] {
            facts[keyPath: path] = text(facts[keyPath: path])
        }
        host.facts = facts
        host.counters.bytesFromSource = max(0, host.counters.bytesFromSource)
        host.counters.bytesFromPeers = max(0, host.counters.bytesFromPeers)
        host.counters.bytesSent = max(0, host.counters.bytesSent)
        host.counters.downloads = max(0, host.counters.downloads)
        host.counters.uploads = max(0, host.counters.uploads)
        return host
    }

    /// Text without control characters, cut off where it is too long.
    static func text(_ text: String, most: Int = 256) -> String {
        guard text.utf8.count > most || text.utf8.contains(where: { $0 < 32 || $0 == 127 }) else { return text }
        let kept = text.unicodeScalars.lazy.filter { $0.value >= 32 && $0.value != 127 }.prefix(most)
        return String(String.UnicodeScalarView(kept))
    }
}
