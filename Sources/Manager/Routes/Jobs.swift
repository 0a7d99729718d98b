import HTTPTypes
import ManagerStore

extension Routes {
    private static let anyType = Field<String>("type", .text(max: 256))
    private static let type: Field<String> = {
        var field = Field<String>("type", .text(TextRule(choices: JobType.allCases.map(\.rawValue))))
        field.rule.complaint = "Unknow type"
        return field
    }()
    private static let arguments = Field<JSONObject>(
        "args", .anything, "By the type of the job.")
    private static let schedulerClusterIDs = Field<[Int64]>(
        "scheduler_cluster_ids", .array(of: .integer(IntegerRule(1...Int64.max, countsZero: true)), atMost: 1000),
        "Empty: all.")
    private static let seedPeerClusterIDs = Field<[Int64]>(
        "seed_peer_cluster_ids", .array(of: .integer(IntegerRule(1...Int64.max, countsZero: true)), atMost: 1000))
    private static let jobState = Field<String>(
        "state", .oneOf("PENDING", "RECEIVED", "STARTED", "RETRY", "SUCCESS", "FAILURE"))

    private static func jobMembers(result: Output<JobService.Shown>.Member) -> [Output<JobService.Shown>.Member] {
        let before: [Output<Job>.Member] =
            Output.base + [
                .text("task_id", "Names the group of tasks that the job consists of.") { $0.taskID },
                .text("bio") { $0.bio }, .text("type") { $0.type }, .text("state") { $0.state.rawValue },
                .json("args") { $0.args },
            ]
        let after: [Output<JobService.Shown>.Member] = [
            .integer("user_id") { $0.job.userID }, .object("user", user) { $0.user },
            .objects("seed_peer_clusters", seedPeerCluster) { $0.seedPeerClusters },
            .objects("scheduler_clusters", schedulerCluster) { $0.schedulerClusters },
        ]
        return Output<Job>("", before).members { $0.job } + [result] + after
    }

    static let job = Output<JobService.Shown>(
        "Job", jobMembers(result: .json("result", isNullable: true) { $0.job.result }))

    /// As it is right after it was made, when there is no result; of what is done at once there is.
    private static let newJob = Output<JobService.Shown>(
        "Job",
        jobMembers(
            result: .json("result", isNullable: true) { $0.job.state == .pending ? "null" : $0.job.result }))

    private static let distribution = ObjectShape(
        "ImageDistribution",
        [
            FieldRule(key: "image", shape: .map(of: .anything, atMost: .max)),
            FieldRule(key: "peers", shape: .array(of: .map(of: .anything, atMost: .max), atMost: .max)),
        ])

    private static let createFields = [
        type.required, arguments.optional, Common.bio.optional, Common.userID.optional, schedulerClusterIDs.optional,
        seedPeerClusterIDs.optional,
    ]

    /// Bodies by type, for the document.
    private static var bodies: [ObjectShape] {
        JobArguments.alternatives.map { type, shape in
            let name = "Create" + (shape?.name.replacing("Args", with: "") ?? "SyncPeers") + "JobRequest"
            var body = ObjectShape(name, createFields).fixing("type", to: type.rawValue)
            for index in body.fields.indices where body.fields[index].key == "args" {
                guard let shape else { continue }
                body.fields[index].shape = .object(shape)
                body.fields[index].isRequired = true
            }
            return body
        }
    }

    private static func withBodies(_ route: Route) -> Route {
        var route = route
        route.bodies = bodies
        return route
    }

    private static let create = api(
        .post, "/jobs", .jobs, "Make a job", body: ObjectShape("CreateJobRequest", createFields),
        answer: .json(.any(of: [.object(job.shape), .object(distribution), .oneOf("OK")])),
        others: [
            404: "No such cluster or user.", 429: "Too many jobs name one of the clusters.",
            409: "Nobody is there who could do it.",
            422: "Something is wrong, or the registry does not tell what the image is made of.",
        ]
    ) { call in
        let body = call.body
        guard let type = JobType(rawValue: body[type]) else { throw Refusal.invalid("Unknow type") }
        guard case .object(let given) = body.object[arguments.rule.key] ?? [:] else {
            throw BrokenRules("json: cannot unmarshal into field CreateJobRequest.Args of type object")
        }
        var order = JobService.Order(type, given)
        order.bio = body[Common.bio]
        order.userID = body[Common.userID]
        order.schedulerClusters = body[schedulerClusterIDs]
        order.seedPeerClusters = body[seedPeerClusterIDs]
        switch try await call.manager.jobs.create(order) {
        case .job(let shown): return .json(shown, as: newJob)
        case .synced: return .json { $0.string("OK") }
        case .distribution(let object): return .json { $0.object(object) }
        }
    }

    private static let forUsers: [Route] = [
        withBodies(create),
        list(
            "/jobs", .jobs, "List jobs, the latest first", query: "GetJobsQuery",
            filters: [anyType.optional, jobState.optional, Common.userID.optional], as: job
        ) { call, page in try await call.manager.jobs.list(call.filter(Job.self), page) },
        one(.get, "/jobs/:id", .jobs, "Get a job", as: job) { call in try await call.manager.jobs.find(call.id) },
        one(
            .patch, "/jobs/:id", .jobs, "Change what is said of a job",
            body: ObjectShape("UpdateJobRequest", [Common.bio.optional, Common.userID.optional]), as: job
        ) { call in try await call.manager.jobs.update(call.id, call.changes(Job.self)) },
        one(
            .post, "/jobs/:id/cancel", .jobs, "Stop a job: it has failed then; one that has ended stays as it is",
            as: job
        ) { call in try await call.manager.jobs.cancel(call.id, by: call.caller.actor.name) },
        action(.delete, "/jobs/:id", .jobs, "Remove a job's row, and stop what is under way") { call in
            try await call.manager.jobs.delete(call.id)
        },
    ]

    static let jobs = forUsers + forUsers.map { $0.forTokens(.job) }
}
