import MinionCore
import NIOCore
import PieceStore
import Swarm
import Synchronization

/// Reads a task's source, cut into pieces.
///
/// A source without ranges answers the stat with the whole file. That answer is kept and read on when the lease comes, so
/// that nothing leaves the source twice.
final class SourceReader: Sendable {
    private let client: SourceClient
    private let url: String
    private let headers: [DownloadRequest.Header]
    private let kept = Mutex<SourceResponse?>(nil)
    private let guarded: Atomic<Bool>

    init(client: SourceClient, url: String, headers: [DownloadRequest.Header], isGuarded: Bool = false) {
        self.client = client
        self.url = url
        self.headers = headers
        guarded = Atomic(isGuarded)
    }

    /// Whether nobody of this host wants the content, so that only sources are read that others may have it read.
    var isGuarded: Bool {
        get { guarded.load(ordering: .relaxed) }
        set { guarded.store(newValue, ordering: .relaxed) }
    }

    /// What a stat brought.
    enum Stat: Sendable {
        case version(TaskVersion)
        /// The source does not say how long the file is, so that it has to be read to the end first.
        case unsized(validator: String, freshSeconds: Double, SourceResponse)
        case failed(SourceFailure)
    }

    func stat() async -> Stat {
        do {
            switch try await client.stat(url, headers: headers, isGuarded: isGuarded) {
            case .ranged(let version):
                return .version(version)
            case .whole(let version, let response):
                kept.withLock { $0 = response }
                return .version(version)
            case .unsized(let validator, let freshSeconds, let response):
                return .unsized(validator: validator, freshSeconds: freshSeconds, response)
            }
        } catch {
            return .failed(Self.failure(error))
        }
    }

    /// Reads a run of pieces in order. Returns when all that arrived has been stored; `stored` has been called for each.
    func read(
        _ run: Range<PieceIndex>, into storage: TaskStorage,
        progress: @escaping @Sendable (Int64) -> Void,
        stored: @escaping @Sendable (PieceIndex, PieceHash) -> Void,
        diskFailed: @escaping @Sendable (any Error) -> Void
    ) async -> SourceFailure? {
        let cutter = RunCutter(run, storage, progress: progress, stored: stored, diskFailed: diskFailed)
        let response = run.lowerBound == 0 && !storage.version.hasRanges ? kept.withLock { $0.take() } : nil
        var failure: SourceFailure?
        do {
            if let response {
                try await response.read(cutter.take)
            } else {
                try await client.fetch(
                    url, headers: headers, range: storage.layout.range(of: run), of: storage.version,
                    isGuarded: isGuarded, cutter.take)
            }
        } catch {
            failure = Self.failure(error)
        }
        await cutter.finish()
        return failure
    }

    static func failure(_ error: any Error) -> SourceFailure {
        error as? SourceFailure ?? SourceFailure(.interrupted, "the read of the source was ended")
    }
}

/// Cuts the bytes of a run into its pieces.
private final class RunCutter: Sendable {
    private let run: Range<PieceIndex>
    private let storage: TaskStorage
    private let progress: @Sendable (Int64) -> Void
    private let stored: @Sendable (PieceIndex, PieceHash) -> Void
    private let diskFailed: @Sendable (any Error) -> Void
    private let state: Mutex<State>
    private let unfinished = OpenPieces()

    private struct State {
        var piece: PieceIndex
        /// Bytes of the piece that have come.
        var position: Int64 = 0
        /// Nil while a piece goes by that is here already.
        var receiver: PieceReceiver?
        var untold: Int64 = 0
    }

    /// Progress is told in steps of this many bytes, and with each piece.
    private static let progressStep: Int64 = 256 << 10

    init(
        _ run: Range<PieceIndex>, _ storage: TaskStorage, progress: @escaping @Sendable (Int64) -> Void,
        stored: @escaping @Sendable (PieceIndex, PieceHash) -> Void, diskFailed: @escaping @Sendable (any Error) -> Void
    ) {
        self.run = run
        self.storage = storage
        self.progress = progress
        self.stored = stored
        self.diskFailed = diskFailed
        state = Mutex(State(piece: run.lowerBound))
    }

    @Sendable func take(_ bytes: ByteBuffer) async throws {
        state.withLock { cut(bytes, &$0) }
        await storage.room()
    }

    private func cut(_ bytes: ByteBuffer, _ state: inout State) {
        var bytes = bytes
        while bytes.readableBytes > 0, state.piece < run.upperBound {
            if state.position == 0 { state.receiver = storage.makeReceiver(state.piece) }
            let length = storage.layout.length(of: state.piece)
            let count = Int(min(Int64(bytes.readableBytes), length - state.position))
            if let slice = bytes.readSlice(length: count) { state.receiver?.append(slice) }
            state.position += Int64(count)
            state.untold += Int64(count)
            if state.untold >= Self.progressStep || state.position == length {
                progress(state.untold)
                state.untold = 0
            }
            guard state.position == length else { continue }
            if let receiver = state.receiver { end(receiver) }
            state.receiver = nil
            state.piece += 1
            state.position = 0
        }
    }

    private func end(_ receiver: PieceReceiver) {
        unfinished.open()
        receiver.finish(isExpected: { _ in true }) { [self] outcome in
            switch outcome {
            case .stored(let hash):
                do {
                    try storage.file.record(StoredPiece(piece: receiver.piece, hash: hash))
                    stored(receiver.piece, hash)
                } catch {
                    diskFailed(error)
                }
            case .superseded, .bad: break
            case .failed(let error): diskFailed(error)
            }
            unfinished.close()
        }
    }

    /// Returns when every piece that came whole is stored.
    func finish() async {
        state.withLock { state in
            state.receiver?.abandon()
            state.receiver = nil
        }
        await unfinished.wait()
    }
}

/// Counts what is under way, and waits for the last.
private final class OpenPieces: Sendable {
    private struct State {
        var count = 0
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func open() { state.withLock { $0.count += 1 } }

    func close() {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.count -= 1
            return state.count == 0 ? state.waiter.take() : nil
        }
        waiter?.resume()
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if state.count > 0 { state.waiter = continuation }
                return state.count == 0
            }
            if isDone { continuation.resume() }
        }
    }
}
