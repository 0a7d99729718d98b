import HTTPTypes
import ManagerStore

extension Routes {
    private static let signedIn = Output<AccountService.SignedIn>(
        "SignedIn",
        [
            .text("token", "A JWT, which the cookie jwt has, too.") { $0.token }, .time("expire") { $0.expires },
            .bool("must_change_password", "Whether the password is still the one that the account was made with.") {
                $0.user.mustChangePassword
            },
        ])

    private static let code = Field<String>("code", .text(TextRule(minimum: 1, maximum: 2048)))
    private static let state = Field<String>("state", .text(max: 256), "What the provider was given.")

    static let signIn: [Route] = [
        secretive(
            .post, "/users/signin", "Sign in",
            body: ObjectShape("SignInRequest", [AccountFields.anyName.required, AccountFields.anyPassword.required]),
            answer: .json(.object(signedIn.shape)), others: [401: "Something is wrong.", 429: "Too many tries."]
        ) { call in
            let name = call.body[AccountFields.anyName]
            let password = call.body[AccountFields.anyPassword]
            guard (3...64).contains(name.unicodeScalars.count),
                ManagerConfiguration.passwordLength.contains(password.unicodeScalars.count)
            else { throw Refusal.unauthorized() }
            return reply(
                to: try await call.manager.accounts.signIn(name: name, password: password, from: call.origin), call)
        },
        open(.post, "/users/signout", "Sign out; the token is worth nothing any more") { call in
            if let token = call.facts.sessionToken { try await call.manager.accounts.signOut(token: token) }
            var reply = Reply()
            reply.headers[.setCookie] = "jwt=; Path=/; Max-Age=0"
            return reply
        },
        open(
            .post, "/users/refresh_token", "Exchange a token for a new one", answer: .json(.object(signedIn.shape)),
            others: [401: "There is no token, or it is too old.", 400: "The token does not say when it expires."]
        ) { call in
            guard let token = call.facts.sessionToken else { throw Refusal.unauthorized() }
            return reply(to: try await call.manager.accounts.renew(token: token), call)
        },
        open(
            .get, "/users/signin/:name", "Sign in with a provider", answer: .redirect,
            others: [404: "There is no such provider."]
        ) { call in
            let name = call.text("name")
            let proof = SignInProof(provider: name)
            let target = try await call.manager.providers.start(name, proof, ownURL: callbackURL(call, name))
            var reply = Reply.redirect(.found, to: target)
            reply.headers[.setCookie] = proofCookie(proof.text, seconds: 600, call)
            return reply
        },
        open(
            .get, "/users/signin/:name/callback", "Where a provider sends the browser back to",
            query: ObjectShape("SignInCallbackQuery", [code.required, state.optional]), answer: .redirect,
            others: [
                401: "The provider, or who comes from it, is not believed.", 403: "Sign-up is closed.",
                404: "There is no such provider.",
            ]
        ) { call in
            let name = call.text("name")
            guard let cookie = call.facts.cookies[proofCookieName], let proof = SignInProof(cookie, provider: name),
                ConstantTime.areEqual(Array(proof.state.utf8), Array(call.query[state].utf8))
            else { throw Refusal.unauthorized() }
            let signedIn = try await call.manager.providers.finish(
                name, code: call.query[code], proof, ownURL: callbackURL(call, name), from: call.origin)
            var reply = Reply.redirect(.found, to: "/")
            reply.headers.append(HTTPField(name: .setCookie, value: tokenCookie(signedIn, call)))
            reply.headers.append(HTTPField(name: .setCookie, value: proofCookie("", seconds: 0, call)))
            return reply
        },
    ]

    private static func secretive(
        _ method: HTTPRequest.Method, _ path: String, _ summary: String, body: ObjectShape, answer: Route.Answer,
        others: [Int: String], handler: @escaping Route.Handler
    ) -> Route {
        var route = open(method, path, summary, body: body, answer: answer, others: others, handler: handler)
        route.isSecretive = true
        return route
    }

    private static func reply(to result: AccountService.SignedIn, _ call: Call) -> Reply {
        var reply = Reply.json(result, as: signedIn)
        reply.headers[.setCookie] = tokenCookie(result, call)
        // What is in the answer is nobody else's.
        reply.headers[.cacheControl] = "no-store"
        return reply
    }

    private static func tokenCookie(_ signedIn: AccountService.SignedIn, _ call: Call) -> String {
        let configuration = call.manager.configuration
        var cookie = "jwt=\(signedIn.token); Path=/; Max-Age=\(configuration.tokenLifetime.components.seconds)"
        if configuration.tokenCookie == .httpOnly { cookie += "; HttpOnly" }
        return cookie + "; SameSite=Lax" + (call.facts.isSecure ? "; Secure" : "")
    }

    private static let proofCookieName = "minion_oauth"

    private static func proofCookie(_ proof: String, seconds: Int, _ call: Call) -> String {
        "\(proofCookieName)=\(proof); Path=/api/v1/users/signin; Max-Age=\(seconds); HttpOnly; SameSite=Lax"
            + (call.facts.isSecure ? "; Secure" : "")
    }

    private static func callbackURL(_ call: Call, _ name: String) -> String {
        "\(call.facts.isSecure ? "https" : "http")://\(call.facts.host)/api/v1/users/signin/\(QueryString.encode(name))/callback"
    }
}

extension Routes.AccountFields {
    /// What is not of the right length is just wrong here.
    static let anyName = Field<String>("name", .text(max: 256))
    static let anyPassword = Field<String>("password", .text(max: 256))
}
