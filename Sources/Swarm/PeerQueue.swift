package import MinionCore

/// Peers in the order of some rank, those of one rank in the order of their arrival: a binary heap that knows where each
/// peer is. Entering, leaving and finding the first cost O(log n), however many wait.
package struct PeerQueue<Rank: Comparable & Sendable>: Sendable {
    private struct Entry: Sendable {
        var rank: Rank
        var arrival: UInt64
        var id: PeerID

        static func < (a: Entry, b: Entry) -> Bool { a.rank != b.rank ? a.rank < b.rank : a.arrival < b.arrival }
    }

    private var entries: [Entry] = []
    private var places: [PeerID: Int] = [:]
    private var arrivals: UInt64 = 0

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }
    package var count: Int { entries.count }
    /// The lowest rank.
    package var firstRank: Rank? { entries.first?.rank }

    /// Enters a peer as the last of its rank, whether it was there or not.
    package mutating func insert(_ id: PeerID, _ rank: Rank) {
        remove(id)
        arrivals += 1
        entries.append(Entry(rank: rank, arrival: arrivals, id: id))
        places[id] = entries.count - 1
        rise(from: entries.count - 1)
    }

    package mutating func remove(_ id: PeerID) {
        guard !isEmpty, let place = places.removeValue(forKey: id) else { return }
        let last = entries.removeLast()
        guard place < entries.count else { return }
        put(last, at: place)
        rise(from: place)
        sink(from: place)
    }

    package mutating func removeAll() {
        guard !isEmpty else { return }
        entries = []
        places = [:]
    }

    /// Takes out all whose rank is not above `limit`, and returns them in the order of their arrival.
    package mutating func popAll(upTo limit: Rank) -> [PeerID] {
        var found: [Entry] = []
        while let first = entries.first, first.rank <= limit {
            found.append(first)
            remove(first.id)
        }
        return found.sorted { $0.arrival < $1.arrival }.map(\.id)
    }

    /// Everybody, in the order of arrival.
    package var byArrival: [PeerID] { entries.sorted { $0.arrival < $1.arrival }.map(\.id) }

    /// The first that fits. Cheap as long as few are looked at: O(k²) for k of them.
    package func first(where fits: (PeerID, Rank) -> Bool) -> (id: PeerID, rank: Rank)? {
        guard let top = entries.first else { return nil }
        if fits(top.id, top.rank) { return (top.id, top.rank) }
        // What comes next is always below something that has been looked at.
        var frontier = [1, 2].filter { $0 < entries.count }
        while let next = frontier.indices.min(by: { entries[frontier[$0]] < entries[frontier[$1]] }) {
            let place = frontier.remove(at: next)
            let entry = entries[place]
            if fits(entry.id, entry.rank) { return (entry.id, entry.rank) }
            for child in [2 * place + 1, 2 * place + 2] where child < entries.count { frontier.append(child) }
        }
        return nil
    }

    // MARK: The heap

    private mutating func put(_ entry: Entry, at place: Int) {
        entries[place] = entry
        places[entry.id] = place
    }

    private mutating func rise(from start: Int) {
        var place = start
        let entry = entries[place]
        while place > 0, entry < entries[(place - 1) / 2] {
            put(entries[(place - 1) / 2], at: place)
            place = (place - 1) / 2
        }
        if place != start { put(entry, at: place) }
    }

    private mutating func sink(from start: Int) {
        var place = start
        let entry = entries[place]
        while true {
            var child = 2 * place + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count, entries[child + 1] < entries[child] { child += 1 }
            guard entries[child] < entry else { break }
            put(entries[child], at: place)
            place = child
        }
        if place != start { put(entry, at: place) }
    }
}
