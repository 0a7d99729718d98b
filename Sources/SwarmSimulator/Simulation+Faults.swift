import MinionCore
import Swarm

/// What goes wrong with hosts.
extension Simulation {
    func apply(_ fault: HostFault, to host: SimulatedHost) {
        switch fault {
        case .dies:
            guard host.isRunning else { return }
            trace.add(.dies, host.index, at: now)
            stop(host)
            settle(host) { host.state = .dead }
        case .leaves:
            guard host.isRunning else { return }
            trace.add(.leaves, host.index, at: now)
            queue.push(.leaveArrives(host.index, life: host.life), at: now + trackerDelay(host))
            stop(host)
            settle(host) { host.state = .dead }
        case .vanishes:
            guard host.isRunning else { return }
            trace.add(.vanishes, host.index, at: now)
            vanish(host)
        case .restarts:
            guard host.state == .dead || host.state == .vanished else { return }
            restart(host)
        case .stalls:
            trace.add(.stalls, host.index, at: now)
            host.isStalled = true
            setLinks(of: host)
        case .recovers:
            trace.add(.recovers, host.index, at: now)
            host.isStalled = false
            setLinks(of: host)
        }
    }

    /// Ends everything that a host does; those who are connected with it notice after the delay.
    func stop(_ host: SimulatedHost) {
        endSubscribers(of: host)
        for number in host.subscriptions.reversed() { abandon(number) }
        for key in host.fetches { dropFetch(key) }
        rest(host)
    }

    /// A host is gone without its connections being closed: its links carry nothing any more, and the others wait.
    private func vanish(_ host: SimulatedHost) {
        for key in host.fetches { dropFetch(key) }
        for number in host.subscribers.map(\.subscription) + host.subscriptions {
            let server = hosts[Int(subscriptions[Int(number)].server)]
            if server === host {
                queue.push(.subscriptionEnds(number), at: now + Self.silenceTimeout)
            } else {
                queue.push(.subscriberIsLost(number), at: now + Self.silenceTimeout)
            }
        }
        settle(host) { host.state = .vanished }
        setLinks(of: host)
        rest(host)
    }

    private func rest(_ host: SimulatedHost) {
        host.isOpen = false
        host.news = nil
        host.unheard = []
        host.timerAt = .max
        host.isWatched = false
    }

    private func restart(_ host: SimulatedHost) {
        // The machine answers again, and knows nothing of the connections that it had.
        endSubscribers(of: host)
        for number in host.subscriptions.reversed() { abandon(number) }
        settle(host) {
            host.state = .running
            host.failure = nil
        }
        setLinks(of: host)
        host.offered = PieceSet(capacity: host.stored.capacity)
        start(host)
    }

    private func setLinks(of host: SimulatedHost) {
        let isGone = host.state == .vanished
        let up = isGone || host.isStalled ? 0 : host.plan.up.bytesPerSecond / Bound.framing
        network.setCapacity(host.uplinkID, up, at: now)
        network.setCapacity(host.downlinkID, isGone ? 0 : host.plan.down.bytesPerSecond / Bound.framing, at: now)
    }
}
