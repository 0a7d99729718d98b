import HTTPTypes
import ManagerStore

extension Routes {
    // MARK: Configurations

    private static let value = Field<String>("value", .text(max: 1024))

    private static let configOutput = Output<Config>(
        "Config",
        Output.base + [
            .text("name") { $0.name }, .text("value") { $0.value }, .text("bio") { $0.bio },
            .integer("user_id") { $0.userID }, .object("user", user) { _ in User.nobody },
        ])

    static let configs: [Route] = [
        one(
            .post, "/configs", .configs, "Make a configuration",
            body: ObjectShape(
                "CreateConfigRequest",
                [Common.name.required, value.required, Common.bio.optional, Common.userID.required]),
            others: [404: "No such user.", 409: "There is one of that name."], as: configOutput
        ) { call in
            try await call.manager.configs.create(
                Config(
                    name: call.body[Common.name], value: call.body[value], bio: call.body[Common.bio],
                    userID: call.body[Common.userID]))
        },
        list(
            "/configs", .configs, "List configurations", query: "GetConfigsQuery",
            filters: [Common.name.optional, value.optional, Common.userID.optional], as: configOutput
        ) { call, page in try await call.manager.configs.list(call.filter(Config.self), page) },
        one(.get, "/configs/:id", .configs, "Get a configuration", as: configOutput) { call in
            try await call.manager.configs.find(call.id)
        },
        one(
            .patch, "/configs/:id", .configs, "Change a configuration",
            body: ObjectShape(
                "UpdateConfigRequest",
                [Common.name.optional, value.optional, Common.bio.optional, Common.userID.optional]),
            others: [409: "There is one of that name."], as: configOutput
        ) { call in try await call.manager.configs.update(call.id, call.changes(Config.self)) },
        action(.delete, "/configs/:id", .configs, "Remove a configuration") { call in
            try await call.manager.configs.delete(call.id)
        },
    ]

    // MARK: Applications

    private static let url = Field<String>("url", .text(TextRule(minimum: 1, maximum: 1024)))
    private static let regex = FieldRule(
        key: "regex", shape: .text(TextRule(minimum: 1, maximum: 1024, format: .regex)), isRequired: true)
    private static let priorityOfURL = ObjectShape(
        "PriorityOfURL", [regex, FieldRule(key: "value", shape: .integer(1...20), isRequired: true)])
    private static let priorityShape = ObjectShape(
        "Priority",
        [
            FieldRule(key: "value", shape: .integer(IntegerRule(0...20, countsZero: true)), isRequired: true),
            FieldRule(key: "urls", shape: .array(of: .object(priorityOfURL), atMost: 1000), isNullable: true),
        ])
    private static let priority = Field<JSONObject>("priority", .object(priorityShape))

    private static let applicationOutput = Output<Related<Application, User>>(
        "Application",
        Output<Application>(
            "",
            Output.base + [
                .text("name") { $0.name }, .text("url") { $0.url }, .text("bio") { $0.bio },
                .json("priority", .object(priorityShape)) { priorityShape.complete($0.priority).text },
                .integer("user_id") { $0.userID },
            ]
        ).members { $0.record } + [.object("user", user) { $0.other }])

    static let applications: [Route] = [
        one(
            .post, "/applications", .applications, "Make an application",
            body: ObjectShape(
                "CreateApplicationRequest",
                [
                    Common.name.required, url.required, Common.bio.optional, priority.required, Common.userID.required,
                ]),
            others: [404: "No such user.", 409: "There is one of that name."], as: applicationOutput
        ) { call in
            let stored = try await call.manager.applications.create(
                Application(
                    name: call.body[Common.name], url: call.body[url], bio: call.body[Common.bio],
                    priority: priorityShape.complete(call.body[priority]).text, userID: call.body[Common.userID]))
            return try await call.manager.applications.withUser(stored)
        },
        list(
            "/applications", .applications, "List applications", query: "GetApplicationsQuery",
            filters: [Common.name.optional], as: applicationOutput
        ) { call, page in try await call.manager.applications.listWithUsers(call.filter(Application.self), page) },
        one(.get, "/applications/:id", .applications, "Get an application", as: applicationOutput) { call in
            try await call.manager.applications.withUser(try await call.manager.applications.find(call.id))
        },
        one(
            .patch, "/applications/:id", .applications, "Change an application",
            body: ObjectShape(
                "UpdateApplicationRequest",
                [
                    Common.name.optional, url.optional, Common.bio.optional, priority.optional, Common.userID.required,
                ]),
            others: [409: "There is one of that name."], as: applicationOutput
        ) { call in
            var changes = call.changes(Application.self)
            if let priority = call.body.given(priority) {
                changes[.priority] = .text(priorityShape.complete(priority).text)
            }
            let stored = try await call.manager.applications.update(call.id, changes)
            return try await call.manager.applications.withUser(stored)
        },
        action(.delete, "/applications/:id", .applications, "Remove an application") { call in
            try await call.manager.applications.delete(call.id)
        },
    ]

    // MARK: Persistent cache tasks, of which there are none yet

    private static let whichCluster = ObjectShape(
        "GetPersistentCacheTasksQuery", [Common.schedulerClusterID.required] + PageQuery.rules)
    private static let oneCluster = ObjectShape(
        "PersistentCacheTaskQuery", [Common.schedulerClusterID.required])
    private static let cacheTask = Shape.map(of: .anything, atMost: .max)

    static let persistentCacheTasks: [Route] = [
        api(
            .get, "/persistent-cache-tasks", .persistentCacheTasks, "List the persistent cache tasks of a cluster",
            query: whichCluster, answer: .json(.array(of: cacheTask, atMost: .max)), others: [404: "No such cluster."]
        ) { call in
            _ = try await call.manager.schedulerClusters.find(call.query[Common.schedulerClusterID])
            return .json([String]())
        },
        api(
            .get, "/persistent-cache-tasks/:id", .persistentCacheTasks, "Get a persistent cache task",
            query: oneCluster, answer: .json(cacheTask), others: [404: "No such task."], textParameters: ["id"]
        ) { _ in throw Refusal(.notFound, "task not found") },
        api(
            .delete, "/persistent-cache-tasks/:id", .persistentCacheTasks, "Remove a persistent cache task",
            query: oneCluster, textParameters: ["id"]
        ) { _ in Reply() },
    ]

    // MARK: Audit

    private static let actorType = Field<String>("actor_type", .oneOf("UNKNOWN", "USER", "PAT"))
    private static let eventType = Field<String>("event_type", .oneOf("API"))
    private static let auditState = Field<String>("state", .oneOf("SUCCESS", "FAILURE"))

    private static let audit = Output<Audit>(
        "Audit",
        Output.base + [
            .text("actor_type") { $0.actorType.rawValue }, .text("actor_name") { $0.actorName },
            .text("event_type") { $0.eventType }, .text("operation", "The method.") { $0.operation },
            .time("operated_at") { $0.operatedAt }, .text("state") { $0.state.rawValue },
            .text("path") { $0.path }, .integer("status_code", .integer(0...999)) { Int64($0.statusCode) },
            .json("detail", isNullable: true) { $0.detail },
        ])

    static let audits: [Route] = [
        list(
            "/audits", .audits, "List records of calls, the latest first", query: "GetAuditsQuery",
            filters: [
                actorType.optional, Field<String>("actor_name", .text(max: 256)).optional, eventType.optional,
                Field<String>("operation", .text(max: 64)).optional, auditState.optional,
                Field<String>("path", .text(max: 1024)).optional,
                Field<Int>("status_code", .integer(100...999)).optional,
            ], as: audit
        ) { call, page in try await call.manager.audits(call.filter(Audit.self), page) }
    ]
}
