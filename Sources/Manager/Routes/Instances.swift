import HTTPTypes
import ManagerStore

extension Routes {
    private static let features = Field<[String]>(
        "features", .array(of: .text(TextRule(minimum: 1, maximum: 64)), atMost: 32), "schedule and preheat.")
    private static let keepAlive = FieldRule(
        key: "manager_keep_alive_interval", shape: .duration, isRequired: true, summary: "Nanoseconds.")
    private static let schedulerConfigField = Field<JSONObject>(
        "config", .object(ObjectShape("SchedulerConfig", [keepAlive])))
    private static let ignoredSchedulerID = Field<Int64>("scheduler_id", .id)
    private static let seedPeerType = Field<String>("type", .oneOf("super"))
    private static let peerType = Field<String>("type", .oneOf("super", "normal"))

    // MARK: Schedulers

    static let scheduler = Output<Scheduler>(
        "Scheduler",
        Output.base + [
            .json("config") { $0.config }, .text("host_name") { $0.hostName }, .text("idc") { $0.idc },
            .text("location") { $0.location }, .text("ip") { $0.ip }, .port("port") { $0.port },
            .text("state", "active or inactive.") { $0.state.rawValue }, .texts("features") { $0.features },
            .time("last_keep_alive_at") { $0.lastKeepAliveAt ?? .unset },
            .integer("scheduler_cluster_id") { $0.schedulerClusterID },
            .object("scheduler_cluster", schedulerCluster) { _ in SchedulerCluster.none },
            .text("version") { $0.version },
        ])

    static let schedulers: [Route] = [
        one(
            .post, "/schedulers", .schedulers, "Make a scheduler known; running ones do it themselves",
            body: ObjectShape(
                "CreateSchedulerRequest",
                [
                    Common.hostName.required, Common.ip.required, Common.port.required,
                    Common.schedulerClusterID.required, Common.idc.optional, Common.location.optional,
                    features.optional, schedulerConfigField.optional,
                ]),
            others: [404: "No such cluster.", 409: "There is one of that name and address."], as: scheduler
        ) { call in
            let body = call.body
            return try await call.manager.schedulers.create(
                Scheduler(
                    hostName: body[Common.hostName], idc: body[Common.idc], location: body[Common.location],
                    ip: body[Common.ip], port: body[Common.port],
                    features: body.given(features) ?? schedulerFeatures, config: body[schedulerConfigField].text,
                    schedulerClusterID: body[Common.schedulerClusterID]))
        },
        list(
            "/schedulers", .schedulers, "List schedulers", query: "GetSchedulersQuery",
            filters: [
                Common.hostName.optional, Common.idc.optional, Common.location.optional, Common.ip.optional,
                Common.state.optional, Common.schedulerClusterID.optional,
            ], as: scheduler
        ) { call, page in try await call.manager.schedulers.list(call.filter(Scheduler.self), page) },
        one(.get, "/schedulers/:id", .schedulers, "Get a scheduler", as: scheduler) { call in
            try await call.manager.schedulers.find(call.id)
        },
        one(
            .patch, "/schedulers/:id", .schedulers, "Change a scheduler",
            body: ObjectShape(
                "UpdateSchedulerRequest",
                [
                    schedulerConfigField.optional, Common.idc.optional, Common.location.optional, Common.ip.optional,
                    Common.port.optional, features.optional, Common.schedulerClusterID.optional,
                    ignoredSchedulerID.optional,
                ]),
            others: [409: "There is one of that name and address."], as: scheduler
        ) { call in
            var changes = call.changes(Scheduler.self)
            if let config = call.body.given(schedulerConfigField) { changes[.config] = .text(config.text) }
            // Unlike everything else, an empty list counts.
            if let features = call.body.given(features) { changes[.features] = .of(features) }
            return try await call.manager.fleet.updateScheduler(call.id, changes)
        },
        action(
            .delete, "/schedulers/:id", .schedulers,
            "Remove a scheduler; one that runs has to leave until it is restarted"
        ) { call in
            try await call.manager.fleet.removeScheduler(call.id)
        },
        api(
            .get, "/scheduler-features", .schedulerFeatures, "List what schedulers can be for", answer: .json(names)
        ) { _ in .json(schedulerFeatures) },
    ]

    private static let schedulerFeatures = ["schedule", "preheat"]

    // MARK: Seed peers

    static let seedPeer = Output<SeedPeer>(
        "SeedPeer",
        Output.base + [
            .text("host_name") { $0.hostName }, .text("type") { $0.type }, .text("idc") { $0.idc },
            .text("location") { $0.location }, .text("ip") { $0.ip }, .port("port") { $0.port },
            .port("download_port") { $0.downloadPort }, .port("object_storage_port") { $0.objectStoragePort },
            .text("state", "active or inactive.") { $0.state.rawValue },
            .integer("seed_peer_cluster_id") { $0.seedPeerClusterID },
            .object("seed_peer_cluster", seedPeerCluster) { _ in SeedPeerCluster(name: "") },
            .text("version") { $0.version },
        ] + traffic { $0.sighting })

    static let seedPeers: [Route] = [
        one(
            .post, "/seed-peers", .seedPeers, "Make a seed peer known; running ones do it themselves",
            body: ObjectShape(
                "CreateSeedPeerRequest",
                [
                    Common.hostName.required, seedPeerType.required, Common.ip.required, Common.port.required,
                    Common.downloadPort.required, Common.seedPeerClusterID.required, Common.idc.optional,
                    Common.location.optional, Common.objectStoragePort.optional,
                ]),
            others: [404: "No such cluster.", 409: "There is one of that name and address."], as: seedPeer
        ) { call in
            let body = call.body
            return try await call.manager.seedPeers.create(
                SeedPeer(
                    hostName: body[Common.hostName], type: body[seedPeerType], idc: body[Common.idc],
                    location: body[Common.location], ip: body[Common.ip], port: body[Common.port],
                    downloadPort: body[Common.downloadPort], objectStoragePort: body[Common.objectStoragePort],
                    seedPeerClusterID: body[Common.seedPeerClusterID]))
        },
        list(
            "/seed-peers", .seedPeers, "List seed peers", query: "GetSeedPeersQuery",
            filters: [
                Common.hostName.optional, seedPeerType.optional, Common.idc.optional, Common.location.optional,
                Common.ip.optional, Common.port.optional, Common.downloadPort.optional,
                Common.objectStoragePort.optional, Common.seedPeerClusterID.optional, Common.state.optional,
            ], as: seedPeer
        ) { call, page in try await call.manager.seedPeers.list(call.filter(SeedPeer.self), page) },
        one(.get, "/seed-peers/:id", .seedPeers, "Get a seed peer", as: seedPeer) { call in
            try await call.manager.seedPeers.find(call.id)
        },
        one(
            .patch, "/seed-peers/:id", .seedPeers, "Change a seed peer",
            body: ObjectShape(
                "UpdateSeedPeerRequest",
                [
                    seedPeerType.optional, Common.idc.optional, Common.location.optional, Common.ip.optional,
                    Common.port.optional, Common.downloadPort.optional, Common.objectStoragePort.optional,
                    Common.seedPeerClusterID.optional,
                ]),
            others: [409: "There is one of that name and address."], as: seedPeer
        ) { call in try await call.manager.seedPeers.update(call.id, call.changes(SeedPeer.self)) },
        action(
            .delete, "/seed-peers/:id", .seedPeers,
            "Remove a seed peer; one that runs has to leave until it is restarted"
        ) { call in
            try await call.manager.fleet.removeSeedPeer(call.id)
        },
    ]

    // MARK: Peers

    private static let builds = [
        "os", "platform", "platform_family", "platform_version", "kernel_version", "git_version", "git_commit",
        "build_platform",
    ].map { Field<String>($0, .text(max: 256)) }

    private static let peer = Output<Related<Peer, SchedulerCluster>>(
        "Peer",
        Output<Peer>(
            "",
            Output.base + [
                .text("host_name") { $0.hostName }, .text("type", "super or normal.") { $0.type },
                .text("idc") { $0.idc }, .text("location") { $0.location }, .text("ip") { $0.ip },
                .port("port") { $0.port }, .port("download_port") { $0.downloadPort },
                .port("proxy_port") { $0.proxyPort }, .port("object_storage_port") { $0.objectStoragePort },
                .text("state", "active or inactive.") { $0.state.rawValue }, .text("os") { $0.os },
                .text("platform") { $0.platform }, .text("platform_family") { $0.platformFamily },
                .text("platform_version") { $0.platformVersion }, .text("kernel_version") { $0.kernelVersion },
                .text("git_version") { $0.gitVersion }, .text("git_commit") { $0.gitCommit },
                .text("build_platform") { $0.buildPlatform },
                .integer("scheduler_cluster_id") { $0.schedulerClusterID },
            ]
        ).members { $0.record } + [.object("scheduler_cluster", schedulerCluster) { $0.other }]
            + traffic { $0.record.sighting })

    /// What a node has done since it was started.
    private static func traffic<Model>(
        _ of: @escaping @Sendable (Model) -> Sighting
    ) -> [Output<Model>.Member] {
        [
            .integer("bytes_from_source") { of($0).bytesFromSource },
            .integer("bytes_from_peers") { of($0).bytesFromPeers }, .integer("bytes_sent") { of($0).bytesSent },
            .integer("downloads", .id, "At the moment.") { of($0).downloads },
            .integer("uploads", .id, "At the moment.") { of($0).uploads },
        ]
    }

    static let peers: [Route] = [
        one(
            .post, "/peers", .peers, "Make a peer known; schedulers tell of those that run",
            body: ObjectShape(
                "CreatePeerRequest",
                [
                    Common.hostName.required, peerType.required, Common.ip.required, Common.port.required,
                    Common.downloadPort.required, Common.proxyPort.required, Common.schedulerClusterID.required,
                    Common.state.optional, Common.idc.optional, Common.location.optional,
                    Common.objectStoragePort.optional,
                ] + builds.map(\.optional)),
            others: [404: "No such cluster.", 409: "There is one of that name and address."], as: peer
        ) { call in try await call.manager.peers.createWithCluster(newPeer(call.body)) },
        list(
            "/peers", .peers, "List peers", query: "GetPeersQuery",
            filters: [
                Common.hostName.optional, seedPeerType.optional, Common.idc.optional, Common.location.optional,
                Common.ip.optional, Common.port.optional, Common.downloadPort.optional, Common.proxyPort.optional,
                Common.objectStoragePort.optional, Common.schedulerClusterID.optional, Common.state.optional,
            ] + builds.map(\.optional), as: peer
        ) { call, page in try await call.manager.peers.listWithClusters(call.filter(Peer.self), page) },
        one(.get, "/peers/:id", .peers, "Get a peer", as: peer) { call in
            try await call.manager.peers.findWithCluster(call.id)
        },
        action(.delete, "/peers/:id", .peers, "Remove a peer; one that runs has to leave until it is restarted") {
            call in
            try await call.manager.fleet.removePeer(call.id)
        },
    ]

    private static func newPeer(_ body: Fields) -> Peer {
        func build(_ key: String) -> String { body.object[key]?.string ?? "" }
        return Peer(
            hostName: body[Common.hostName], type: body[peerType], idc: body[Common.idc],
            location: body[Common.location], ip: body[Common.ip], port: body[Common.port],
            downloadPort: body[Common.downloadPort], proxyPort: body[Common.proxyPort],
            objectStoragePort: body[Common.objectStoragePort],
            state: InstanceState(rawValue: body[Common.state]) ?? .inactive, os: build("os"),
            platform: build("platform"), platformFamily: build("platform_family"),
            platformVersion: build("platform_version"), kernelVersion: build("kernel_version"),
            gitVersion: build("git_version"), gitCommit: build("git_commit"), buildPlatform: build("build_platform"),
            schedulerClusterID: body[Common.schedulerClusterID])
    }
}
