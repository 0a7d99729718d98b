import Logging
import MinionCore
import PieceStore
import Swarm
import SystemPackage
import Wire

/// From the first byte on the disk to the complete content.
extension EngineCore {
    func open(_ version: TaskVersion) {
        generation += 1
        disconnectAll()
        closeStorage()
        if let unsized, unsized.version.isSameContent(as: version) {
            self.unsized = nil
            opened(unsized)
            return
        }
        // Who follows cannot be given other bytes in the place of those that it has.
        for seat in audience.remove(where: { !$0.canFollow(version) }) {
            let error = DownloadError(
                .other,
                "the source's file has changed after \(ByteSize(seat.prefix)) of it had been passed on; "
                    + "run the command again")
            seat.listener.end(.failed(error))
        }
        guard let layout = version.layout, !audience.isEmpty || isServingOnly else { return }
        let opening = ContentOpening(
            order: order, version: version, layout: layout, keys: keys, intake: services.intake,
            now: services.wallClock())
        isOpening = true
        services.intake.submit { [post] in
            do {
                post.yield(.opened(try opening.carryOut()))
            } catch {
                post.yield(.openFailed(error as? StorageError ?? StorageError(.other, "\(error)")))
            }
        }
    }

    /// Whether the run has all of the content from the start.
    var isServingOnly: Bool {
        if case .kept = order.content { true } else { false }
    }

    func opened(_ content: OpenedContent) {
        let version = content.version
        guard !isOver, download.version?.isSameContent(as: version) == true, let layout = version.layout else {
            return services.intake.submit { content.close() }
        }
        let found = content.proofs.map(\.piece)
        let served: ServedTask
        switch content.place {
        case .file(let file):
            served = serve(file, version, layout)
            store(content, layout, in: file, nil, served)
        case .cached(let file, let pin):
            served = serve(file, pin, version, layout)
            store(content, layout, in: file, pin, served)
        case .kept:
            guard case .kept(let kept, _) = order.content else { return }
            self.kept = kept
            served = serve(kept, layout)
        }
        self.served = served
        if download.configuration.introduction.canUpload { services.shelf.add(served) }
        whenOpened()
        board.opened(size: layout.size, alreadyHere: layout.bytes(in: PieceSet(capacity: layout.count, found)))
        services.logger.info(
            "content opened",
            metadata: [
                "task": "\(task)", "path": "\(storage?.file.path ?? kept?.name ?? "")", "size": "\(layout.size)",
                "pieces": "\(layout.count)", "found": "\(found.count)", "version": "\(version.validator)",
            ])
        followAnew()
        guard !audience.isEmpty || isServingOnly else { return }
        apply(.opened(content.proofs))
        followPrefix()
    }

    private func store(
        _ content: OpenedContent, _ layout: PieceLayout, in file: PieceFile, _ pin: ContentPin?, _ served: ServedTask
    ) {
        let version = content.version
        let storage = TaskStorage(
            version: version, layout: layout, file: file, pin: pin, found: content.proofs.map(\.piece), served: served,
            intake: services.intake)
        self.storage = storage
        let context = ProofContext(task: task, version: version)
        exchange = ExchangeContext(
            task: task, version: version, layout: layout,
            makeReceiver: { storage.makeReceiver($0) },
            isGenuine: { [keys] in keys.confirm($0, in: context) },
            limiter: services.budget.download, intake: services.intake, report: reporter(),
            diskFailed: diskReporter())
    }

    // MARK: Serving

    private func serve(_ file: PieceFile, _ version: TaskVersion, _ layout: PieceLayout) -> ServedTask {
        ServedTask(
            id: task, version: version, layout: layout, resource: order.resource,
            name: String(order.request.destination.split(separator: "/").last ?? ""), uploads: services.budget.upload,
            openReader: { ServedFile(descriptor: try file.makeReader().rawValue) },
            isUnchanged: { !file.isPublished || file.isUnchanged() })
    }

    private func serve(
        _ file: PieceFile, _ pin: ContentPin, _ version: TaskVersion, _ layout: PieceLayout
    ) -> ServedTask {
        guard case .cache(let cache, _) = order.content else { return serve(file, version, layout) }
        let kept = CachedContent(pin, of: cache, version: version, intake: services.intake)
        self.kept = kept
        return serve(kept, layout)
    }

    private func serve(_ content: any KeptContent, _ layout: PieceLayout) -> ServedTask {
        let whenLost: @Sendable () -> Void = { [post] in post.yield(.contentLost) }
        // It may be there already, served by an earlier run: those who hear its news need not come anew.
        if !content.isForeign, let present = services.shelf.find(task), present.isComplete(content.version) {
            present.claim(for: peer, whenLost: whenLost)
            return present
        }
        let served = ServedTask(
            id: task, version: content.version, layout: layout, resource: order.resource, name: content.name,
            uploads: services.budget.upload, isForeign: content.isForeign, isServedOnly: isServingOnly,
            openReader: { try content.open() }, isUnchanged: { content.isUnchanged })
        served.claim(for: peer, whenLost: whenLost)
        return served
    }

    /// Serves the version no more, unless a later run does by now.
    func takeOffShelf() {
        guard let served, served.isClaimed(for: peer) else { return }
        services.shelf.remove(served)
    }

    /// Serves proven pieces from now on.
    func offer(_ proofs: [PieceProof]) {
        if let storage { return storage.offer(proofs, diskFailed: diskReporter()) }
        served?.offer(proofs)
        guard let kept else { return }
        services.intake.submit { kept.note(proofs) }
    }

    /// What was served cannot be any more.
    func lose() {
        // At a destination it is the user's business, and whoever serves it for a while sees it.
        guard kept != nil, storage == nil || ending != nil else { return }
        isWithdrawn = true
        takeOffShelf()
        let name = kept?.name ?? ""
        for seat in audience.removeAll() {
            let error = DownloadError(.other, "\(name) has been changed or removed; share it again")
            seat.listener.end(.failed(error))
        }
    }

    /// What is served must not be any more. A download that is under way goes on.
    func withdraw(_ why: String) {
        takeOffShelf()
        guard storage == nil || ending != nil else { return }
        isWithdrawn = true
        for seat in audience.removeAll() { seat.listener.end(.failed(DownloadError(.other, why))) }
    }

    func closeStorage() {
        takeOffShelf()
        served = nil
        kept = nil
        exchange = nil
        // In line before whatever opens the file next.
        storage?.close()
        storage = nil
    }

    // MARK: The disk

    /// Posts what the disk says to the present version's transfers.
    func diskReporter() -> @Sendable (any Error) -> Void {
        { [post, generation] error in
            post.yield(.diskFailed(error as? StorageError ?? StorageError(.other, "\(error)"), generation: generation))
        }
    }

    func diskFailed(_ error: StorageError, _ generation: Int) {
        // A note for the journal is of no use any more when all pieces are there.
        guard generation == self.generation, error.code != .closed, download.phase != .complete, !isOver else {
            return
        }
        let failure = DownloadError(.other, error.message)
        guard error.code == .full, case .cache = order.content else { return fail(failure) }
        // Others may have to make room. The pieces that were lost on the way are known to nobody, so it is begun anew.
        let missing = storage.map { $0.layout.size - $0.layout.bytes(in: download.have) } ?? 0
        let seats = audience.remove { $0.listener.countAttempt() <= 1 }
        fail(failure)
        for seat in seats { seat.listener.remember(seat.prefix, of: seat.version) }
        services.reception.beginAnew(seats.map(\.listener), needing: missing, failure)
    }

    // MARK: End

    /// Gives all who wait what they asked for; those who join meanwhile have their turn afterwards.
    func conclude() {
        guard let storage, !isConcluding, !audience.isEmpty else { return }
        isConcluding = true
        let deliveries = audience.seats.map {
            Delivery(listener: $0.listener, digest: $0.digest, path: storage.file.path, size: storage.layout.size)
        }
        let conclusion = Conclusion(deliveries: deliveries, file: storage.file, pin: storage.pin)
        services.intake.submit { [post] in post.yield(.concluded(conclusion.carryOut())) }
    }

    func concluded(_ results: Conclusion.Results) {
        isConcluding = false
        guard let storage else { return }
        // Whoever comes from now on looks whether the content is still fresh.
        _ = life.close()
        board.update(from: download)
        if ending == nil {
            services.logger.info("content complete", metadata: ["task": "\(task)", "path": "\(storage.file.path)"])
            ending = .complete
        }
        if !results.isKept { withdraw(storage, results) }
        var progress = board.final(download)
        if storage.pin != nil { progress.path = storage.file.path }
        for (listener, error) in results.errors {
            guard audience.remove(listener) != nil else { continue }
            if let error {
                services.logger.info("download failed", metadata: ["reason": "\(error.message)"])
                listener.end(.failed(error))
                continue
            }
            if listener.request.inOrder {
                listener.tell(.prefix(path: storage.file.path, bytes: storage.layout.size))
            }
            if let pin = storage.pin { listener.keep(pin) }
            listener.end(.finished(progress))
        }
        if case .failed(let error) = ending {
            for seat in audience.removeAll() { seat.listener.end(.failed(error)) }
        }
        conclude()
    }

    /// The content does not stay: it was not wanted, or not what it should be, or could not be put in its place.
    private func withdraw(_ storage: TaskStorage, _ results: Conclusion.Results) {
        isWithdrawn = true
        takeOffShelf()
        // In a cache it is there as long as somebody reads it.
        guard storage.pin == nil || !storage.file.isPublished else { return }
        let error = results.errors.lazy.compactMap(\.error).first
        ending = .failed(error ?? DownloadError(.other, "nobody wanted \(storage.file.destination) any more"))
    }

    /// Everybody has what they asked for, and nobody comes any more: what is in a cache is let go, to be opened again when
    /// others ask for it.
    func settle() {
        guard let storage, storage.pin != nil else { return }
        storage.close()
        self.storage = nil
        exchange = nil
    }
}
