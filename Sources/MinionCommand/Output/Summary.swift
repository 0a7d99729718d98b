import MinionCore
package import Node

/// The words at the end of a download.
package enum Summary {
    /// One line: what arrived, how fast, and from where.
    package static func line(_ progress: DownloadProgress, name: String) -> String {
        let size = ByteSize(progress.size ?? progress.bytesDone)
        let start = "\(name): \(size) in \(Duration.inSeconds(progress.seconds).brief)"
        var origins: [String] = []
        if progress.bytesFromSource > 0 { origins.append("\(ByteSize(progress.bytesFromSource)) from the source") }
        if progress.bytesFromPeers > 0 {
            let peers = progress.neighbours == 1 ? "1 peer" : "\(progress.neighbours) peers"
            origins.append("\(ByteSize(progress.bytesFromPeers)) from \(peers)")
        }
        if progress.bytesAlreadyHere > 0 { origins.append("\(ByteSize(progress.bytesAlreadyHere)) already here") }
        guard !origins.isEmpty else { return start }
        let fetched = progress.bytesFromSource + progress.bytesFromPeers
        let rate = fetched > 0 ? ", \(ByteRate(bytesPerSecond: progress.bytesPerSecond))" : ""
        return start + rate + ": " + origins.joined(separator: ", ")
    }

    /// Why the source was read, one reason a line; or what was asked of it instead.
    package static func explanation(_ progress: DownloadProgress, hasTracker: Bool) -> [String] {
        guard progress.bytesFromSource > 0 else { return [untouchedSource(progress)] }
        var reasons = progress.sourceReasons
        if reasons.isEmpty, !hasTracker {
            reasons = ["no tracker was given (--tracker or MINION_TRACKER), so there was nobody else to ask"]
        }
        return reasons.map { "source used: \($0)" }
    }

    private static func untouchedSource(_ progress: DownloadProgress) -> String {
        switch progress.sourceQuestions {
        case nil: "the source sent nothing"
        case 0: "the source sent nothing, and was not asked: it is known which version it has"
        default: "the source sent nothing: it was only asked which version it has"
        }
    }
}
