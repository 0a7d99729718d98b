import HTTPTypes
import ManagerStore

extension Routes {
    // MARK: Personal access tokens

    private static let scopes = Field<[String]>(
        "scopes", .array(of: .text(TextRule(minimum: 1, maximum: 64)), atMost: 16), "job and cluster; both if empty.")
    private static let newScopes = Field<[String]>(
        "scopes", .array(of: .text(TextRule(minimum: 1, maximum: 64)), atLeast: 1, atMost: 16), "job and cluster.")
    private static let expiredAt = Field<Timestamp>("expired_at", .timestamp, "When it stops being good.")

    private static let token = Output<TokenService.Shown>(
        "PersonalAccessToken",
        Output<PersonalAccessToken>("", Output.base + [.text("name") { $0.name }, .text("bio") { $0.bio }])
            .members { $0.token } + [
                .text("token", "Its value, right after it was made; empty at all other times.") { $0.value },
                .texts("scopes") { $0.token.scopes },
                .text("state", "active or inactive.") { $0.token.state.rawValue },
                .time("expired_at") { $0.token.expiredAt },
                .time("last_used_at") { $0.token.lastUsedAt ?? .unset },
                .integer("user_id") { $0.token.userID }, .object("user", user) { $0.user },
            ])

    static let tokens: [Route] = [
        one(
            .post, "/personal-access-tokens", .personalAccessTokens, "Make a token; its value is told once",
            body: ObjectShape(
                "CreatePersonalAccessTokenRequest",
                [
                    Common.name.required, Common.bio.optional, scopes.optional, expiredAt.required,
                    Common.userID.required,
                ]),
            others: [404: "No such user.", 409: "There is one of that name."], as: token
        ) { call in
            try await call.manager.tokens.create(
                PersonalAccessToken(
                    name: call.body[Common.name], bio: call.body[Common.bio], tokenHash: [],
                    scopes: call.body[scopes], expiredAt: call.body[expiredAt], userID: call.body[Common.userID]))
        },
        list(
            "/personal-access-tokens", .personalAccessTokens, "List tokens: guests see their own",
            query: "GetPersonalAccessTokensQuery", filters: [Common.state.optional, Common.userID.optional], as: token
        ) { call, page in
            try await call.manager.tokens.list(call.filter(PersonalAccessToken.self), page, for: call.caller)
        },
        one(
            .get, "/personal-access-tokens/:id", .personalAccessTokens, "Get a token, without its value", as: token
        ) { call in try await call.manager.tokens.find(call.id, for: call.caller) },
        one(
            .patch, "/personal-access-tokens/:id", .personalAccessTokens, "Change a token",
            body: ObjectShape(
                "UpdatePersonalAccessTokenRequest",
                [
                    Common.bio.optional, newScopes.optional, Common.state.optional, expiredAt.optional,
                    Common.userID.optional,
                ]), as: token
        ) { call in
            var changes = call.changes(PersonalAccessToken.self)
            changes[.expiredAt] = call.body.given(expiredAt).map { .of($0) }
            if let scopes = call.body.given(newScopes) { changes[.scopes] = .of(scopes) }
            return try await call.manager.tokens.update(call.id, changes)
        },
        action(.delete, "/personal-access-tokens/:id", .personalAccessTokens, "Remove a token") { call in
            try await call.manager.tokens.delete(call.id)
        },
    ]

    // MARK: Providers

    private static let providerName = Field<String>("name", .oneOf("github", "google"))
    private static let clientID = Field<String>("client_id", .text(TextRule(minimum: 1, maximum: 256)))
    private static let clientSecret = Field<String>("client_secret", .text(TextRule(minimum: 1, maximum: 1024)))
    private static let urls: [Field<String>] = [
        ("redirect_url", "Where the provider sends the browser back to; this manager's own if left out."),
        ("authorize_url", "Where the browser is sent to; the provider's own if left out, here and below."),
        ("token_url", "Where the code is exchanged."), ("profile_url", "Where it is said whose account it is."),
    ].map { Field<String>($0.0, .text(TextRule(maximum: 1024, format: .url)), $0.1) }

    private static let provider = Output<OAuthProvider>(
        "OAuth",
        Output.base + [
            .text("name") { $0.name }, .text("bio") { $0.bio }, .text("client_id") { $0.clientID },
            .text("redirect_url") { $0.redirectURL }, .text("authorize_url") { $0.authorizeURL },
            .text("token_url") { $0.tokenURL }, .text("profile_url") { $0.profileURL },
        ])

    static let providers: [Route] = [
        one(
            .post, "/oauth", .oauth, "Let people sign in with a provider",
            body: ObjectShape(
                "CreateOauthRequest",
                [providerName.required, Common.bio.optional, clientID.required, clientSecret.required]
                    + urls.map(\.optional)),
            others: [409: "There is one of that name or client."], as: provider
        ) { call in
            let url = urls.map { call.body[$0] }
            return try await call.manager.oauth.create(
                OAuthProvider(
                    name: call.body[providerName], bio: call.body[Common.bio], clientID: call.body[clientID],
                    clientSecret: call.body[clientSecret], redirectURL: url[0], authorizeURL: url[1], tokenURL: url[2],
                    profileURL: url[3]))
        },
        list(
            "/oauth", .oauth, "List providers", query: "GetOauthsQuery",
            filters: [Common.name.optional, clientID.optional], as: provider
        ) { call, page in try await call.manager.oauth.list(call.filter(OAuthProvider.self), page) },
        one(.get, "/oauth/:id", .oauth, "Get a provider", as: provider) { call in
            try await call.manager.oauth.find(call.id)
        },
        one(
            .patch, "/oauth/:id", .oauth, "Change a provider",
            body: ObjectShape(
                "UpdateOauthRequest",
                [providerName.optional, Common.bio.optional, clientID.optional, clientSecret.optional]
                    + urls.map(\.optional)),
            others: [409: "There is one of that name or client."], as: provider
        ) { call in try await call.manager.oauth.update(call.id, call.changes(OAuthProvider.self)) },
        action(.delete, "/oauth/:id", .oauth, "Remove a provider") { call in
            try await call.manager.oauth.delete(call.id)
        },
    ]
}
