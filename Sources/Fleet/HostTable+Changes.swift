package import MinionCore

/// What changes besides the reports: news, orders, and hosts that go.
extension HostTable {
    // MARK: News

    /// Tells all hosts what a cluster asks of them from now on.
    ///
    /// - Parameter ownURL: this scheduler as it is among `news.schedulers`.
    package mutating func setNews(_ news: SchedulerNews, ownURL: String, at now: Instant) -> [Action] {
        perform { table in
            let isMoved = table.news?.schedulers != news.schedulers || table.ownURL != ownURL
            (table.news, table.ownURL) = (news, ownURL)
            for id in table.hosts.keys.sorted() {
                if isMoved {
                    let (wasOwn, isOwn) = (table.hosts[id]?.isOwn, table.isOwn(id))
                    table.hosts[id]?.isOwn = isOwn
                    // The scheduler that has told of it so far does so no longer.
                    if isOwn, wasOwn == false { table.noteChange(of: id) }
                }
                table.settle(id, at: now)
            }
        }
    }

    /// Of several schedulers, one tells the manager of a host.
    func isOwn(_ id: PeerID) -> Bool {
        guard let all = news?.schedulers, all.count > 1, all.contains(ownURL) else { return true }
        return SchedulerRing.order(of: all, for: id.hex).first == ownURL
    }

    // MARK: Leaving

    package func membership(of id: PeerID, secret: String) -> Membership {
        guard let host = hosts[id] else { return .unknown }
        return host.secret == secret ? .confirmed : .wrongSecret
    }

    /// A host says good-bye, or may not stay.
    package mutating func leave(_ id: PeerID) -> [Action] { perform { $0.depart(id) } }

    /// The connection of a host is lost. One that holds reports is given up soon, unless it reports on another.
    package mutating func connectionClosed(of id: PeerID, at now: Instant) {
        guard let host = hosts[id], host.isHolding else { return }
        hosts[id]?.held = nil
        hosts[id]?.isLost = true
        let end = min(host.expires, now + limits.closedPatience)
        hosts[id]?.expires = end
        due[id] = end
        nextWake = min(nextWake, max(end, now + Self.sweep))
    }

    /// An operator has removed hosts: these are told why, and do not come back under the same id.
    package mutating func remove(_ ids: [PeerID]) -> [Action] {
        perform { table in
            for id in ids where table.isRemoved.insert(id).inserted {
                table.removed.append(id)
                if let held = table.hosts[id]?.held {
                    var reply = HostReply()
                    reply.refusal = "an operator has removed this host from its cluster"
                    table.hosts[id]?.held = nil
                    table.actions.append(.reply(ticket: held.ticket, reply))
                }
                table.depart(id)
                // The manager knows.
                table.departed[id] = nil
            }
            let excess = table.removed.count - table.limits.removals
            guard excess > 0 else { return }
            table.isRemoved.subtract(table.removed.prefix(excess))
            table.removed.removeFirst(excess)
        }
    }

    /// Answers everybody who waits.
    package mutating func answerAll() -> [Action] {
        perform { table in for id in table.hosts.keys.sorted() { table.release(id) } }
    }

    mutating func depart(_ id: PeerID) {
        release(id)
        guard let host = hosts.removeValue(forKey: id) else { return }
        due[id] = nil
        if host.isOwn {
            changes += 1
            lastMove = changes
            departed[id] = (
                HostState(id: id.hex, facts: host.facts, counters: host.counters, isActive: false), changes
            )
        }
        actions.append(.left(id))
    }

    // MARK: Time

    /// Answers what has been held long enough, and gives up who is silent.
    package mutating func timer(at now: Instant) -> [Action] {
        perform { table in
            for id in table.due.filter({ $0.value <= now }).keys.sorted() {
                if let host = table.hosts[id], host.expires <= now {
                    table.depart(id)
                } else {
                    table.settle(id, at: now)
                }
            }
            table.nextWake = table.due.values.min().map { max($0, now + Self.sweep) } ?? .never
        }
    }

    // MARK: Orders

    /// Gives a host something to do. False if it is not there, or has too much to do already.
    package mutating func order(_ order: HostOrder, to id: PeerID, at now: Instant) -> (isTaken: Bool, [Action]) {
        guard let host = hosts[id], host.orders.count < limits.ordersPerHost else { return (false, []) }
        guard !host.orders.contains(where: { $0.id == order.id }) else { return (true, []) }
        hosts[id]?.orders.append(order)
        return (true, perform { $0.settle(id, at: now) })
    }

    /// Takes an order back.
    package mutating func withdraw(_ order: String, from id: PeerID, at now: Instant) -> [Action] {
        guard let index = hosts[id]?.orders.firstIndex(where: { $0.id == order }) else { return [] }
        hosts[id]?.orders.remove(at: index)
        return perform { $0.settle(id, at: now) }
    }
}
