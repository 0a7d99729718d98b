import MinionCore
import PieceStore
import Swarm
import SystemPackage

/// A listener of a run, and what it has been told.
struct Seat {
    let listener: DownloadListener
    let since = SteadyClock.now
    /// How far it has been told to read, if it follows, and of which version (nil: one that is not known yet).
    private(set) var prefix: Int64
    private(set) var version: TaskVersion?
    var digest: DigestFollower?
    fileprivate var lastTelling = Instant.zero

    var request: DownloadRequest { listener.request }

    fileprivate init(_ listener: DownloadListener) {
        self.listener = listener
        (prefix, version) = listener.remembered
    }

    /// Whether bytes of `version` fit to those that it has.
    func canFollow(_ version: TaskVersion) -> Bool {
        prefix == 0 || self.version?.isSameContent(as: version) == true
    }

    fileprivate mutating func passOn(_ end: Int64, of path: String, version: TaskVersion?) {
        guard request.inOrder, end > prefix else { return }
        (prefix, self.version) = (end, version)
        listener.tell(.prefix(path: path, bytes: end))
    }
}

/// All who listen to a run. Only the run's one task touches it.
struct Audience {
    private(set) var seats: [Seat] = []

    var isEmpty: Bool { seats.isEmpty }
    var isInOrder: Bool { seats.contains(where: \.request.inOrder) }
    /// Whether nobody of this host is among them.
    var isGuarded: Bool { seats.allSatisfy(\.listener.isGuarded) }
    var mayUseSource: Bool { seats.contains(where: \.request.mayUseSource) }
    /// Bytes per second, the most that anybody allows; nil: unlimited.
    var downloadRate: Double? { Self.most(seats.map(\.request.downloadRate)) }
    var uploadRate: Double? { Self.most(seats.map(\.request.uploadRate)) }

    private static func most(_ rates: [Double?]) -> Double? {
        rates.contains(nil) ? nil : rates.compactMap(\.self).max()
    }

    mutating func add(_ listener: DownloadListener) { seats.append(Seat(listener)) }

    /// Takes a listener out, if it is still there.
    @discardableResult
    mutating func remove(_ listener: DownloadListener) -> Seat? {
        guard let place = seats.firstIndex(where: { $0.listener === listener }) else { return nil }
        return seats.remove(at: place)
    }

    mutating func remove(where condition: (Seat) -> Bool) -> [Seat] {
        defer { seats.removeAll(where: condition) }
        return seats.filter(condition)
    }

    mutating func removeAll() -> [Seat] {
        defer { seats = [] }
        return seats
    }

    /// Changes what is noted of a listener, if it is still there.
    mutating func update(_ listener: DownloadListener, _ change: (inout Seat) -> Void) {
        guard let place = seats.firstIndex(where: { $0.listener === listener }) else { return }
        change(&seats[place])
    }

    func tell(_ update: DownloadUpdate) {
        for seat in seats { seat.listener.tell(update) }
    }

    /// Tells those how far it is who want to know it again by now.
    mutating func tell(_ progress: DownloadProgress, at now: Instant) {
        for place in seats.indices
        where (now - seats[place].lastTelling).inSeconds >= 0.9 * seats[place].request.progressSeconds {
            seats[place].lastTelling = now
            seats[place].listener.tell(.progress(progress))
        }
    }

    /// Tells those who follow how much of the file they may read.
    mutating func passOn(_ end: Int64, of path: String, version: TaskVersion?) {
        for place in seats.indices { seats[place].passOn(end, of: path, version: version) }
    }
}

/// Hashes a whole file while it grows.
struct DigestFollower: Sendable {
    let expected: ContentDigest
    let digester: PrefixDigester
    var position: Int64 = 0
    var isBusy = false

    /// Worth a visit to the disk.
    static let step: Int64 = 4 << 20
    /// The most that is hashed in one visit, so that others get their turn.
    static let most: Int64 = 64 << 20

    /// `reader` is closed in the end.
    init(expected: ContentDigest, reader: FileDescriptor) {
        self.expected = expected
        digester = PrefixDigester(reader: reader, algorithm: expected.algorithm)
    }

    /// Hashes what is left of `size` bytes, and tells what is wrong; nil: nothing. Blocks.
    func mismatch(size: Int64, name: String) throws -> DownloadError? {
        let found = try digester.finish(size: size)
        guard found != expected else { return nil }
        return DownloadError(
            .checksumMismatch, "\(name): the content has \(found), not \(expected); nothing was kept")
    }
}
