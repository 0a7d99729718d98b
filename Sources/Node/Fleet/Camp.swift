import Fleet
import MinionCore
import Synchronization

/// A cluster as a host knows it: its schedulers, a link to each, and what they said last.
final class Camp: Sendable {
    private struct State {
        var links: [String: HostLink] = [:]
        var news: HostNews?
        var isEnding = false
    }

    /// Nil: the node's own trackers, of whose cluster nothing is known before they answer.
    let id: Int64?
    private let name: String
    private let ends: HostLink.Ends
    private let nursery: Nursery
    private let whenNews: @Sendable () -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - ends: those of its links, which tell it what they hear; see `heard`.
    ///   - whenNews: called when there are other news.
    init(
        id: Int64?, name: String, ends: HostLink.Ends, nursery: Nursery, whenNews: @escaping @Sendable () -> Void
    ) {
        self.id = id
        self.name = name
        self.ends = ends
        self.nursery = nursery
        self.whenNews = whenNews
    }

    /// Links to these schedulers, beside those that there are.
    func meet(_ schedulers: [String]) {
        let new = state.withLock { state -> [HostLink] in
            guard !state.isEnding else { return [] }
            return schedulers.compactMap { scheduler in
                guard state.links[scheduler] == nil else { return nil }
                let link = makeLink(scheduler)
                state.links[scheduler] = link
                return link
            }
        }
        for link in new { link.start() }
    }

    private func makeLink(_ scheduler: String) -> HostLink {
        var ends = ends
        ends.heard = { [weak self, heard = ends.heard] reply, link in
            heard(reply, link)
            self?.take(reply, from: link)
        }
        return HostLink(scheduler, ends)
    }

    /// Takes over what a scheduler says of the cluster: links to all that are alive, and to no others.
    private func take(_ reply: HostReply, from link: HostLink) {
        guard let news = reply.news else { return }
        let gone = state.withLock { state -> [HostLink]? in
            guard !state.isEnding, state.links[link.scheduler] === link else { return nil }
            state.news = news
            guard !news.schedulers.isEmpty else { return [] }
            let gone = state.links.filter { !news.schedulers.contains($0.key) }.map(\.value)
            for link in gone { state.links[link.scheduler] = nil }
            return gone
        }
        guard let gone else { return }
        meet(news.schedulers)
        // Without a good-bye: it may be another name of one that stays.
        for link in gone { nursery.add { await link.end(goodbye: false) } }
        whenNews()
    }

    /// What its links have come to, taken together.
    var standing: HostLink.Standing {
        let all = state.withLock { $0.links.values.map(\.standing) }
        if all.contains(.answering) { return .answering }
        var refused: HostLink.Standing?
        var down: HostLink.Standing?
        for one in all {
            switch one {
            case .joining: return .joining
            case .refused: refused = one
            case .down: down = one
            case .answering: break
            }
        }
        return refused ?? down ?? .down("there is no scheduler in the cluster \(name)")
    }

    /// The schedulers that answer.
    var answering: Set<String> {
        Set(state.withLock { Array($0.links.values) }.lazy.filter { $0.standing == .answering }.map(\.scheduler))
    }

    /// What it has come to, after `limit` at the latest.
    func verdict(within limit: Duration) async -> HostLink.Standing {
        let deadline = SteadyClock.now + limit
        while !Task.isCancelled {
            let standing = standing
            guard standing == .joining, SteadyClock.now < deadline else { return standing }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return standing
    }

    /// What the node keeps to as a part of it.
    var view: ClusterView {
        state.withLock { state in
            guard let news = state.news else {
                return ClusterView(cluster: name, schedulers: state.links.keys.sorted())
            }
            return ClusterView(
                cluster: news.clusterName,
                schedulers: news.schedulers.isEmpty ? state.links.keys.sorted() : news.schedulers,
                policy: HostPolicy(news), tag: news.tag)
        }
    }

    /// Has all links report now.
    func hurry() {
        for link in state.withLock({ Array($0.links.values) }) { link.hurry() }
    }

    /// Ends all links; with `goodbye` the schedulers are told so.
    func end(goodbye: Bool) async {
        let links = state.withLock { state in
            state.isEnding = true
            defer { state.links = [:] }
            return Array(state.links.values)
        }
        await withDiscardingTaskGroup { group in
            for link in links { group.addTask { await link.end(goodbye: goodbye) } }
        }
    }
}
