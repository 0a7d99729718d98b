import Logging
import MinionCore
import PieceStore
import Swarm

/// Who waits for the task, and what a run does with nobody left.
extension EngineCore {
    /// What a run is there for at this moment.
    enum Standing {
        /// Somebody waits for it, or it has something to finish.
        case busy
        /// Everybody has what they asked for; it goes on to serve others.
        case serving
        /// There is nothing left to do.
        case over
    }

    var standing: Standing {
        guard audience.isEmpty, !isConcluding else { return .busy }
        switch ending {
        case .complete: return isWithdrawn ? .over : .serving
        case .failed: return .over
        case nil:
            if case .kept(_, let isShare) = order.content, !isShare { return .busy }
            return .over
        }
    }

    func seat(_ listener: DownloadListener) {
        life.seated()
        guard !listener.isGone else { return }
        if case .failed(let error) = ending { return listener.end(.failed(error)) }
        if listener.request.tracePath != nil, trace == nil || listener.request.tracePath != request.tracePath {
            listener.tell(
                .warning(
                    "the trace file \(listener.request.tracePath ?? "") cannot be written; going on without it"))
        }
        audience.add(listener)
        adoptWishes()
        guard let storage else { return }
        follow(listener, in: storage)
        if download.phase == .complete { conclude() } else { followPrefix() }
    }

    func leave(_ listener: DownloadListener) {
        guard audience.remove(listener) != nil else {
            // It has its file and is through with it; what lies outside a cache is served for its sake only.
            if case .complete = ending, audience.isEmpty, case .path = order.content { isWithdrawn = true }
            return
        }
        if case .kept = order.content { isWithdrawn = true }
        if audience.isEmpty, download.phase != .complete {
            services.logger.info("nobody waits for the download any more", metadata: ["task": "\(task)"])
            disconnectAll()
        } else {
            adoptWishes()
        }
    }

    /// Does what the most demanding of all listeners wants. With nobody left, everything stays as it is.
    private func adoptWishes() {
        guard !audience.isEmpty else { return }
        services.budget.set(downloadRate: audience.downloadRate, uploadRate: audience.uploadRate)
        download.inOrder = audience.isInOrder
        source.isGuarded = audience.isGuarded
        if audience.mayUseSource, !download.mayUseSource { apply(.sourceAllowed) }
    }

    /// Tells one that came too late for this run.
    func refuse(_ listener: DownloadListener) {
        if case .failed(let error) = ending { return listener.end(.failed(error)) }
        listener.end(.failed(DownloadError(.other, "the node is ending; run the command again")))
    }

    /// What people are told.
    var view: RunView {
        var state = TaskStatus.State.downloading
        if case .complete = ending { state = .serving }
        if case .kept(_, isShare: true) = order.content { state = .sharing }
        return RunView(
            progress: board.progress, listeners: audience.seats.count, served: served, state: state)
    }

    // MARK: Shares

    /// Tells the one who shares that others can get it, once the tracker knows all of it.
    func announce(after reply: TrackerReply) {
        guard case .kept(_, isShare: true) = order.content, !isAnnounced else { return }
        if let why = reply.refusal { return warnSharer("it refuses: \(why)") }
        guard case .complete = ending, !reply.mustIntroduce, download.offered.isComplete else { return }
        isAnnounced = true
        board.update(from: download)
        audience.tell(.finished(board.final(download)))
    }

    /// Sees now and then whether a shared file is still what it was.
    func lookAfterShare() {
        let now = SteadyClock.now
        guard case .kept(let content, isShare: true) = order.content, now - lastLook >= Self.lookInterval else {
            return
        }
        lastLook = now
        services.intake.submit { [post] in if !content.isUnchanged { post.yield(.contentLost) } }
    }

    private static let lookInterval = Duration.seconds(1)

    /// Says, once, why others do not hear of a share.
    func warnSharer(_ why: String) {
        guard case .kept(_, isShare: true) = order.content, !hasWarned else { return }
        hasWarned = true
        audience.tell(.warning("the tracker cannot be used (\(why)); trying on"))
    }

    // MARK: Prefix

    /// Tells readers that follow how far they may read, and hashes the file as far as it is there without a gap.
    func followPrefix() {
        guard let storage, !isOver else { return }
        guard audience.seats.contains(where: { $0.request.inOrder || $0.digest != nil }) else { return }
        let end = download.have.firstMissing().map { storage.layout.range(of: $0).lowerBound } ?? storage.layout.size
        audience.passOn(end, of: storage.file.path, version: storage.version)
        for seat in audience.seats {
            guard let digest = seat.digest, !digest.isBusy, end - digest.position >= DigestFollower.step else {
                continue
            }
            let target = min(end, digest.position + DigestFollower.most)
            audience.update(seat.listener) { seat in
                seat.digest?.isBusy = true
                seat.digest?.position = target
            }
            services.intake.submit { [post, listener = seat.listener, diskFailed = diskReporter()] in
                do {
                    try digest.digester.advance(to: target)
                    post.yield(.digested(listener))
                } catch {
                    diskFailed(error)
                }
            }
        }
    }

    /// Begins to hash the file for a listener that wants it.
    func follow(_ listener: DownloadListener, in storage: TaskStorage) {
        guard let text = listener.request.digest else { return }
        do {
            let expected = try ContentDigest(text)
            let follower = DigestFollower(expected: expected, reader: try storage.file.makeReader())
            audience.update(listener) { $0.digest = follower }
        } catch {
            audience.remove(listener)
            listener.end(.failed(DownloadError(.badArguments, "\(error)")))
        }
    }

    /// The same for all, from the front.
    func followAnew() {
        guard let storage else { return }
        for seat in audience.seats { follow(seat.listener, in: storage) }
    }
}
