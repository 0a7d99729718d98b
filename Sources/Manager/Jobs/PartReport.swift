import Fleet
import FoundationEssentials

/// What is kept of what schedulers tell of parts of jobs.
enum PartReport {
    private static let mostResults = 100_000

    /// While it runs, only how far it is: results may be many, and are told again.
    static func running(_ report: JobPartReport) -> JobPartReport {
        var kept = counted(report)
        (kept.results, kept.holders) = ([], [])
        return kept
    }

    /// When it has ended.
    static func final(_ report: JobPartReport) -> JobPartReport {
        var kept = counted(report)
        kept.results = report.results.prefix(mostResults).map { result in
            JobPartReport.HostResult(
                url: JobSecrets.masked(url: ReportCheck.text(result.url, most: 8192)),
                hostName: ReportCheck.text(result.hostName), address: ReportCheck.text(result.address),
                isSeed: result.isSeed, failure: result.failure.map { ReportCheck.text($0, most: 1024) })
        }
        kept.holders = Array(report.holders.prefix(mostResults))
        return kept
    }

    private static func counted(_ report: JobPartReport) -> JobPartReport {
        var kept = report
        kept.error = ReportCheck.text(report.error, most: 4096)
        kept.progress = Array(report.progress.prefix(1000))
        kept.bytes = max(0, report.bytes)
        kept.bytesExpected = max(0, report.bytesExpected)
        return kept
    }
}

extension JobPartReport {
    /// As JSON.
    var text: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }

    /// Nil if it is none, as before a scheduler has told anything.
    init?(text: String) {
        guard text != "{}", let report = try? JSONDecoder().decode(Self.self, from: Data(text.utf8)) else { return nil }
        self = report
    }
}
