import Logging
import MinionCore
import NIOPosix
import PieceStore
import Swarm

extension MinionNode {
    /// Offers a file of the user's own to others, under a name by which they can get it without a source, until the
    /// result is cancelled. It is hashed first. Once the tracker knows of it, `finished` is told, and the updates go on; if
    /// the file is changed or removed, or cannot be read, they end with `failed`. Throws `DownloadError` if it cannot be
    /// opened.
    package func share(_ request: ShareRequest) async throws -> TaskDownload {
        var download = request.download
        if let problem = await findTrackers(for: &download) { throw DownloadError(.trackerUnreachable, problem) }
        download.mayUpload = services.configuration.mayUpload
        guard download.mayUpload else {
            throw DownloadError(.badArguments, "a node that serves nobody cannot share \(request.path)")
        }
        if let why = services.refusalToShare(download) { throw DownloadError(.other, why) }
        let draft: SharedFile.Draft
        do {
            draft = try await services.pool.runIfActive { [wallClock = services.wallClock] in
                try SharedFile.open(request.path, now: wallClock)
            }
        } catch {
            throw error as? DownloadError ?? DownloadError(.other, "\(error)")
        }
        let listener = DownloadListener(download, nodeTrackers: services.trackers)
        reception.nursery.add { [self] in await share(draft, for: listener) }
        return TaskDownload(listener)
    }

    private func share(_ draft: SharedFile.Draft, for listener: DownloadListener) async {
        do {
            let pace = TellingPace(seconds: listener.request.progressSeconds)
            let start = SteadyClock.now
            let content = try await draft.hash(on: services.pool, isWanted: { !listener.isGone }) { bytes in
                guard pace.isDue(at: SteadyClock.now) else { return }
                var progress = DownloadProgress()
                progress.size = draft.size
                progress.bytesAlreadyHere = bytes
                progress.seconds = (SteadyClock.now - start).inSeconds
                progress.bytesPerSecond = Double(bytes) / max(progress.seconds, 1e-6)
                listener.tell(.progress(progress))
            }
            let run = TaskRun(RunOrder(listener, content: .kept(content, isShare: true)), reception)
            switch services.desk.serve(run, for: listener) {
            case .begun: reception.start(run)
            case .closed: listener.end(.failed(Reception.ending))
            case .busy:
                throw DownloadError(
                    .other, "\(listener.request.url) is just being downloaded here; share it afterwards")
            }
        } catch let error as DownloadError {
            listener.end(.failed(error))
        } catch {
            listener.end(.failed(DownloadError(.other, "\(draft.path) was not shared: \(error)")))
        }
    }
}
