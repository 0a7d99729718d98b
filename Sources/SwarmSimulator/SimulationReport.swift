import MinionCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What came of a simulated run. Times are in seconds, from the run's start; those of single hosts from their joining.
package struct SimulationReport: Codable, Hashable, Sendable {
    package var hosts = 0
    /// Hosts that have the whole file, that gave up, and that are gone or were not done when the run ended.
    package var completed = 0
    package var failed = 0
    package var unfinished = 0
    package var sizeBytes: Int64 = 0
    package var pieceSizeBytes: Int64 = 0
    package var pieces = 0
    package var seed: UInt64 = 0

    /// Nil if no host has finished.
    package var lastSeconds: Double?
    package var meanSeconds: Double?
    package var medianSeconds: Double?
    package var percentile99Seconds: Double?
    /// The least time that is possible at all, and what sets it.
    package var boundSeconds: Double = 0
    package var boundLimit = Bound.Limit.sourceUplink
    /// `lastSeconds / boundSeconds`; nil if a host has not finished or the file is empty.
    package var ratioToBound: Double?

    /// Bytes that left the source, in files.
    package var sourceCopies: Double = 0
    package var sourceStats = 0
    /// Parts of the capacity that were used until the end of the run: the source's link; the mean over the hosts.
    package var sourceUtilisation: Double = 0
    package var uplinkUtilisation: Double = 0
    package var downlinkUtilisation: Double = 0

    package var trackerReportsPerHost: Double = 0
    package var newsPerHost: Double = 0
    package var requestsPerHost: Double = 0
    package var refusedRequests = 0
    /// Neighbours of one host at a time, at most.
    package var peakNeighbours = 0
    /// Whether rates were exact at any time or computed anew only at intervals.
    package var isExact = true
    package var simulatedEvents: UInt64 = 0

    package init() {}

    // MARK: Text

    package var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        // A value of numbers and strings always encodes, unless a number is not finite, which none of these can be.
        guard let data = try? encoder.encode(self) else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }

    package var text: String {
        let cut = pieces == 1 ? "1 piece" : "\(pieces) pieces of \(ByteSize(pieceSizeBytes))"
        var lines = ["\(hosts) \(hosts == 1 ? "host" : "hosts"), \(ByteSize(sizeBytes)) in \(cut), seed \(seed)", ""]
        func add(_ name: String, _ value: String) {
            lines.append(name + String(repeating: " ", count: max(2, 28 - name.count)) + value)
        }
        var outcome = "\(completed) of \(hosts)"
        if failed > 0 { outcome += ", \(failed) failed" }
        if unfinished > 0 { outcome += ", \(unfinished) gone or not done" }
        add("complete", outcome)
        if let lastSeconds, let meanSeconds, let medianSeconds, let percentile99Seconds {
            add("last host", brief(lastSeconds))
            add(
                "mean, median, 99 %",
                [meanSeconds, medianSeconds, percentile99Seconds].map(brief).joined(separator: ", "))
        }
        add("bound", "\(brief(boundSeconds)), set by the \(boundLimit.rawValue)")
        if let ratioToBound { add("last host / bound", decimal(ratioToBound, 3)) }
        add(
            "source",
            "\(decimal(sourceCopies, 2)) copies, \(sourceStats) stats, link \(percent(sourceUtilisation)) busy")
        add(
            "links of the hosts",
            "up \(percent(uplinkUtilisation)), down \(percent(downlinkUtilisation)) busy on average")
        add("reports to the tracker", "\(decimal(trackerReportsPerHost, 1)) per host")
        add(
            "messages to neighbours",
            "\(decimal(newsPerHost, 1)) news and \(decimal(requestsPerHost, 1)) requests per host"
                + (refusedRequests > 0 ? ", \(refusedRequests) refused" : ""))
        add("neighbours", "\(peakNeighbours) at most")
        if !isExact {
            lines += ["", "Rates of this many hosts are computed at intervals: expect an error of about 2 %."]
        }
        return lines.joined(separator: "\n")
    }

    private func brief(_ seconds: Double) -> String { Duration.inSeconds(seconds).brief }
    private func percent(_ part: Double) -> String { decimal(100 * part, 0) + " %" }

    private func decimal(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int64((max(0, min(value, 1e12)) * scale).rounded())
        guard digits > 0 else { return String(scaled) }
        let fraction = String(scaled % Int64(scale))
        return "\(scaled / Int64(scale))." + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}

extension Simulation {
    func makeReport() -> SimulationReport {
        var report = SimulationReport()
        let layout = layout(of: 0)
        report.hosts = hosts.count
        // Who only serves may be complete, and fail after that.
        report.completed = hosts.count { $0.completedAt != nil && $0.failure == nil }
        report.failed = hosts.count { $0.failure != nil }
        report.unfinished = hosts.count - report.completed - report.failed
        report.sizeBytes = layout.size
        report.pieceSizeBytes = layout.pieceSize
        report.pieces = layout.count
        report.seed = scenario.seed
        let bound = Bound(size: layout.size, sourceUp: scenario.source.up, hosts: scenario.hosts)
        report.boundSeconds = bound.time.inSeconds
        report.boundLimit = bound.limit
        setTimes(of: &report)
        setUsage(of: &report)
        return report
    }

    private func setTimes(of report: inout SimulationReport) {
        let ends = hosts.compactMap(\.completedAt)
        guard let last = ends.max() else { return }
        report.lastSeconds = Double(last) / 1e9
        let times = hosts.compactMap { host in
            host.completedAt.map { Double($0 - host.plan.start.nanoseconds) / 1e9 }
        }.sorted()
        func percentile(_ part: Double) -> Double { times[min(times.count - 1, Int(part * Double(times.count)))] }
        report.meanSeconds = times.reduce(0, +) / Double(times.count)
        report.medianSeconds = percentile(0.5)
        report.percentile99Seconds = percentile(0.99)
        if report.completed == hosts.count, report.boundSeconds > 0 {
            report.ratioToBound = Double(last) / 1e9 / report.boundSeconds
        }
    }

    private func setUsage(of report: inout SimulationReport) {
        report.sourceCopies = report.sizeBytes > 0 ? Double(sourceBytes) / Double(report.sizeBytes) : 0
        report.sourceStats = counts.stats
        let seconds = max(Double(now) / 1e9, 1e-9)
        let carried = network.carriedByLink(at: now)
        func utilisation(_ link: FlowNetwork.Link, _ rate: ByteRate) -> Double {
            carried[Int(link)] * Bound.framing / (rate.bytesPerSecond * seconds)
        }
        report.sourceUtilisation = utilisation(sourceLink, scenario.source.up)
        let count = Double(hosts.count)
        for host in hosts {
            report.uplinkUtilisation += utilisation(host.uplinkID, host.plan.up) / count
            report.downlinkUtilisation += utilisation(host.downlinkID, host.plan.down) / count
        }
        report.trackerReportsPerHost = Double(counts.reports) / count
        report.newsPerHost = Double(counts.news) / count
        report.requestsPerHost = Double(counts.requests) / count
        report.refusedRequests = counts.refusals
        report.peakNeighbours = hosts.map(\.peakNeighbours).max() ?? 0
        report.isExact = network.isExact
        report.simulatedEvents = events
    }
}
