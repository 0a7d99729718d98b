import HTTPTypes
import ManagerStore

extension Routes {
    private static let config = Field<JSONObject>("config", .object(ClusterShapes.schedulerConfig))
    private static let clientConfig = Field<JSONObject>("client_config", .object(ClusterShapes.peerConfig))
    private static let seedClientConfig = Field<JSONObject>(
        "seed_client_config", .object(ClusterShapes.seedClientConfig))
    private static let scopesField = Field<JSONObject>("scopes", .object(ClusterShapes.scopes))
    private static let seedConfig = Field<JSONObject>("config", .object(ClusterShapes.seedPeerConfig))

    // MARK: Outputs

    private static let schedulerClusterMembers: [Output<SchedulerCluster>.Member] =
        Output.base + [
            .text("name") { $0.name }, .text("bio") { $0.bio }, .json("config") { $0.config },
            .json("client_config") { $0.clientConfig }, .json("seed_client_config") { $0.seedClientConfig },
            .json("scopes") { $0.scopes }, .bool("is_default") { $0.isDefault },
        ]

    /// Without what belongs to it.
    static let schedulerCluster = Output<SchedulerCluster>(
        "SchedulerCluster",
        schedulerClusterMembers + [.null("seed_peer_clusters"), .null("schedulers"), .null("peers"), .null("jobs")])

    private static let seedPeerClusterMembers: [Output<SeedPeerCluster>.Member] =
        Output.base + [.text("name") { $0.name }, .text("bio") { $0.bio }, .json("config") { $0.config }]

    static let seedPeerCluster = Output<SeedPeerCluster>(
        "SeedPeerCluster",
        seedPeerClusterMembers + [.null("scheduler_clusters"), .null("seed_peer"), .null("jobs")])

    private typealias LoadedSchedulerCluster = (
        cluster: SchedulerCluster, seedPeerClusters: [SeedPeerCluster], schedulers: [Scheduler]
    )
    private static let loadedSchedulerCluster = Output<LoadedSchedulerCluster>(
        "SchedulerClusterWithParts",
        Output<SchedulerCluster>("", schedulerClusterMembers).members { $0.cluster } + [
            .objects("seed_peer_clusters", seedPeerCluster) { $0.seedPeerClusters },
            .objects("schedulers", scheduler) { $0.schedulers }, .null("peers"), .null("jobs"),
        ])

    private typealias LoadedSeedPeerCluster = (
        cluster: SeedPeerCluster, schedulerClusters: [SchedulerCluster], seedPeers: [SeedPeer]
    )
    private static let loadedSeedPeerCluster = Output<LoadedSeedPeerCluster>(
        "SeedPeerClusterWithParts",
        Output<SeedPeerCluster>("", seedPeerClusterMembers).members { $0.cluster } + [
            .objects("scheduler_clusters", schedulerCluster) { $0.schedulerClusters },
            .objects("seed_peer", seedPeer) { $0.seedPeers }, .null("jobs"),
        ])

    // MARK: Routes

    static let schedulerClusters: [Route] = [
        one(
            .post, "/scheduler-clusters", .schedulerClusters, "Make a scheduler cluster",
            body: ObjectShape(
                "CreateSchedulerClusterRequest",
                [
                    Common.name.required, Common.bio.optional, config.required, clientConfig.required,
                    seedClientConfig.required, scopesField.optional, isDefault.optional,
                    Common.seedPeerClusterID.optional,
                ]),
            others: [404: "No such seed peer cluster.", 409: "There is one of that name."], as: schedulerCluster
        ) { call in
            try await call.manager.clusters.createSchedulerCluster(
                SchedulerCluster(
                    name: call.body[Common.name], bio: call.body[Common.bio],
                    config: ClusterShapes.schedulerConfig.complete(call.body[config]).text,
                    clientConfig: ClusterShapes.peerConfig.complete(call.body[clientConfig]).text,
                    seedClientConfig: ClusterShapes.seedClientConfig.complete(call.body[seedClientConfig]).text,
                    scopes: ClusterShapes.scopes.complete(call.body[scopesField]).text,
                    isDefault: call.body[isDefault]),
                linkedTo: call.body[Common.seedPeerClusterID])
        },
        list(
            "/scheduler-clusters", .schedulerClusters, "List scheduler clusters", query: "GetSchedulerClustersQuery",
            filters: [Common.name.optional], as: schedulerCluster
        ) { call, page in try await call.manager.schedulerClusters.list(call.filter(SchedulerCluster.self), page) },
        one(
            .get, "/scheduler-clusters/:id", .schedulerClusters, "Get a scheduler cluster", as: loadedSchedulerCluster
        ) { call in try await call.manager.clusters.findSchedulerCluster(call.id) },
        one(
            .patch, "/scheduler-clusters/:id", .schedulerClusters, "Change a scheduler cluster",
            body: ObjectShape(
                "UpdateSchedulerClusterRequest",
                [
                    Common.name.optional, Common.bio.optional, config.optional, clientConfig.optional,
                    seedClientConfig.optional, scopesField.optional, isDefault.optional,
                    Common.seedPeerClusterID.optional,
                ]),
            others: [409: "There is one of that name."], as: schedulerCluster
        ) { call in
            var changes = call.changes(SchedulerCluster.self)
            let objects: [(SchedulerCluster.Column, Field<JSONObject>, ObjectShape)] = [
                (.config, config, ClusterShapes.schedulerConfig),
                (.clientConfig, clientConfig, ClusterShapes.peerConfig),
                (.seedClientConfig, seedClientConfig, ClusterShapes.seedClientConfig),
                (.scopes, scopesField, ClusterShapes.scopes),
            ]
            for (column, field, shape) in objects {
                if let object = call.body.given(field) { changes[column] = .text(shape.complete(object).text) }
            }
            if let isDefault = call.body.given(isDefault) { changes[.isDefault] = .of(isDefault) }
            return try await call.manager.clusters.updateSchedulerCluster(
                call.id, changes, linkedTo: call.body[Common.seedPeerClusterID])
        },
        action(
            .delete, "/scheduler-clusters/:id", .schedulerClusters, "Remove a scheduler cluster",
            others: [409: "There are schedulers in it."]
        ) { call in try await call.manager.schedulerClusters.delete(call.id) },
        action(
            .put, "/scheduler-clusters/:id/schedulers/:scheduler_id", .schedulerClusters,
            "Move a scheduler to a cluster", others: [409: "There is one of that name and address."]
        ) { call in
            _ = try await call.manager.fleet.updateScheduler(
                call.numbers["scheduler_id"] ?? 0, [.schedulerClusterID: .of(call.id)])
        },
    ]

    static let seedPeerClusters: [Route] = [
        one(
            .post, "/seed-peer-clusters", .seedPeerClusters, "Make a seed peer cluster",
            body: ObjectShape(
                "CreateSeedPeerClusterRequest", [Common.name.required, Common.bio.optional, seedConfig.required]),
            others: [409: "There is one of that name."], as: seedPeerCluster
        ) { call in
            try await call.manager.seedPeerClusters.create(
                SeedPeerCluster(
                    name: call.body[Common.name], bio: call.body[Common.bio],
                    config: ClusterShapes.seedPeerConfig.complete(call.body[seedConfig]).text))
        },
        list(
            "/seed-peer-clusters", .seedPeerClusters, "List seed peer clusters", query: "GetSeedPeerClustersQuery",
            filters: [Common.name.optional], as: seedPeerCluster
        ) { call, page in try await call.manager.seedPeerClusters.list(call.filter(SeedPeerCluster.self), page) },
        one(
            .get, "/seed-peer-clusters/:id", .seedPeerClusters, "Get a seed peer cluster", as: loadedSeedPeerCluster
        ) { call in try await call.manager.clusters.findSeedPeerCluster(call.id) },
        one(
            .patch, "/seed-peer-clusters/:id", .seedPeerClusters, "Change a seed peer cluster",
            body: ObjectShape(
                "UpdateSeedPeerClusterRequest", [Common.name.optional, Common.bio.optional, seedConfig.optional]),
            others: [409: "There is one of that name."], as: seedPeerCluster
        ) { call in
            var changes = call.changes(SeedPeerCluster.self)
            if let object = call.body.given(seedConfig) {
                changes[.config] = .text(ClusterShapes.seedPeerConfig.complete(object).text)
            }
            return try await call.manager.seedPeerClusters.update(call.id, changes)
        },
        action(
            .delete, "/seed-peer-clusters/:id", .seedPeerClusters, "Remove a seed peer cluster",
            others: [409: "There are seed peers in it."]
        ) { call in try await call.manager.seedPeerClusters.delete(call.id) },
        action(
            .put, "/seed-peer-clusters/:id/seed-peers/:seed_peer_id", .seedPeerClusters,
            "Move a seed peer to a cluster",
            others: [409: "There is one of that name and address."]
        ) { call in try await call.manager.clusters.move(seedPeer: call.numbers["seed_peer_id"] ?? 0, to: call.id) },
        action(
            .put, "/seed-peer-clusters/:id/scheduler-clusters/:scheduler_cluster_id", .seedPeerClusters,
            "Link a seed peer cluster to a scheduler cluster"
        ) { call in
            try await call.manager.clusters.link(
                schedulerCluster: call.numbers["scheduler_cluster_id"] ?? 0, seedPeerCluster: call.id)
        },
    ]
}
