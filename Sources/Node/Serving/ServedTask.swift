import Crypto
package import MinionCore
import NIOCore
package import Swarm
import Synchronization

/// An open file that a task is served from.
package struct ServedFile: Sendable {
    let descriptor: CInt
    let pin: (any Sendable)?

    /// - Parameters:
    ///   - descriptor: Is closed in the end.
    ///   - pin: Held until then.
    package init(descriptor: CInt, pin: (any Sendable)? = nil) {
        self.descriptor = descriptor
        self.pin = pin
    }
}

/// One task that this node can serve: its file, and which pieces of it are verified.
///
/// Any thread may call it. What it offers only ever grows while pieces arrive; `withdraw` takes back what turned out to
/// be wrong.
package final class ServedTask: Sendable {
    package let id: TaskID
    package let version: TaskVersion
    package let layout: PieceLayout
    /// The name under which old clients ask for the task. Empty if they may not have it, or if it is not to be listed:
    /// a task whose source wants credentials.
    package let resource: String
    /// For people.
    package let name: String
    /// The strong `ETag` of the version, with its quotes.
    let entityTag: String
    /// What may be sent of it per second; nil: what the server lets all such tasks have.
    let uploads: RateLimiter?

    /// Whether the file is somebody else's, who may write to it at any time. Its bytes are then copied before they are
    /// sent, and only those are sent after which the file was still unchanged.
    let isForeign: Bool
    /// Tells its requests from those for other tasks.
    let flow = UploadQueue.Flow.random(in: 0..<1 << 40)
    /// Whether the node had all of it from the start. Then the pieces that were served least come first.
    let isServedOnly: Bool

    private let openFile: @Sendable () throws -> ServedFile
    private let isUnchanged: @Sendable () -> Bool
    private let sent = Atomic<Int64>(0)
    private let state: Mutex<State>

    private struct State {
        var offered: PieceSet
        var proofs: [PieceIndex: PieceProof] = [:]
        var isWithdrawn = false
        var lastCheck: Instant?
        /// One open file per event loop; it stays open only as long as a connection of that loop uses it.
        var readers: [ObjectIdentifier: WeakReader] = [:]
        var subscribers: [UInt64: Subscriber] = [:]
        var nextSubscriber: UInt64 = 0
        /// Whose part it is to take it off the shelf.
        var owner: PeerID?
        var whenLost: @Sendable () -> Void = {}
        /// MD5 of old pieces; see `OldPieces`.
        var digests: [Int: String] = [:]
    }

    private struct WeakReader {
        weak var reader: TaskReader?
    }

    private struct Subscriber {
        let wake: @Sendable () -> Void
        /// Whether it was woken and has not looked since.
        var isAwake = false
    }

    /// Old pieces whose MD5 is kept; past it, all are forgotten.
    private static let digestLimit = 16384

    /// - Parameters:
    ///   - uploads: What may be sent of it per second; nil: what the server lets all such tasks have.
    ///   - isForeign: Whether the file is somebody else's, who may write to it at any time.
    ///   - isServedOnly: Whether the node had all of it from the start.
    ///   - openReader: Opens the task's file for reading. May block.
    ///   - isUnchanged: Whether the complete file is still the one that was verified. May block.
    package init(
        id: TaskID, version: TaskVersion, layout: PieceLayout, resource: String, name: String,
        uploads: RateLimiter? = nil, isForeign: Bool = false, isServedOnly: Bool = false,
        openReader: @escaping @Sendable () throws -> ServedFile, isUnchanged: @escaping @Sendable () -> Bool
    ) {
        self.id = id
        self.version = version
        self.layout = layout
        self.resource = resource
        self.name = name
        self.uploads = uploads
        self.isForeign = isForeign
        self.isServedOnly = isServedOnly
        self.openFile = openReader
        self.isUnchanged = isUnchanged
        let described = "\(layout.size)/\(layout.pieceSize)\n\(version.validator)"
        entityTag = "\"" + Hex.text(SHA256.hash(data: Array(described.utf8)).prefix(16)) + "\""
        state = Mutex(State(offered: PieceSet(capacity: layout.count)))
    }

    // MARK: - What is offered

    /// Serves these pieces from now on and tells the subscribers. Pieces that the task does not have are ignored.
    package func offer(_ proofs: [PieceProof]) {
        let wakes = state.withLock { state -> [@Sendable () -> Void] in
            guard !state.isWithdrawn else { return [] }
            var isNews = false
            for proof in proofs where proof.piece >= 0 && proof.piece < layout.count {
                isNews = state.offered.insert(proof.piece) || isNews
                state.proofs[proof.piece] = proof
            }
            return isNews ? Self.rouse(&state) : []
        }
        for wake in wakes { wake() }
    }

    /// No longer serves a piece. Subscribers hear of it only when it is offered again.
    package func withdraw(_ piece: PieceIndex) {
        let wakes = state.withLock { state -> [@Sendable () -> Void] in
            state.proofs[piece] = nil
            state.digests = [:]
            return state.offered.remove(piece) ? Self.rouse(&state) : []
        }
        for wake in wakes { wake() }
    }

    /// Serves nothing of the task any more, for good, and ends the news streams.
    package func withdrawAll() {
        let wakes = state.withLock { state -> [@Sendable () -> Void] in
            state.isWithdrawn = true
            state.offered = PieceSet(capacity: layout.count)
            state.proofs = [:]
            state.digests = [:]
            return Self.rouse(&state)
        }
        for wake in wakes { wake() }
    }

    package var offered: PieceSet { state.withLock { $0.offered } }

    /// Bytes of bodies that went out.
    package var bytesSent: Int64 { sent.load(ordering: .relaxed) }

    func countSent(_ bytes: Int64) { sent.add(bytes, ordering: .relaxed) }

    func proof(of piece: PieceIndex) -> PieceProof? { state.withLock { $0.proofs[piece] } }

    /// Whether every byte of every range is offered.
    func offers(_ ranges: [Range<Int64>]) -> Bool {
        let offered = offered
        return ranges.allSatisfy { range in
            let pieces = layout.pieces(holding: range)
            return pieces.isEmpty || (offered.firstMissing(from: pieces.lowerBound) ?? .max) >= pieces.upperBound
        }
    }

    /// What the upload queue calls the piece at that place of the file; nil if its requests are served as they come.
    func item(at offset: Int64) -> UploadQueue.Item? {
        isServedOnly ? flow << 24 | UInt64(offset / layout.pieceSize) : nil
    }

    // MARK: - Whose it is

    /// Whether it offers all pieces of just this version.
    func isComplete(_ version: TaskVersion) -> Bool {
        version.isSameContent(as: self.version) && offered.isComplete
    }

    /// Has somebody else care for it from now on, who is told when the content turns out to be changed or gone.
    func claim(for owner: PeerID, whenLost: @escaping @Sendable () -> Void) {
        state.withLock { state in
            state.owner = owner
            state.whenLost = whenLost
        }
    }

    /// True if nobody else has claimed it.
    func isClaimed(for owner: PeerID) -> Bool { state.withLock { $0.owner == nil || $0.owner == owner } }

    /// Tells whoever cares for it that its content is not to be had any more.
    func lose() { state.withLock { $0.whenLost }() }

    // MARK: - News

    /// Calls `wake` (on any thread) when there is something new, at most once until the next `news(for:)`. Nil if there
    /// are `limit` subscribers already, or if the task is withdrawn.
    func subscribe(limit: Int, wake: @escaping @Sendable () -> Void) -> UInt64? {
        state.withLock { state in
            guard state.subscribers.count < limit, !state.isWithdrawn else { return nil }
            state.nextSubscriber += 1
            state.subscribers[state.nextSubscriber] = Subscriber(wake: wake)
            return state.nextSubscriber
        }
    }

    func unsubscribe(_ subscriber: UInt64) {
        _ = state.withLock { $0.subscribers.removeValue(forKey: subscriber) }
    }

    /// What is offered now; nil once the task is withdrawn.
    func news(for subscriber: UInt64) -> PieceSet? {
        state.withLock { state in
            state.subscribers[subscriber]?.isAwake = false
            return state.isWithdrawn ? nil : state.offered
        }
    }

    private static func rouse(_ state: inout State) -> [@Sendable () -> Void] {
        var wakes: [@Sendable () -> Void] = []
        for (id, subscriber) in state.subscribers where !subscriber.isAwake {
            state.subscribers[id]?.isAwake = true
            wakes.append(subscriber.wake)
        }
        return wakes
    }

    // MARK: - The file

    /// The reader of an event loop, if one is open.
    func openReader(on loop: ObjectIdentifier) -> TaskReader? {
        state.withLock { $0.readers[loop]?.reader }
    }

    /// Opens the file for an event loop. Blocks.
    func makeReader(on loop: ObjectIdentifier) throws -> TaskReader {
        let reader = TaskReader(try openFile())
        return state.withLock { state in
            if let other = state.readers[loop]?.reader { return other }
            state.readers[loop] = WeakReader(reader: reader)
            return reader
        }
    }

    /// Whether it is time, and the caller's part, to see if the complete file has changed (`isStillThere`).
    func claimCheck(every interval: Duration, at now: Instant) -> Bool {
        state.withLock { state in
            guard state.offered.isComplete else { return false }
            if let last = state.lastCheck, now - last < interval { return false }
            state.lastCheck = now
            return true
        }
    }

    /// Blocks.
    var isStillThere: Bool { isUnchanged() }

    // MARK: - Old pieces

    func digest(ofOldPiece piece: Int) -> String? { state.withLock { $0.digests[piece] } }

    /// Works out the digests of old pieces that are offered whole. Blocks.
    func makeDigests(ofOldPieces pieces: [Int], with reader: TaskReader) {
        for piece in pieces where digest(ofOldPiece: piece) == nil {
            let range = OldPieces.range(of: piece, in: layout.size)
            guard offers([range]), let digest = reader.md5(of: range) else { continue }
            state.withLock { state in
                if state.digests.count >= Self.digestLimit { state.digests = [:] }
                state.digests[piece] = digest
            }
        }
    }
}
