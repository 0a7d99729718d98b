import MinionCore
import Swarm

/// What the user is told of a download.
struct ProgressBoard {
    private(set) var progress = DownloadProgress()
    /// When bytes last arrived.
    private(set) var lastChange: Instant
    private let started: Instant
    private var lastTick: Instant
    private var lastBytes: Int64 = 0
    /// How often the source was asked for its version.
    private var questions = 0
    /// Why the tracker is not there, if it is not.
    private(set) var trackerError: String?
    /// The user has been told that the tracker is lost.
    var hasWarned = false

    init(started: Instant) {
        self.started = started
        lastTick = started
        lastChange = started
    }

    mutating func opened(size: Int64, alreadyHere: Int64) {
        progress.size = size
        progress.bytesAlreadyHere = alreadyHere
    }

    mutating func sourceAsked() { questions += 1 }
    mutating func trackerAnswered() { trackerError = nil }
    mutating func trackerFailed(_ message: String) { trackerError = message }

    /// Takes the numbers over, and the rate since the last time.
    mutating func update(from download: Download) {
        let now = SteadyClock.now
        progress.bytesFromSource = download.sourceBytesSoFar
        progress.bytesFromPeers = download.bytesFromPeers
        progress.neighbours = download.connectedNeighbours
        progress.seconds = (now - started).inSeconds
        let bytes = progress.bytesFromSource + progress.bytesFromPeers
        let elapsed = (now - lastTick).inSeconds
        if bytes != lastBytes { lastChange = now }
        if elapsed > 0.05 {
            let rate = Double(max(0, bytes - lastBytes)) / elapsed
            progress.bytesPerSecond = progress.bytesPerSecond == 0 ? rate : 0.7 * progress.bytesPerSecond + 0.3 * rate
            lastTick = now
            lastBytes = bytes
        }
    }

    /// The numbers of the whole download.
    func final(_ download: Download) -> DownloadProgress {
        var result = progress
        result.seconds = (SteadyClock.now - started).inSeconds
        result.bytesFromSource = download.sourceBytesSoFar
        result.bytesFromPeers = download.bytesFromPeers
        result.neighbours = download.contributors.count
        result.bytesPerSecond = Double(result.bytesFromSource + result.bytesFromPeers) / max(result.seconds, 1e-6)
        result.sourceReasons = reasons(download)
        result.sourceQuestions = questions
        return result
    }

    private func reasons(_ download: Download) -> [String] {
        guard download.sourceBytesSoFar > 0 else { return [] }
        var reasons: [String] = []
        if !download.configuration.hasTracker {
            reasons.append("no tracker was named, so there was nobody to share with")
        }
        if download.piecesByLease > 0 {
            reasons.append(
                "the tracker had this host fetch \(download.piecesByLease) of \(download.have.capacity) pieces for all")
        }
        if download.piecesWithoutLease > 0, download.configuration.hasTracker {
            let why = trackerError.map { " (\($0))" } ?? ""
            reasons.append(
                "the tracker did not answer\(why), so \(download.piecesWithoutLease) pieces came straight from the source"
            )
        }
        if download.version?.hasRanges == false {
            reasons.append("the source does not answer ranges, so one host reads it from front to back")
        }
        return reasons
    }
}
