import MinionCore
import NIOCore
import PieceStore
import Synchronization

/// Takes the bytes of one piece as they arrive, in order, and stores them once they are verified.
///
/// Hashing and writing happen on the threads of the intake, in batches, while the rest is still arriving.
final class PieceReceiver: Sendable {
    enum Outcome: Sendable {
        case stored(PieceHash)
        /// Somebody else has stored the piece meanwhile.
        case superseded
        /// Too few bytes, or not those that were expected.
        case bad
        case failed(StorageError)
    }

    let piece: PieceIndex
    private let file: PieceFile
    private let intake: PieceIntake
    private let slots: PieceSlots
    private let slot: PieceSlots.Slot
    private let token: UInt64
    private let isOwner: Bool
    private let start: Int64
    private let length: Int
    private let inbox = Mutex(Inbox())
    private let worker = Mutex(Worker())

    /// What has arrived and waits for a thread.
    private struct Inbox {
        var buffers: [ByteBuffer] = []
        var bytes = 0
        /// Those of the bytes that count at the intake: all of them, once there is something worth a write. What only
        /// waits for more must not count: of many tasks, each with less than a batch, nobody would ever read on.
        var charged = 0
        var isRunning = false
        var ending: Ending?
    }

    private struct Ending {
        let isExpected: @Sendable (PieceHash) -> Bool
        let done: @Sendable (Outcome) -> Void
    }

    /// What the thread at work has done so far. Only one is at work at a time.
    private struct Worker {
        var hasher = PieceHasher()
        var position = 0
        var kept: [ByteBuffer] = []
        var failure: StorageError?
    }

    /// Bytes handed to a thread at a time, unless the piece ends.
    private static let batch = 256 << 10
    /// Buffers smaller than this are put together, so that a batch never has many.
    private static let smallBuffer = 16 << 10

    /// Nil if the piece is there already.
    init?(_ piece: PieceIndex, of layout: PieceLayout, file: PieceFile, intake: PieceIntake, slots: PieceSlots) {
        guard let (slot, token, isOwner) = slots.claim(piece) else { return nil }
        self.piece = piece
        self.file = file
        self.intake = intake
        self.slots = slots
        (self.slot, self.token, self.isOwner) = (slot, token, isOwner)
        start = layout.range(of: piece).lowerBound
        length = Int(layout.length(of: piece))
    }

    /// Takes the next bytes. The caller sees to it that there are no more than the piece has.
    func append(_ buffer: ByteBuffer) {
        let mustRun = inbox.withLock { inbox in
            inbox.bytes += buffer.readableBytes
            if let last = inbox.buffers.indices.last, buffer.readableBytes < Self.smallBuffer,
                inbox.buffers[last].readableBytes < Self.smallBuffer
            {
                inbox.buffers[last].writeImmutableBuffer(buffer)
            } else {
                inbox.buffers.append(buffer)
            }
            guard inbox.bytes >= Self.batch else { return false }
            charge(&inbox)
            return claimRun(&inbox)
        }
        if mustRun { run() }
    }

    /// Ends the piece: its hash is held against what is expected; `done` is called on a thread of the intake.
    func finish(
        isExpected: @escaping @Sendable (PieceHash) -> Bool, done: @escaping @Sendable (Outcome) -> Void
    ) {
        let mustRun = inbox.withLock { inbox in
            inbox.ending = Ending(isExpected: isExpected, done: done)
            charge(&inbox)
            return claimRun(&inbox)
        }
        if mustRun { run() }
    }

    /// Gives up; what was written counts for nothing.
    func abandon() {
        slot.release(token)
        let dropped = inbox.withLock { inbox in
            defer { (inbox.buffers, inbox.bytes, inbox.charged) = ([], 0, 0) }
            return inbox.charged
        }
        intake.discharge(dropped)
    }

    private func charge(_ inbox: inout Inbox) {
        intake.charge(inbox.bytes - inbox.charged)
        inbox.charged = inbox.bytes
    }

    private func claimRun(_ inbox: inout Inbox) -> Bool {
        guard !inbox.isRunning else { return false }
        inbox.isRunning = true
        return true
    }

    private func run() {
        intake.submit { [self] in
            while let (batch, bytes, ending) = takeBatch() {
                worker.withLock { process(batch, &$0) }
                intake.discharge(bytes)
                if let ending {
                    ending.done(worker.withLock { conclude(ending, &$0) })
                    return
                }
            }
        }
    }

    /// The next batch, and the end if it is the last; nil, and no longer running, if there is nothing worth a write.
    private func takeBatch() -> ([ByteBuffer], Int, Ending?)? {
        inbox.withLock { inbox in
            guard inbox.ending != nil || inbox.bytes >= Self.batch else {
                inbox.isRunning = false
                return nil
            }
            defer { (inbox.buffers, inbox.bytes, inbox.charged) = ([], 0, 0) }
            // It may refer to whoever holds this.
            return (inbox.buffers, inbox.bytes, inbox.ending.take())
        }
    }

    private func process(_ batch: [ByteBuffer], _ worker: inout Worker) {
        guard worker.failure == nil, !batch.isEmpty else { return }
        for buffer in batch { buffer.withUnsafeReadableBytes { worker.hasher.update($0) } }
        let count = batch.reduce(0) { $0 + $1.readableBytes }
        do {
            if isOwner {
                try slot.write(token) { try write(batch, at: worker.position) }
            } else {
                worker.kept += batch
            }
            worker.position += count
        } catch let error as StorageError {
            worker.failure = error
        } catch {
            worker.failure = StorageError(.other, "\(error)")
        }
    }

    private func conclude(_ ending: Ending, _ worker: inout Worker) -> Outcome {
        if let failure = worker.failure {
            slot.release(token)
            return .failed(failure)
        }
        let hash = worker.hasher.finalize()
        guard worker.position == length, ending.isExpected(hash) else {
            slot.release(token)
            return .bad
        }
        do {
            let kept = worker.kept
            let isFirst = try slots.seal(piece, slot) { if !isOwner { try write(kept, at: 0) } }
            return isFirst ? .stored(hash) : .superseded
        } catch let error as StorageError {
            return .failed(error)
        } catch {
            return .failed(StorageError(.other, "\(error)"))
        }
    }

    private func write(_ buffers: [ByteBuffer], at position: Int) throws {
        try withReadableBytes(of: buffers[...], []) { try file.write($0, at: start + Int64(position)) }
    }

    /// Calls `body` with the memory of all buffers at once.
    private func withReadableBytes(
        of buffers: ArraySlice<ByteBuffer>, _ pointers: [UnsafeRawBufferPointer],
        _ body: ([UnsafeRawBufferPointer]) throws -> Void
    ) throws {
        guard let first = buffers.first else { return try body(pointers) }
        try first.withUnsafeReadableBytes { try withReadableBytes(of: buffers.dropFirst(), pointers + [$0], body) }
    }
}
