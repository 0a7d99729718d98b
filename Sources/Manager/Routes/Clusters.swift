import HTTPTypes
import ManagerStore

extension Routes {
    private static let scopes = Field<JSONObject>(
        "scopes", .object(ClusterShapes.scopes), "Who belongs to the cluster.")
    private static let schedulerConfig = Field<JSONObject>(
        "scheduler_cluster_config", .object(ClusterShapes.schedulerConfig))
    private static let seedPeerConfig = Field<JSONObject>(
        "seed_peer_cluster_config", .object(ClusterShapes.seedPeerConfig))
    private static let peerConfig = Field<JSONObject>("peer_cluster_config", .object(ClusterShapes.peerConfig))
    static let isDefault = Field<Bool>(
        "is_default", .boolean, "Whether it is preferred where clusters match equally well.")

    private static let cluster = Output<Cluster>(
        "Cluster",
        [
            .integer("id") { $0.id }, .text("name") { $0.name }, .text("bio") { $0.bio },
            config("scopes", ClusterShapes.scopes) { $0.scopes },
            .integer("scheduler_cluster_id") { $0.id }, .integer("seed_peer_cluster_id") { $0.seedPeerClusterID },
            config("scheduler_cluster_config", ClusterShapes.schedulerConfig) { $0.schedulerConfig },
            config("seed_peer_cluster_config", ClusterShapes.seedPeerConfig) { $0.seedPeerConfig },
            config("peer_cluster_config", ClusterShapes.peerConfig) { $0.peerConfig },
            .time("created_at") { $0.createdAt }, .time("updated_at") { $0.updatedAt },
            .bool("is_default") { $0.isDefault },
        ])

    private static func config(
        _ key: String, _ shape: ObjectShape, _ get: @escaping @Sendable (Cluster) -> JSONObject?
    ) -> Output<Cluster>.Member {
        Output.Member(key, .object(shape), isNullable: true) { cluster, writer in
            if let object = get(cluster) { writer.object(object) } else { writer.null() }
        }
    }

    private static let forUsers: [Route] = [
        one(
            .post, "/clusters", .clusters, "Make a cluster",
            body: ObjectShape(
                "CreateClusterRequest",
                [
                    Common.name.required, Common.bio.optional, scopes.optional, schedulerConfig.required,
                    seedPeerConfig.required, peerConfig.required, isDefault.optional,
                ]),
            others: [409: "There is one of that name."], as: cluster
        ) { call in try await call.manager.clusters.create(change(call.body)) },
        list(
            "/clusters", .clusters, "List clusters", query: "GetClustersQuery", filters: [Common.name.optional],
            as: cluster
        ) { call, page in try await call.manager.clusters.list(call.filter(SchedulerCluster.self), page) },
        one(.get, "/clusters/:id", .clusters, "Get a cluster", as: cluster) { call in
            try await call.manager.clusters.find(call.id)
        },
        one(
            .patch, "/clusters/:id", .clusters,
            "Change a cluster; objects are replaced as a whole, what is left out stays as it is",
            body: ObjectShape(
                "UpdateClusterRequest",
                [
                    Common.name.optional, Common.bio.optional, scopes.optional, schedulerConfig.optional,
                    seedPeerConfig.optional, peerConfig.optional, isDefault.optional,
                ]),
            others: [409: "There is one of that name."], as: cluster
        ) { call in try await call.manager.clusters.update(call.id, change(call.body)) },
        action(
            .delete, "/clusters/:id", .clusters, "Remove a cluster with its seed peer cluster",
            others: [409: "There are schedulers or seed peers in it."]
        ) { call in try await call.manager.clusters.delete(call.id) },
    ]

    static let clusters = forUsers + forUsers.map { $0.forTokens(.cluster) }

    private static func change(_ body: Fields) -> ClusterChange {
        var change = ClusterChange()
        change.name = body[Common.name]
        change.bio = body[Common.bio]
        change.scopes = body.given(scopes).map(ClusterShapes.scopes.complete)
        change.schedulerConfig = body.given(schedulerConfig).map(ClusterShapes.schedulerConfig.complete)
        change.seedPeerConfig = body.given(seedPeerConfig).map(ClusterShapes.seedPeerConfig.complete)
        change.peerConfig = body.given(peerConfig).map(ClusterShapes.peerConfig.complete)
        change.isDefault = body.given(isDefault)
        return change
    }
}
