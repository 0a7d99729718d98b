import Logging
import MinionCore
import NIOCore
import NIOHTTP1
import NIOPosix
import PieceStore
import Swarm

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension ServingHandler {
    // MARK: - Before the first byte

    /// Gets what the body needs, in this order: an upload slot, an open file, a look whether the file is still the same.
    func startBody(_ order: BodyOrder) {
        guard let context else { return }
        self.order = order
        guard order.hasBody else { return prepare() }
        let loop = context.eventLoop
        let handler = NIOLoopBound(self, eventLoop: loop)
        let item = order.ranges.first.flatMap { order.task.item(at: $0.lowerBound) }
        let (ticket, answer) = core.gate.request(for: item, of: order.task.flow) { ticket in
            { loop.execute { handler.value.slotIsFree(ticket) } }
        }
        switch answer {
        case .start:
            self.ticket = ticket
            prepare()
        case .wait:
            self.ticket = ticket
            phase = .queued
        case .refuse:
            self.order = nil
            var reply = ServingReply.full
            if order.form == .old { reply.headers.add(name: "Minions-Status", value: "overload") }
            send(reply)
        }
    }

    private func slotIsFree(_ ticket: UploadGate.Ticket) {
        // The connection may have ended, and given the slot back, since it was called.
        guard phase == .queued, self.ticket == ticket, let order else { return }
        guard order.task.offers(order.ranges) else { return refuseBody(.missing()) }
        prepare()
    }

    private func prepare() {
        guard let context, let order else { return }
        let task = order.task
        let loop = ObjectIdentifier(context.eventLoop)
        let known = reader.flatMap { $0.task === task ? $0.file : nil } ?? task.openReader(on: loop)
        let mustCheck = task.isForeign || task.claimCheck(every: core.limits.checkInterval, at: UploadGate.now)
        let digestPieces = order.digestPieces.filter { task.digest(ofOldPiece: $0) == nil }
        if let known, !mustCheck, digestPieces.isEmpty { return begin(order, known) }

        phase = .preparing
        core.pool.runIfActive(eventLoop: context.eventLoop) { () throws -> TaskReader? in
            if mustCheck, !task.isStillThere { return nil }
            let file = try known ?? task.makeReader(on: loop)
            if !digestPieces.isEmpty { task.makeDigests(ofOldPieces: digestPieces, with: file) }
            return file
        }.assumeIsolated().whenComplete { result in
            guard self.phase == .preparing else { return }
            switch result {
            case .success(let file?): self.begin(order, file)
            case .success(nil):
                self.core.lose(task, "a file was changed by someone else")
                self.refuseBody(.unknownTask)
            case .failure(let error as StorageError) where error.code == .changed:
                self.core.lose(task, error.message)
                self.refuseBody(.unknownTask)
            case .failure(let error):
                self.core.logger.warning(
                    "cannot open a file to serve it",
                    metadata: ["task": "\(task.id)", "name": "\(task.name)", "error": "\(error)"])
                self.refuseBody(.error(.internalServerError, "the file cannot be read; try another peer"))
            }
        }
    }

    private func refuseBody(_ reply: ServingReply) {
        let isHead = order?.isHead ?? false
        endBody()
        send(reply, isHead: isHead)
    }

    private func begin(_ order: BodyOrder, _ file: TaskReader) {
        guard let context else { return }
        reader = (order.task, file)
        var headers = order.headers
        if order.form == .old || order.task.offered.isComplete,
            let date = file.lastModified.flatMap(ServingDate.text)
        {
            headers.add(name: "Last-Modified", value: date)
        }
        if order.form == .old {
            if core.gate.isOverloaded(for: order.task) { headers.add(name: "Minions-Status", value: "overload") }
            let pieces = order.digestPieces
            let digests = pieces.compactMap { order.task.digest(ofOldPiece: $0) }
            if !pieces.isEmpty, digests.count == pieces.count {
                headers.add(name: "Content-MD5", value: digests.joined(separator: ","))
            }
        }
        writeHead(order.status, headers)
        guard order.hasBody else {
            endBody()
            return finishAnswer()
        }
        openAccount()
        phase = .sending
        transfer = BodyTransfer(
            order: order, file: file, stallDeadline: .now() + TimeAmount(core.limits.stallTimeout))
        sendNextWindow(context)
    }

    // MARK: - The bytes

    private func sendNextWindow(_ context: ChannelHandlerContext) {
        guard let transfer else { return }
        let remaining = transfer.remaining
        guard remaining > 0 else {
            core.gate.bodyTook(UploadGate.now - transfer.began)
            endBody()
            settleAccount()
            return finishAnswer()
        }
        pace.apply(core.gate.pace(rate: account.rate), to: socket)
        let (count, wait) = core.gate.takeWindow(of: remaining, for: transfer.task)
        guard wait > .zero else { return sendWindow(count, context) }
        // What is written already, the header at least, need not wait.
        context.flush()
        self.transfer?.wasDelayed = true
        self.transfer?.delayed = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(wait)) { [weak self] in
            guard let self, let context = self.context else { return }
            self.transfer?.delayed = nil
            self.sendWindow(count, context)
        }
    }

    private func sendWindow(_ count: Int64, _ context: ChannelHandlerContext) {
        guard let transfer, transfer.end(ofNext: count) <= transfer.file.size else {
            return fileIsLost(context, "a file was cut short by someone else")
        }
        guard let bytes = self.transfer?.advance(by: count) else { return }
        guard transfer.task.isForeign else {
            return write(.fileRegion(transfer.file.region(bytes)), count, context)
        }
        // The kernel sends pages of the file as they are when it sends them, so they are copied. What was written to the
        // file before the look at it, or while it was copied, shows then.
        core.pool.runIfActive(eventLoop: context.eventLoop) {
            transfer.file.copy(of: bytes).flatMap { transfer.task.isStillThere ? $0 : nil }
        }.assumeIsolated().whenComplete { result in
            guard let context = self.context, self.transfer != nil else { return }
            if case .success(let buffer?) = result { return self.write(.byteBuffer(buffer), count, context) }
            self.fileIsLost(context, "a file was changed by someone else while it was sent")
        }
    }

    private func write(_ body: IOData, _ count: Int64, _ context: ChannelHandlerContext) {
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { result in
            guard let context = self.context, self.transfer != nil else { return }
            switch result {
            case .success:
                self.windowIsOut(count)
                self.sendNextWindow(context)
            case .failure: context.close(promise: nil)
            }
        }
        context.writeAndFlush(wrapOutboundOut(.body(body)), promise: promise)
    }

    private func windowIsOut(_ count: Int64) {
        account.written += count
        transfer?.task.countSent(count)
        core.countSent(count)
        _ = creditDelivered()
    }

    /// The file is not what it was: nothing of it can be trusted, and the answer cannot be completed.
    private func fileIsLost(_ context: ChannelHandlerContext, _ what: String) {
        if let task = transfer?.task { core.lose(task, what) }
        context.close(promise: nil)
    }

    /// Gives the slot back, whatever the body came to.
    func endBody() {
        transfer?.delayed?.cancel()
        transfer = nil
        order = nil
        guard let ticket else { return }
        self.ticket = nil
        core.gate.giveBack(ticket)
    }

    /// Whether the client has taken next to nothing of what lay ready for it.
    func isBodyStalled(_ now: NIODeadline) -> Bool {
        guard let context, let transfer, now >= transfer.stallDeadline else { return false }
        // The kernel asks for more only when a good part of its buffer is free, which may take a slow client long.
        let waiting = Int64((try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0) + bytesInKernel
        let taken = transfer.handed - waiting
        if waiting > 0, !transfer.wasDelayed, taken - transfer.takenBefore < core.limits.stallBytes { return true }
        self.transfer?.takenBefore = taken
        self.transfer?.wasDelayed = transfer.delayed != nil
        self.transfer?.stallDeadline = now + TimeAmount(core.limits.stallTimeout)
        return false
    }

    // MARK: - The measure of the uplink

    private func openAccount() {
        account.check?.cancel()
        account.check = nil
        guard !account.isOpen else { return }
        account.open(at: UploadGate.now)
        core.gate.bodyBegan()
    }

    /// Counts what the client acknowledged since the last time, and returns how much is still in the kernel's hands.
    private func creditDelivered() -> Int64 {
        let queued = bytesInKernel
        let delivered = account.written - queued
        if delivered > account.credited {
            core.gate.delivered(delivered - account.credited)
            account.credit(delivered, at: UploadGate.now)
        }
        return queued
    }

    /// After the last window, the body is on its way until the client has acknowledged it all.
    private func settleAccount() {
        guard account.isOpen, transfer == nil, let context else { return }
        guard creditDelivered() > 0 else { return endAccount() }
        account.check = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(10)) { [weak self] in
            self?.settleAccount()
        }
    }

    func endAccount() {
        account.check?.cancel()
        account.check = nil
        guard account.isOpen else { return }
        account.isOpen = false
        core.gate.bodyEnded()
    }

    /// Bytes that were written and that the other side has not acknowledged; 0 where the system does not tell.
    private var bytesInKernel: Int64 {
        #if os(Linux)
            var count: CInt = 0
            guard let socket, ioctl(socket, UInt(TIOCOUTQ), &count) == 0 else { return 0 }
            return Int64(count)
        #else
            return 0
        #endif
    }
}
