import Fleet
import Logging
import MinionCore
import PieceStore
import Swarm
import Synchronization
import Wire

/// A node's part in a fleet: its membership, and what its schedulers have ordered.
struct FleetMember: Sendable {
    let membership: ClusterMembership
    let orders: HostOrders

    func end() async {
        await membership.end()
        await orders.close()
    }
}

extension MinionNode {
    /// Looks for the node's cluster from now on.
    func join() {
        let services = services
        let settings = services.configuration.fleet
        let exchange = FleetExchange(client: services.direct, token: settings.joinToken)
        let secret = PeerID(.random(in: .min ... .max)).hex + PeerID(.random(in: .min ... .max)).hex
        let orders = HostOrders(orphanAge: settings.timing.orphanAge) { [weak self] order, tell in
            await self?.carryOut(order, tell) ?? OrderProgress(id: order.id, state: .failed)
        } whenEnded: { [weak self] in
            self?.membership.withLock { $0 }?.membership.hurry()
        }
        let description = services.hostDescription
        let ends = HostLink.Ends(
            exchange: exchange, host: PeerID(.random(in: .min ... .max)).hex, secret: secret, timing: settings.timing,
            facts: { scheduler in
                var facts = description
                facts.endpoint = Endpoint(host: services.advertisedHost([scheduler]), port: services.server.port)
                return facts
            },
            counters: { services.hostCounters },
            progress: { orders.progress(for: $0) },
            isBusy: { orders.isBusy },
            heard: { reply, link in orders.receive(reply.orders, from: link.scheduler) })
        let node = ClusterMembership.Node(
            question: services.routeQuestion, trackers: services.configuration.trackers, ends: ends,
            inquiry: ManagerInquiry(services.direct),
            adopt: { [weak self] in self?.adopt($0) },
            settled: { services.standing.settle() },
            present: { orders.keep(only: $0) }, logger: services.logger)
        let membership = ClusterMembership(settings, node)
        self.membership.withLock { $0 = FleetMember(membership: membership, orders: orders) }
        membership.start()
    }

    /// Keeps to what the cluster says from now on.
    private func adopt(_ view: ClusterView) {
        let old = services.standing.view
        services.standing.set(view)
        ownLimits.withLock { put($0) }
        for run in services.desk.runs where run.order.followsNode { run.follow(services.trackers(for: run.task)) }
        for run in services.desk.serving {
            let subject = HostPolicy.Subject(run.order.request, resource: run.order.resource)
            if let why = view.policy.refusal(of: subject, .upload) { run.forbid(why) }
        }
        // What was begun without anybody to tell of it.
        if old.schedulers.isEmpty, !view.schedulers.isEmpty {
            reception.nursery.add { [weak self] in await self?.announceCache() }
        }
    }

    // MARK: Requests

    /// Waits a little for the node's own cluster, if it has just begun to look for it; a node that is to be in none asks the
    /// managers that the request names. Why there are no trackers though there should be; nil otherwise.
    func findTrackers(for request: inout DownloadRequest) async -> String? {
        guard request.trackers.isEmpty else { return nil }
        let settings = services.configuration.fleet
        guard !request.managers.isEmpty, !services.configuration.isMember else {
            await services.standing.settled(within: settings.timing.firstAnswer)
            return nil
        }
        let inquiry = ManagerInquiry(services.direct)
        do {
            let reading = try await inquiry.route(
                services.routeQuestion, managers: request.managers, token: request.joinToken,
                limit: settings.timing.managerAnswer)
            request.trackers = reading.answer.trackers(of: TaskID(of: request.identity).hex)
            return request.trackers.isEmpty ? "\(reading.manager) knows no scheduler that is alive" : nil
        } catch {
            return "the manager cannot be used (\(error))"
        }
    }
}

extension NodeServices {
    /// Why the request is not carried out; nil if it is, perhaps without giving anything to others.
    func refusal(of request: inout DownloadRequest) -> String? {
        let policy = standing.policy
        guard policy.rules != nil else { return nil }
        let subject = HostPolicy.Subject(request, resource: request.identity.resource)
        if let why = policy.refusal(of: subject, .download) { return why }
        if request.mayUpload, let why = policy.refusal(of: subject, .upload) {
            request.mayUpload = false
            logger.info("not given to others", metadata: ["reason": "\(why)"])
        }
        return nil
    }

    func refusalToShare(_ request: DownloadRequest) -> String? {
        standing.policy.refusal(
            of: HostPolicy.Subject(request, resource: request.identity.resource, isShared: true), .upload)
    }

    func mayUpload(_ label: CacheLabel) -> Bool {
        standing.policy.refusal(
            of: HostPolicy.Subject(
                kind: .of(label.resource), url: label.resource, tag: label.tag, application: label.application),
            .upload) == nil
    }

    /// What managers are asked with.
    var routeQuestion: RouteQuestion {
        let name = configuration.fleet.hostName
        return RouteQuestion(
            hostName: name.isEmpty ? HostSystem.hostName : name, address: configuration.address,
            site: configuration.site, location: configuration.location, isSeed: configuration.isSeed,
            version: MinionNode.version)
    }

    /// What schedulers are told of the host, but for where it is.
    var hostDescription: HostFacts {
        let question = routeQuestion
        var facts = HostFacts(
            hostName: question.hostName, endpoint: Endpoint(host: "", port: server.port), site: configuration.site,
            location: configuration.location, isSeed: configuration.isSeed, canUpload: configuration.mayUpload,
            version: MinionNode.version)
        HostSystem.describe(&facts)
        return facts
    }

    /// What the host has done so far.
    var hostCounters: HostCounters {
        let (ended, serving) = (totals.bytes, server.status)
        var counters = HostCounters()
        counters.bytesFromSource = ended.fromSource
        counters.bytesFromPeers = ended.fromPeers
        counters.bytesSent = serving.bytesSent
        counters.uploads = serving.uploads
        counters.uploadsRefused = Int(clamping: serving.refused)
        for run in desk.runs {
            let view = run.status
            counters.bytesFromSource += view.progress.bytesFromSource
            counters.bytesFromPeers += view.progress.bytesFromPeers
            if view.state == .downloading { counters.downloads += 1 }
        }
        return counters
    }
}

extension BlockList.Kind {
    static func of(_ url: String) -> BlockList.Kind { TaskIdentity.isName(url) ? .persistentTask : .task }
}

extension HostPolicy.Subject {
    init(_ request: DownloadRequest, resource: String, isShared: Bool = false) {
        self.init(
            kind: isShared ? .persistentTask : .of(request.url), url: resource, tag: request.tag,
            application: request.application)
    }
}
