import HTTPTypes
import ManagerStore

extension Routes {
    private static let expiredAt = Field<Timestamp>(
        "expired_at", .timestamp, "When it stops being good; never if left out.")
    private static let cluster = Field<Int64>(
        "scheduler_cluster_id", .id, "The only cluster that it is good for; all if left out.")

    private static let joinToken = Output<JoinTokenService.Shown>(
        "JoinToken",
        Output<JoinToken>("", Output.base + [.text("name") { $0.name }, .text("bio") { $0.bio }])
            .members { $0.token } + [
                .text("token", "Its value, right after it was made; empty at all other times.") { $0.value },
                .text("prefix", "How the value begins.") { $0.token.prefix },
                .integer("scheduler_cluster_id") { $0.token.schedulerClusterID },
                .text("state", "active or inactive.") { $0.token.state.rawValue },
                .time("expired_at") { $0.token.expiredAt ?? .unset },
                .time("last_used_at") { $0.token.lastUsedAt ?? .unset },
                .integer("user_id") { $0.token.userID },
            ])

    static let joinTokens: [Route] = [
        one(
            .post, "/join-tokens", .joinTokens,
            "Make a token with which schedulers and nodes join; its value is told once",
            body: ObjectShape(
                "CreateJoinTokenRequest",
                [Common.name.required, Common.bio.optional, cluster.optional, expiredAt.optional]),
            others: [404: "No such cluster.", 409: "There is one of that name."], as: joinToken
        ) { call in
            try await call.manager.joinTokens.create(
                JoinToken(
                    name: call.body[Common.name], bio: call.body[Common.bio], tokenHash: [],
                    schedulerClusterID: call.body[cluster], expiredAt: call.body.given(expiredAt),
                    userID: call.caller.userID))
        },
        list(
            "/join-tokens", .joinTokens, "List join tokens, without their values", query: "GetJoinTokensQuery",
            filters: [Common.name.optional, Common.state.optional, cluster.optional], as: joinToken
        ) { call, page in try await call.manager.joinTokens.list(call.filter(JoinToken.self), page) },
        one(.get, "/join-tokens/:id", .joinTokens, "Get a join token, without its value", as: joinToken) { call in
            try await call.manager.joinTokens.find(call.id)
        },
        one(
            .patch, "/join-tokens/:id", .joinTokens,
            "Change a join token; who has joined with one that is inactive has to leave",
            body: ObjectShape(
                "UpdateJoinTokenRequest", [Common.bio.optional, Common.state.optional, expiredAt.optional]),
            as: joinToken
        ) { call in
            var changes = call.changes(JoinToken.self)
            changes[.expiredAt] = call.body.given(expiredAt).map { .of($0) }
            return try await call.manager.joinTokens.update(call.id, changes)
        },
        action(.delete, "/join-tokens/:id", .joinTokens, "Remove a join token; who has joined with it has to leave") {
            call in try await call.manager.joinTokens.delete(call.id)
        },
    ]
}
