package import HostNode
package import MinionCore
package import PieceStore

/// What the commands of `minion cache` print. The keys of the JSON are a contract: sizes are in bytes, times in seconds
/// since 1970.
///
/// - `ls`, `stat NAME`: an object a line: `task`, `resource`, `tag`, `application`, `name`, `validator`, `size`,
///   `bytesHere`, `bytesOnDisk`, `complete`, `inUse`, `created`, `lastUsed`, `freshUntil`, `path`
/// - `stat`: `folder`, `limit` (null: none), `entries`, `completeEntries`, `bytesHere`, `bytesOnDisk`
/// - `rm`: an object a line: `task`, `bytes`, `failure` (null: removed)
/// - `verify`: an object a line: `task`, `pieces`, `badPieces`, `failure` (null: checked)
package enum CacheOutput {
    /// How each task is called: its URL, else the file's name with the first digits of the id.
    package static func names(_ entries: [CacheEntryInfo]) -> [TaskID: String] {
        Dictionary(entries.map { ($0.task, name($0)) }, uniquingKeysWith: { a, _ in a })
    }

    private static func name(_ entry: CacheEntryInfo) -> String {
        entry.label.resource.isEmpty ? "\(entry.label.name) (\(entry.task.hex.prefix(12)))" : entry.label.resource
    }

    // MARK: - For people

    package static func table(_ entries: [CacheEntryInfo], now: Double) -> String {
        var table = TextTable(
            ("TASK", .left), ("SIZE", .right), ("HERE", .right), ("USED", .right), ("STATE", .left), ("RESOURCE", .left)
        )
        for entry in entries {
            let share = entry.version.size > 0 ? Double(entry.bytesHere) / Double(entry.version.size) : 1
            table.add(
                String(entry.task.hex.prefix(12)), ByteSize(entry.version.size).description,
                "\(Int(min(1, share) * 100))%", age(now - entry.lastUsed),
                (entry.isComplete ? "complete" : "partial") + (entry.isInUse ? ", in use" : ""), name(entry))
        }
        return table.text
    }

    package static func text(_ report: CacheReport, _ entries: [CacheEntryInfo]) -> String {
        let totals = Totals(entries)
        let limit = report.limit.map { " of \(ByteSize($0))" } ?? ""
        return """
            \(report.folder.printable): \(ByteSize(totals.bytesOnDisk))\(limit)
            \(totals.complete) complete, \(entries.count - totals.complete) partial

            """
    }

    package static func details(_ entries: [CacheEntryInfo]) -> String {
        entries.map { entry in
            """
            \(name(entry).printable)
              task       \(entry.task.hex)
              tag        \(entry.label.tag.printable)
              version    \(entry.version.validator.printable)
              size       \(entry.version.size) (\(ByteSize(entry.version.size)))
              here       \(entry.bytesHere)\(entry.isComplete ? ", complete" : "")\(entry.isInUse ? ", in use" : "")
              file       \(entry.path.printable)

            """
        }.joined()
    }

    /// `5s`, `12m`, `3h`, `40d`.
    private static func age(_ seconds: Double) -> String {
        let whole = Int64(max(0, min(seconds, 1e12)))
        switch whole {
        case ..<60: return "\(whole)s"
        case ..<3600: return "\(whole / 60)m"
        case ..<86400: return "\(whole / 3600)h"
        default: return "\(whole / 86400)d"
        }
    }

    private struct Totals {
        var complete = 0
        var bytesHere: Int64 = 0
        var bytesOnDisk: Int64 = 0

        init(_ entries: [CacheEntryInfo]) {
            for entry in entries {
                if entry.isComplete { complete += 1 }
                bytesHere += entry.bytesHere
                bytesOnDisk += entry.bytesOnDisk
            }
        }
    }

    // MARK: - For programs

    package static func json(_ entries: [CacheEntryInfo]) -> String {
        entries.map { entry in
            var line = JSONObject("task", entry.task.hex)
            line.add("resource", entry.label.resource)
            line.add("tag", entry.label.tag)
            line.add("application", entry.label.application)
            line.add("name", entry.label.name)
            line.add("validator", entry.version.validator)
            line.add("size", raw: "\(entry.version.size)")
            line.add("bytesHere", raw: "\(entry.bytesHere)")
            line.add("bytesOnDisk", raw: "\(entry.bytesOnDisk)")
            line.add("complete", raw: "\(entry.isComplete)")
            line.add("inUse", raw: "\(entry.isInUse)")
            line.add("created", raw: seconds(entry.created))
            line.add("lastUsed", raw: seconds(entry.lastUsed))
            line.add("freshUntil", raw: seconds(entry.version.freshUntil))
            line.add("path", entry.path)
            return line.text + "\n"
        }.joined()
    }

    package static func json(_ report: CacheReport, _ entries: [CacheEntryInfo]) -> String {
        let totals = Totals(entries)
        var line = JSONObject("folder", report.folder)
        line.add("limit", raw: report.limit.map { "\($0)" } ?? "null")
        line.add("entries", raw: "\(entries.count)")
        line.add("completeEntries", raw: "\(totals.complete)")
        line.add("bytesHere", raw: "\(totals.bytesHere)")
        line.add("bytesOnDisk", raw: "\(totals.bytesOnDisk)")
        return line.text + "\n"
    }

    package static func json(_ removal: CacheRemoval) -> String {
        var line = JSONObject("task", removal.task.hex)
        line.add("bytes", raw: "\(removal.bytes)")
        line.add("failure", raw: removal.failure.map(JSONObject.literal) ?? "null")
        return line.text + "\n"
    }

    package static func json(_ check: CacheCheck) -> String {
        var line = JSONObject("task", check.task.hex)
        line.add("pieces", raw: "\(check.pieces)")
        line.add("badPieces", raw: "\(check.badPieces)")
        line.add("failure", raw: check.failure.map(JSONObject.literal) ?? "null")
        return line.text + "\n"
    }

    /// Never in exponents.
    private static func seconds(_ value: Double) -> String { "\(Int64(max(0, min(value, 1e15))))" }
}
