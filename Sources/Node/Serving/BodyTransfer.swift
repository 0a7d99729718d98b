import MinionCore
import NIOCore

/// A body on its way: where it is, and what its client has taken.
struct BodyTransfer {
    let task: ServedTask
    let file: TaskReader
    private let ranges: [Range<Int64>]
    private var index = 0
    private var position: Int64
    let began = UploadGate.now

    /// Bytes handed to the channel, in this body.
    private(set) var handed: Int64 = 0
    /// A window that waits for its tokens.
    var delayed: Scheduled<Void>?

    // What a stall is told by.
    var stallDeadline: NIODeadline
    var takenBefore: Int64 = 0
    var wasDelayed = false

    init(order: BodyOrder, file: TaskReader, stallDeadline: NIODeadline) {
        task = order.task
        self.file = file
        ranges = order.ranges.filter { !$0.isEmpty }
        position = ranges.first?.lowerBound ?? 0
        self.stallDeadline = stallDeadline
    }

    /// How many bytes follow without a gap; 0 at the end.
    var remaining: Int64 { index < ranges.count ? ranges[index].upperBound - position : 0 }

    /// Moves on by `count` bytes, at most `remaining`, and returns them.
    mutating func advance(by count: Int64) -> Range<Int64> {
        let bytes = position..<position + count
        handed += count
        position += count
        if position == ranges[index].upperBound {
            index += 1
            if index < ranges.count { position = ranges[index].lowerBound }
        }
        return bytes
    }

    /// The end of the next `count` bytes.
    func end(ofNext count: Int64) -> Int64 { position + count }
}

/// What a connection's client has received of all bodies, for the measure of the uplink.
struct DeliveryAccount {
    /// Bytes that the kernel has taken.
    var written: Int64 = 0
    /// Bytes that the client has acknowledged, as far as they are counted.
    private(set) var credited: Int64 = 0
    /// Whether the connection counts as one with a body on its way.
    var isOpen = false
    /// Bytes per second that the client lately acknowledged while bodies were on their way; 0: not known.
    private(set) var rate: Double = 0
    /// Up to when the time is counted, and what it and the bytes acknowledged in it come to.
    private var counted = Instant.zero
    private var busy = Duration.zero
    private var bytes: Int64 = 0
    var check: Scheduled<Void>?

    /// The time that makes one measurement of the rate.
    private static let sample = Duration.milliseconds(100)

    mutating func open(at now: Instant) {
        isOpen = true
        counted = now
    }

    /// The client has acknowledged `total` bytes by now.
    mutating func credit(_ total: Int64, at now: Instant) {
        bytes += total - credited
        credited = total
        busy += now - counted
        counted = now
        guard busy >= Self.sample else { return }
        rate = Double(bytes) / busy.inSeconds
        (busy, bytes) = (.zero, 0)
    }
}
