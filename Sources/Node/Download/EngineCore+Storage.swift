import Logging
import MinionCore
import PieceStore
import Swarm
import SystemPackage
import Wire

/// From the first byte on the disk to the file under its name.
extension EngineCore {
    func open(_ version: TaskVersion) {
        generation += 1
        disconnectAll()
        closeStorage()
        if let unsized, unsized.version.isSameContent(as: version) {
            self.unsized = nil
            opened(unsized.file, version, unsized.proofs)
            return
        }
        guard board.prefix == 0 else {
            // Who follows cannot be given other bytes in the place of those that it has.
            return fail(
                DownloadError(
                    .other,
                    "the source's file has changed after \(ByteSize(board.prefix)) of it had been passed on; "
                        + "run the command again"))
        }
        guard let layout = version.layout else { return }
        let context = ProofContext(task: task, version: version)
        services.intake.submit { [post, keys, request, task] in
            do {
                let file = try PieceFile.open(
                    destination: request.destination, task: task, validator: version.validator, layout: layout)
                let proofs = file.resumed.map { stored in
                    let proof = PieceProof(piece: stored.piece, hash: stored.hash, signature: stored.signature)
                    let isSigned = !proof.signature.isEmpty && keys.confirm(proof, in: context)
                    return isSigned ? proof : PieceProof(piece: stored.piece, hash: stored.hash)
                }
                post.yield(.opened(file, version, proofs))
            } catch {
                post.yield(.openFailed("\(error)"))
            }
        }
    }

    func opened(_ file: PieceFile, _ version: TaskVersion, _ proofs: [PieceProof]) {
        guard !isOver, download.version?.isSameContent(as: version) == true, let layout = version.layout else {
            return services.intake.submit { file.close() }
        }
        let storage = TaskStorage(
            version: version, layout: layout, file: file, task: task, resource: identity.publicResource,
            name: String(request.destination.split(separator: "/").last ?? ""), intake: services.intake)
        self.storage = storage
        if download.configuration.introduction.canUpload { services.shelf.add(storage.served) }
        board.opened(
            size: layout.size,
            alreadyHere: layout.bytes(in: PieceSet(capacity: layout.count, file.resumed.map(\.piece))))
        let context = ProofContext(task: task, version: version)
        exchange = ExchangeContext(
            task: task, version: version, layout: layout,
            makeReceiver: { storage.makeReceiver($0) },
            isGenuine: { [keys] in keys.confirm($0, in: context) },
            limiter: services.limiter, intake: services.intake, report: reporter(),
            diskFailed: diskReporter())
        services.logger.info(
            "file opened",
            metadata: [
                "path": "\(file.path)", "size": "\(layout.size)", "pieces": "\(layout.count)",
                "resumed": "\(proofs.count)", "version": "\(version.validator)",
            ])
        digest = makeDigest(file)
        guard !isOver else { return }
        apply(.opened(proofs))
        followPrefix()
    }

    func makeDigest(_ file: PieceFile) -> DigestFollower? {
        guard let text = request.digest else { return nil }
        do {
            let expected = try ContentDigest(text)
            return DigestFollower(expected: expected, reader: try file.makeReader())
        } catch {
            fail(DownloadError(.badArguments, "\(error)"))
            return nil
        }
    }

    func closeStorage() {
        guard let storage else { return }
        services.shelf.remove(storage.served)
        self.storage = nil
        exchange = nil
        digest = nil
        // In line before whatever opens the file next.
        storage.file.close()
    }

    /// Posts what the disk says to the present version's transfers.
    func diskReporter() -> @Sendable (any Error) -> Void {
        { [post, generation] error in
            post.yield(.diskFailed(error as? StorageError ?? StorageError(.other, "\(error)"), generation: generation))
        }
    }

    func diskFailed(_ error: StorageError, _ generation: Int) {
        // A note for the journal is of no use any more when all pieces are there.
        guard generation == self.generation, error.code != .closed, download.phase != .complete else { return }
        fail(DownloadError(.other, error.message))
    }

    // MARK: Prefix

    /// Tells a reader that follows how far it may read, and hashes the file as far as it is there without a gap.
    func followPrefix() {
        guard let storage, !isOver, request.inOrder || digest != nil else { return }
        let end = download.have.firstMissing().map { storage.layout.range(of: $0).lowerBound } ?? storage.layout.size
        passOn(end, of: storage.file.path)
        guard var digest, !digest.isBusy, end - digest.position >= DigestFollower.step else { return }
        digest.isBusy = true
        digest.position = end
        self.digest = digest
        services.intake.submit { [post, digester = digest.digester, diskFailed = diskReporter()] in
            do {
                try digester.advance(to: end)
                post.yield(.digested)
            } catch {
                diskFailed(error)
            }
        }
    }

    /// Tells a reader that follows how much of the file it may read.
    func passOn(_ end: Int64, of path: String) {
        guard request.inOrder, end > board.prefix else { return }
        board.prefix = end
        tell.yield(.prefix(path: path, bytes: end))
    }

    // MARK: Publish

    /// Checks the whole and puts it under its name.
    func publish() {
        guard let storage, !isOver else { return }
        disconnectAll()
        services.intake.submit { [post, file = storage.file, digest, layout = storage.layout] in
            do {
                if let digest {
                    let found = try digest.digester.finish(size: layout.size)
                    guard found == digest.expected else {
                        try file.remove()
                        post.yield(
                            .published(
                                DownloadError(
                                    .checksumMismatch,
                                    "\(file.destination): the content has \(found), not \(digest.expected); nothing was kept"
                                )))
                        return
                    }
                }
                try file.publish(sync: false)
                post.yield(.published(nil))
            } catch {
                post.yield(.published(DownloadError(.other, "\(error)")))
            }
        }
    }

    func published(_ error: DownloadError?) {
        if let error {
            if let storage { services.shelf.remove(storage.served) }
            return fail(error)
        }
        guard !isOver, let storage else { return }
        board.update(from: download)
        services.logger.info("file complete", metadata: ["path": "\(storage.file.path)"])
        if request.inOrder { tell.yield(.prefix(path: storage.file.path, bytes: storage.layout.size)) }
        tell.yield(.finished(board.final(download)))
        finishTelling()
    }
}

/// Hashes a whole file while it grows.
struct DigestFollower {
    let expected: ContentDigest
    let digester: PrefixDigester
    var position: Int64 = 0
    var isBusy = false

    /// Worth a visit to the disk.
    static let step: Int64 = 4 << 20
}

extension DigestFollower {
    init(expected: ContentDigest, reader: FileDescriptor) {
        self.init(expected: expected, digester: PrefixDigester(reader: reader, algorithm: expected.algorithm))
    }
}
