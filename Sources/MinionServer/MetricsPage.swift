import Glibc
import MinionCore

/// What `/metrics` answers: text in the exposition format of Prometheus, version 0.0.4.
struct MetricsPage {
    static let type = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""

    mutating func gauge(_ name: String, _ help: String, _ value: some Numeric) {
        describe(name, "gauge", help)
        text += "\(name) \(value)\n"
    }

    mutating func information(version: String) {
        describe("minion_info", "gauge", "Always 1; tells the version.")
        text += "minion_info{version=\"\(version)\"} 1\n"
    }

    /// What the parts have answered. A tracker keeps answers back on purpose, so only the manager's times tell something.
    mutating func requests(_ parts: [(name: String, counts: RequestCounts)], timed: RequestCounts?) {
        describe("minion_http_requests_total", "counter", "Requests that were answered, by part and class of status.")
        for part in parts {
            for (index, count) in part.counts.totals.byStatus.enumerated() {
                text += "minion_http_requests_total{part=\"\(part.name)\",code=\"\(index + 1)xx\"} \(count)\n"
            }
        }
        guard let totals = timed?.totals else { return }
        let name = "minion_manager_request_seconds"
        describe(name, "histogram", "Time from a request's head to the manager's answer.")
        var sum = 0
        for (bound, count) in zip(RequestCounts.bounds, totals.byTime) {
            sum += count
            text += "\(name)_bucket{le=\"\(bound)\"} \(sum)\n"
        }
        sum += totals.byTime.last ?? 0
        text += "\(name)_bucket{le=\"+Inf\"} \(sum)\n\(name)_sum \(totals.seconds)\n\(name)_count \(sum)\n"
    }

    /// What the system says of this process.
    mutating func process() {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let seconds = { (time: timeval) in Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
        describe("process_cpu_seconds_total", "counter", "Processor time, of users and system.")
        text += "process_cpu_seconds_total \(seconds(usage.ru_utime) + seconds(usage.ru_stime))\n"
        if let pages = Self.residentPages() {
            gauge("process_resident_memory_bytes", "Memory that is in use.", pages * Int(sysconf(Int32(_SC_PAGESIZE))))
        }
        if let count = Self.openFiles() { gauge("process_open_fds", "Open files and connections.", count) }
    }

    private mutating func describe(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private static func residentPages() -> Int? {
        guard let file = fopen("/proc/self/statm", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else { return nil }
        let words = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self).split(
            separator: " ")
        return words.count > 1 ? Int(words[1]) : nil
    }

    private static func openFiles() -> Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        // Without this folder's own descriptor, `.` and `..`.
        var count = -3
        while readdir(folder) != nil { count += 1 }
        return count
    }
}
