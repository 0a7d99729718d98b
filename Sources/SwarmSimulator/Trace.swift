/// The last events of a run, kept in a form that costs little and turned into text only when a run has failed.
struct Trace {
    enum Kind: String {
        case starts, opens, completes, fails, dies, vanishes, leaves, stalls, recovers
        case asksTracker = "reports to the tracker"
        case trackerAnswers = "is answered by the tracker"
        case trackerFails = "cannot reach the tracker"
        case getsLease = "gets a lease"
        case stats = "stats the source"
        case reads = "reads from the source"
        case stopsReading = "stops reading from the source"
        case hasRead = "has from the source"
        case readEnds = "ends a read"
        case connects = "connects to"
        case disconnects = "disconnects from"
        case connected = "is connected to"
        case loses = "loses"
        case asks = "asks"
        case cancels = "cancels"
        case receives = "receives"
        case isDenied = "gets a busy or missing from"
        case isFailed = "gets a failure from"
        case receivesDamage = "receives damaged data from"
        case discards, offers
        case sourceFault = "source fault"
        case trackerFault = "tracker fault"
    }

    private struct Entry {
        var time: Int64
        var kind: Kind
        var host: Int32
        var other: Int32
        var piece: Int
        var last: Int
    }

    private var entries: [Entry] = []
    private var position = 0
    private let capacity: Int

    /// - Parameter capacity: entries kept; 0: nothing is.
    init(capacity: Int) { self.capacity = capacity }

    mutating func add(
        _ kind: Kind, _ host: Int32, other: Int32 = -1, piece: Int = -1, to last: Int = -1, at time: Int64
    ) {
        guard capacity > 0 else { return }
        let entry = Entry(time: time, kind: kind, host: host, other: other, piece: piece, last: last)
        if entries.count < capacity {
            entries.append(entry)
        } else {
            entries[position] = entry
            position = (position + 1) % capacity
        }
    }

    /// The last `count` entries that concern one of `hosts`, or any host if that is nil, oldest first.
    func lines(last count: Int, about hosts: Set<Int32>? = nil) -> [String] {
        let ordered = entries[position...] + entries[..<position]
        let relevant = ordered.filter { entry in
            guard let hosts, entry.host >= 0 else { return true }
            return hosts.contains(entry.host) || hosts.contains(entry.other)
        }
        return relevant.suffix(count).map(Self.line)
    }

    private static func line(_ entry: Entry) -> String {
        let microseconds = entry.time / 1000
        let fraction = String(microseconds % 1_000_000)
        var text =
            "\(microseconds / 1_000_000)." + String(repeating: "0", count: 6 - fraction.count) + fraction + " s  "
        if entry.host >= 0 { text += "host \(entry.host) " }
        text += entry.kind.rawValue
        if entry.other >= 0 { text += " host \(entry.other)" }
        if entry.last > entry.piece + 1 {
            text += ", pieces \(entry.piece)-\(entry.last - 1)"
        } else if entry.piece >= 0 {
            text += ", piece \(entry.piece)"
        }
        return text
    }
}
