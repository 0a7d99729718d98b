import Logging
import MinionCore
import Swarm

/// What the user is told, and in which words.
extension EngineCore {
    func tick() {
        measureUplink()
        lookAfterShare()
        guard !isOver else { return }
        board.update(from: download)
        let now = SteadyClock.now
        audience.tell(board.progress, at: now)
        guard download.phase != .complete else { return }
        let lastChange = board.lastChange
        let impatient = audience.remove { seat in
            seat.request.timeoutSeconds.map { (now - max(seat.since, lastChange)).inSeconds > $0 } ?? false
        }
        for seat in impatient {
            let timeout = Duration.inSeconds(seat.request.timeoutSeconds ?? 0)
            let message = "nothing has arrived for \(timeout.brief); \(waitingFor())"
            services.logger.info("download failed", metadata: ["reason": "\(message)"])
            seat.listener.end(.failed(DownloadError(.other, message)))
        }
        if !impatient.isEmpty, audience.isEmpty { disconnectAll() }
    }

    /// Takes over what the uplink carries; no more than may be sent of this task.
    func measureUplink() {
        guard let uplink = services.server.uplink else { return }
        download.uplink = min(uplink, services.budget.upload.bytesPerSecond ?? .infinity)
    }

    /// Says, once, that the source is asked without the tracker's leave.
    func warnIfAlone() {
        guard services.tracker != nil, !board.hasWarned, download.isTrackerGone(at: SteadyClock.now) else { return }
        board.hasWarned = true
        let why = board.trackerError ?? "no answer"
        audience.tell(.warning("the tracker cannot be used (\(why)); going on with the source alone"))
    }

    private func waitingFor() -> String {
        if let failure = download.lastSourceFailure { return failure.message }
        if download.isTrackerLost { return "the tracker does not answer" }
        guard download.version != nil else {
            return download.mayUseSource ? "the source has not answered" : "nobody has \(order.title)"
        }
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
                download.mayUseSource
                    ? "no peer has what is missing and the source does not give it"
                    : "no peers found that have \(order.title)"
                        + (TaskIdentity.isName(order.title) ? "" : "; allow the source with --fallback"))
        case .trackerUnreachable:
            DownloadError(
                .trackerUnreachable,
                "the tracker \(order.trackers.joined(separator: ", ")) cannot be reached; check its address"
                    + (TaskIdentity.isName(order.title) ? "" : ", or allow the source with --fallback"))
        case .refused(let why):
            DownloadError(.other, "the tracker refuses the download: \(why)")
        case .incomplete:
            DownloadError(.other, "not all of \(order.title) is here; get it again")
        case .outdated:
            DownloadError(
                .other, "another version of \(order.title) is being distributed; this one is not offered")
        }
    }
}
