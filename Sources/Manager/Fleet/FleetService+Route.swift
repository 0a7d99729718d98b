package import Fleet
import ManagerStore
import MinionCore

extension FleetService {
    /// Which clusters a host belongs to, the best first, with those schedulers that are alive.
    ///
    /// - Parameters:
    ///   - address: where the question came from.
    ///   - identity: by which token it came: one for a cluster is good for that cluster only.
    /// - Throws: `Refusal` 422 for a question that cannot be; `StoreError`.
    package func route(
        _ question: RouteQuestion, from address: String, identity: JoinIdentity
    ) async throws -> RouteAnswer {
        let place = ReportCheck.text(question.address.isEmpty ? address : question.address)
        guard IPAddress(place) != nil || place.isEmpty else {
            throw Refusal.invalid("the host's address is no IP address")
        }
        let conditions = ClusterMatch.Conditions(
            ip: place, hostName: ReportCheck.text(question.hostName), idc: ReportCheck.text(question.site, most: 1024),
            location: ReportCheck.text(question.location, most: 1024))
        let clusters = try await store.read { store in
            var clusters = try store.schedulerClusters.all()
            if let only = identity.cluster { clusters = clusters.filter { $0.id == only } }
            let schedulers = Dictionary(
                grouping: try store.schedulers.active(inClusters: clusters.map(\.id)), by: \.schedulerClusterID)
            return clusters.compactMap { cluster in schedulers[cluster.id].map { (cluster, $0) } }
        }
        return RouteAnswer(
            address: place, clusters: Self.candidates(clusters, conditions, isBound: identity.cluster != nil),
            time: Double(Timestamp.now().microseconds) / 1_000_000)
    }

    private static func candidates(
        _ clusters: [(SchedulerCluster, [Scheduler])], _ conditions: ClusterMatch.Conditions, isBound: Bool
    ) -> [RouteAnswer.Candidate] {
        let able = clusters.filter { $0.1.contains { $0.features.contains("schedule") } }
        // Where no scheduler says that it schedules, those that are alive are better than none.
        let considered = able.isEmpty ? clusters : able
        let byID = Dictionary(uniqueKeysWithValues: considered.map { ($0.0.id, $0) })
        let candidates = considered.map { cluster, _ in
            ClusterMatch.Candidate(
                id: cluster.id, scopes: ClusterMatch.Scopes(json: cluster.scopes), isDefault: cluster.isDefault,
                hasSchedulers: true)
        }
        let ranked = (try? ClusterMatch.ranked(candidates, for: conditions)) ?? []
        return ranked.compactMap { match in
            guard let (cluster, schedulers) = byID[match.candidate.id] else { return nil }
            var reasons = ClusterMatch.reasons(for: match.candidate, conditions)
            if isBound { reasons.insert("the join token is for this cluster only", at: 0) }
            if able.isEmpty { reasons.append("no scheduler anywhere has the feature schedule") }
            if reasons.isEmpty { reasons = ["nothing of its scopes matches"] }
            return RouteAnswer.Candidate(
                id: cluster.id, name: cluster.name, score: match.score, reasons: reasons,
                schedulers: ClusterNews.urls(of: schedulers))
        }
    }
}
