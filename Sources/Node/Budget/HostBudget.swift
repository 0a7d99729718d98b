import MinionCore

/// What all tasks of a node may pass per second, in each direction; every task has its fair part.
final class HostBudget: Sendable {
    /// Bytes from neighbours and sources.
    let download = SharedRate()
    /// Bytes to others.
    let upload = SharedRate()
    /// Bytes from sources.
    let source = SharedRate()

    init(_ limits: NodeLimits) { set(limits) }

    func set(_ limits: NodeLimits) {
        download.setRate(limits.downloadRate.map(ByteRate.init(bytesPerSecond:)))
        upload.setRate(limits.uploadRate.map(ByteRate.init(bytesPerSecond:)))
        source.setRate(limits.sourceRate.map(ByteRate.init(bytesPerSecond:)))
    }

    /// The limits of one more task. One of weight 3 may download as much as three of weight 1.
    func open(weight: Int = 1) -> TaskBudget {
        let shares = [self.download.open(weight: weight), source.open(weight: weight)]
        let download = RateLimiter(of: [shares[0]])
        return TaskBudget(
            download: download, source: RateLimiter(of: [shares[1]], within: download),
            upload: RateLimiter(of: [upload.open()]), weighted: shares)
    }
}

/// What one task may pass per second: its own rates, within its part of the host's.
struct TaskBudget: Sendable {
    /// For what comes from neighbours.
    let download: RateLimiter
    /// For what comes from the source, which counts as downloaded, too.
    let source: RateLimiter
    /// For what goes to others.
    let upload: RateLimiter
    /// Those that are the larger, the more urgent the task is.
    fileprivate let weighted: [RateShare]

    func setWeight(_ weight: Int) {
        for share in weighted { share.setWeight(weight) }
    }

    /// Sets the task's own rates, in bytes per second; nil: as much as the host lets it have.
    func set(downloadRate: Double?, uploadRate: Double?) {
        download.setRate(downloadRate.map(ByteRate.init(bytesPerSecond:)))
        upload.setRate(uploadRate.map(ByteRate.init(bytesPerSecond:)))
    }
}
