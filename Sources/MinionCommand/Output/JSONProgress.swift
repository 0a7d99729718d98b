package import Node

/// The objects that `--progress json` prints, one a line. Their keys are a contract:
///
/// - `start`: `event`, `url`, `path`, `trackers`
/// - `progress`: `event`, `size` (null until known), `bytesDone`, `bytesFromSource`, `bytesFromPeers`,
///   `bytesAlreadyHere`, `bytesPerSecond`, `neighbours`, `seconds`
/// - `warning`: `event`, `message`
/// - `finished`: the keys of `progress`, `path`, `sourceReasons`
/// - `failed`: `event`, `message`, `exitCode`
///
/// Sizes are in bytes, times in seconds since the download began.
package enum JSONProgress {
    package static func start(url: String, path: String, trackers: [String]) -> String {
        var line = JSONObject("event", "start")
        line.add("url", url)
        line.add("path", path)
        line.add("trackers", trackers)
        return line.text + "\n"
    }

    package static func progress(_ progress: DownloadProgress) -> String {
        var line = JSONObject("event", "progress")
        line.add(progress)
        return line.text + "\n"
    }

    package static func warning(_ message: String) -> String {
        var line = JSONObject("event", "warning")
        line.add("message", message)
        return line.text + "\n"
    }

    package static func finished(_ progress: DownloadProgress, path: String) -> String {
        var line = JSONObject("event", "finished")
        line.add(progress)
        line.add("path", path)
        line.add("sourceReasons", progress.sourceReasons)
        return line.text + "\n"
    }

    package static func failed(_ error: CommandError) -> String {
        var line = JSONObject("event", "failed")
        line.add("message", error.message)
        line.add("exitCode", raw: String(error.exitCode))
        return line.text + "\n"
    }
}

extension JSONObject {
    fileprivate mutating func add(_ progress: DownloadProgress) {
        add("size", raw: progress.size.map(String.init) ?? "null")
        add("bytesDone", raw: String(progress.bytesDone))
        add("bytesFromSource", raw: String(progress.bytesFromSource))
        add("bytesFromPeers", raw: String(progress.bytesFromPeers))
        add("bytesAlreadyHere", raw: String(progress.bytesAlreadyHere))
        add("bytesPerSecond", raw: String(Int64(max(0, min(progress.bytesPerSecond, 1e15)))))
        add("neighbours", raw: String(progress.neighbours))
        add("seconds", raw: Self.milliseconds(progress.seconds))
    }

    /// Three decimals, never in exponents.
    private static func milliseconds(_ seconds: Double) -> String {
        let thousandths = Int64((max(0, min(seconds, 1e12)) * 1000).rounded())
        let fraction = String(thousandths % 1000)
        return "\(thousandths / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
    }
}
