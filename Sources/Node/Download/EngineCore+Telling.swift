import MinionCore
import Swarm

/// What the user is told, and in which words.
extension EngineCore {
    func tick() {
        download.uplink = services.server.uplink ?? 0
        guard !isOver else { return }
        board.update(from: download)
        let now = SteadyClock.now
        if (now - lastTelling).inSeconds >= 0.9 * request.progressSeconds {
            lastTelling = now
            tell.yield(.progress(board.progress))
        }
        if let timeout = request.timeoutSeconds, download.phase != .complete,
            (now - board.lastChange).inSeconds > timeout
        {
            fail(DownloadError(.other, "nothing has arrived for \(Duration.inSeconds(timeout).brief); \(waitingFor())"))
        }
    }

    /// Says, once, that the source is asked without the tracker's leave.
    func warnIfAlone() {
        guard services.tracker != nil, !board.hasWarned, download.isTrackerGone(at: SteadyClock.now) else { return }
        board.hasWarned = true
        let why = board.trackerError ?? "no answer"
        tell.yield(.warning("the tracker cannot be used (\(why)); going on with the source alone"))
    }

    private func waitingFor() -> String {
        if let failure = download.lastSourceFailure { return failure.message }
        if download.isTrackerLost { return "the tracker does not answer" }
        if download.version == nil { return "the source has not answered" }
        return "\(download.have.count) of \(download.have.capacity) pieces are here; run the command again to go on"
    }

    func error(for failure: DownloadFailure) -> DownloadError {
        switch failure {
        case .source(let failure):
            switch failure.kind {
            case .nameResolution: DownloadError(.nameResolution, failure.message)
            case .connection: DownloadError(.sourceUnreachable, failure.message)
            case .interrupted, .refused, .busy, .changed, .malformed: DownloadError(.other, failure.message)
            }
        case .noPeers:
            DownloadError(
                .other,
                request.mayUseSource
                    ? "no peer has what is missing and the source does not give it"
                    : "no peers found that have \(identity.resource); allow the source with --fallback")
        case .trackerUnreachable:
            DownloadError(
                .trackerUnreachable,
                "the tracker \(request.trackers.joined(separator: ", ")) cannot be reached; check its address, or allow "
                    + "the source with --fallback")
        case .refused(let why):
            DownloadError(.other, "the tracker refuses the download: \(why)")
        }
    }
}
