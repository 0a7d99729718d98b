package import MinionCore
import Swarm
package import Wire

/// Which clients of the first Minion's protocol serve which resource, for as long as they say so.
package struct MinionRegistry: Sendable {
    package struct Limits: Hashable, Sendable {
        package var resources = 10_000
        package var peersPerResource = 20_000
        package var peers = 200_000

        package init() {}
    }

    package enum Refusal: Error, Hashable, Sendable {
        case tooManyResources, tooManyPeers
    }

    /// How long an announcement counts. The first Minion's clients repeat theirs every 60 s.
    package static let expiry = Duration.seconds(180)
    /// How often everything is searched for what has expired.
    private static let sweepInterval = Duration.seconds(30)

    private struct Key: Hashable {
        var address: IPv4Address
        var port: Int
    }

    private struct Row {
        var peer: MinionCompat.Peer
        /// The address that the announcement came from.
        var registrant: String
        var expires: Instant

        var key: Key { Key(address: peer.address, port: peer.port) }
    }

    /// The peers of one resource, in no order, and where each of them is.
    private struct Table {
        var rows: [Row] = []
        var places: [Key: Int] = [:]
        /// Nothing expires before.
        var nextExpiry = Instant.never

        mutating func append(_ row: Row) {
            places[row.key] = rows.count
            rows.append(row)
            nextExpiry = min(nextExpiry, row.expires)
        }

        mutating func remove(at place: Int) {
            places[rows[place].key] = nil
            rows.swapAt(place, rows.count - 1)
            rows.removeLast()
            if place < rows.count { places[rows[place].key] = place }
        }

        mutating func removeExpired(at now: Instant) {
            for place in rows.indices.reversed() where rows[place].expires <= now { remove(at: place) }
            nextExpiry = rows.reduce(.never) { min($0, $1.expires) }
        }
    }

    private let limits: Limits
    private var tables: [String: Table] = [:]
    private var random: SeededGenerator
    private var nextSweep = Instant.zero
    /// Peers of all resources; some may have expired since the last look at their resource.
    package private(set) var count = 0

    package init(limits: Limits = Limits(), seed: UInt64) {
        self.limits = limits
        random = SeededGenerator(seed: seed)
    }

    /// Enters a peer, or keeps it for another while if it is there; its site stays the one of the first time.
    ///
    /// - Parameter registrant: the address that the announcement came from.
    package mutating func announce(
        _ announcement: MinionCompat.Announcement, from registrant: String, at now: Instant
    ) throws(Refusal) {
        sweepIfDue(at: now)
        removeExpired(of: announcement.resource, at: now)
        let peer = announcement.peer
        let key = Key(address: peer.address, port: peer.port)
        let expires = now + Self.expiry
        if let place = tables[announcement.resource]?.places[key] {
            tables[announcement.resource]?.rows[place].expires = expires
            return
        }
        guard tables[announcement.resource] != nil || tables.count < limits.resources else { throw .tooManyResources }
        guard count < limits.peers, tables[announcement.resource]?.rows.count ?? 0 < limits.peersPerResource else {
            throw .tooManyPeers
        }
        tables[announcement.resource, default: Table()].append(
            Row(peer: peer, registrant: registrant, expires: expires))
        count += 1
    }

    /// Removes a peer, if it asks for that itself or if it is asked by whoever announced it; anybody else is ignored.
    /// Returns whether it was removed.
    @discardableResult
    package mutating func withdraw(
        _ peer: MinionCompat.Peer, resource: String, from caller: String, at now: Instant
    ) -> Bool {
        removeExpired(of: resource, at: now)
        guard let table = tables[resource],
            let place = table.places[Key(address: peer.address, port: peer.port)],
            caller == peer.address.description || caller == table.rows[place].registrant
        else { return false }
        change(resource) { $0.remove(at: place) }
        return true
    }

    /// Up to `limit` peers of a resource in random order, each set of them equally likely.
    ///
    /// - Parameters:
    ///   - site: if given, only peers of this site are returned.
    ///   - others: peers known from elsewhere, among which is chosen as well.
    package mutating func peers(
        of resource: String, limit: Int, site: String? = nil, others: [MinionCompat.Peer] = [], at now: Instant
    ) -> [MinionCompat.Peer] {
        sweepIfDue(at: now)
        removeExpired(of: resource, at: now)
        let table = tables[resource] ?? Table()
        let others = others.filter { other in
            table.places[Key(address: other.address, port: other.port)] == nil && (site == nil || other.site == site)
        }
        guard let site else {
            let known = table.rows.count
            return sample(min(limit, known + others.count), of: known + others.count).map {
                $0 < known ? table.rows[$0].peer : others[$0 - known]
            }
        }
        let near = table.rows.map(\.peer).filter { $0.site == site } + others
        return sample(min(limit, near.count), of: near.count).map { near[$0] }
    }

    /// The resources that have a peer, in no order.
    package mutating func resources(at now: Instant) -> [String] {
        sweep(at: now)
        return Array(tables.keys)
    }

    /// `count` different numbers below `total`, in random order (Floyd's algorithm, so that a few out of many are cheap).
    private mutating func sample(_ count: Int, of total: Int) -> [Int] {
        var chosen = Set<Int>()
        var result: [Int] = []
        for upper in total - max(0, count)..<total {
            let drawn = Int.random(in: 0...upper, using: &random)
            let number = chosen.insert(drawn).inserted ? drawn : upper
            chosen.insert(number)
            result.append(number)
        }
        return result.shuffled(using: &random)
    }

    // MARK: Expiry

    private mutating func sweepIfDue(at now: Instant) {
        if now >= nextSweep { sweep(at: now) }
    }

    private mutating func sweep(at now: Instant) {
        nextSweep = now + Self.sweepInterval
        for resource in Array(tables.keys) { removeExpired(of: resource, at: now) }
    }

    private mutating func removeExpired(of resource: String, at now: Instant) {
        guard let table = tables[resource], table.nextExpiry <= now else { return }
        change(resource) { $0.removeExpired(at: now) }
    }

    /// Changes a table and forgets it if nothing is left.
    private mutating func change(_ resource: String, _ body: (inout Table) -> Void) {
        // Taken out while it is changed, so that its rows are not copied.
        guard var table = tables.removeValue(forKey: resource) else { return }
        count -= table.rows.count
        body(&table)
        count += table.rows.count
        if !table.rows.isEmpty { tables[resource] = table }
    }
}
