import HTTPTypes
import ManagerStore

extension Routes {
    enum AccountFields {
        static let email = Field<String>("email", .text(TextRule(maximum: 256, format: .email)))
        /// Changes are not checked for form.
        static let anyEmail = Field<String>("email", .text(max: 256))
        static let phone = Field<String>("phone", .text(max: 256))
        static let avatar = Field<String>("avatar", .text(max: 256))
        static let location = Field<String>("location", .text(max: 256))
        static let state = Field<String>("state", .oneOf("enable", "disable"))
        static let password = Field<String>("password", passwordShape)
        static let oldPassword = Field<String>("old_password", passwordShape)
        static let newPassword = Field<String>("new_password", passwordShape)
        static let signUpName = Field<String>("name", .text(TextRule(minimum: 3, maximum: 10, format: .accountName)))

        private static let passwordShape = Shape.text(
            TextRule(
                minimum: ManagerConfiguration.passwordLength.lowerBound,
                maximum: ManagerConfiguration.passwordLength.upperBound))
    }

    static let user = Output<User>(
        "User",
        Output.base + [
            .text("email") { $0.email }, .text("name") { $0.name }, .text("avatar") { $0.avatar },
            .text("phone") { $0.phone }, .text("state", "enable or disable.") { $0.state.rawValue },
            .text("location") { $0.location }, .text("bio") { $0.bio }, .null("configs"),
        ])

    static let accounts: [Route] = [
        open(
            .post, "/users/signup", "Make an account",
            body: ObjectShape(
                "SignUpRequest",
                [
                    AccountFields.signUpName.required, AccountFields.password.required, AccountFields.email.required,
                    AccountFields.phone.optional, AccountFields.avatar.optional, AccountFields.location.optional,
                    Common.bio.optional,
                ]),
            answer: .json(.object(user.shape)),
            others: [
                409: "The name or the e-mail address is taken.", 403: "Sign-up is closed.",
                429: "Too many accounts from one address.",
            ]
        ) { call in
            var account = AccountService.NewAccount(
                name: call.body[AccountFields.signUpName], password: call.body[AccountFields.password])
            account.email = call.body[AccountFields.email]
            account.phone = call.body[AccountFields.phone]
            account.avatar = call.body[AccountFields.avatar]
            account.location = call.body[AccountFields.location]
            account.bio = call.body[Common.bio]
            return .json(try await call.manager.accounts.signUp(account, by: call.caller, from: call.origin), as: user)
        },
        open(
            .post, "/users/:id/reset_password", "Change a password, knowing the old one; ends all sessions",
            body: ObjectShape(
                "ResetPasswordRequest", [AccountFields.oldPassword.required, AccountFields.newPassword.required]),
            others: [401: "The old password is wrong.", 404: "No such user.", 429: "Too many tries."]
        ) { call in
            try await call.manager.accounts.resetPassword(
                user: call.id, old: call.body[AccountFields.oldPassword], new: call.body[AccountFields.newPassword],
                from: call.origin)
            return Reply()
        },
        list(
            "/users", .users, "List users", query: "GetUsersQuery",
            filters: [
                Field<String>("name", .text(max: 256)).optional, AccountFields.anyEmail.optional,
                AccountFields.location.optional, AccountFields.state.optional,
            ], as: user
        ) { call, page in try await call.manager.accounts.list(call.filter(User.self), page) },
        one(.get, "/users/:id", .users, "Get a user", as: user) { call in
            try await call.manager.accounts.find(call.id)
        },
        one(
            .patch, "/users/:id", .users, "Change a user; what is empty stays as it is",
            body: ObjectShape(
                "UpdateUserRequest",
                [
                    AccountFields.anyEmail.optional, AccountFields.phone.optional, AccountFields.avatar.optional,
                    AccountFields.location.optional, Common.bio.optional, AccountFields.state.optional,
                ]),
            others: [409: "The e-mail address is taken, or the user is the last root."], as: user
        ) { call in
            var changes = call.changes(User.self)
            changes[.state] = nil
            return try await call.manager.accounts.update(
                call.id, changes, state: UserState(rawValue: call.body[AccountFields.state]), by: call.caller)
        },
        api(.get, "/users/:id/roles", .users, "List a user's roles", answer: .json(names)) { call in
            .json(try await call.naming { try await call.manager.accounts.roles(of: call.id) })
        },
        roleAction(
            .put, "/users/:id/roles/:role", "Give a user a role", [409: "The user has it."], withoutBody: [404, 409]
        ) { call in
            try await call.manager.accounts.assign(call.text("role"), to: call.id)
        },
        roleAction(
            .delete, "/users/:id/roles/:role", "Take a role from a user", [409: "The user is the last root."],
            withoutBody: [404]
        ) { call in
            try await call.manager.accounts.withdraw(call.text("role"), from: call.id)
        },
    ]

    static let names = Shape.array(of: .text(max: .max), atMost: .max)

    /// A route that gives or takes roles; what is there already, or is not there, is told without a body.
    private static func roleAction(
        _ method: HTTPRequest.Method, _ path: String, _ summary: String, _ others: [Int: String], withoutBody: Set<Int>,
        run: @escaping @Sendable (Call) async throws -> Void
    ) -> Route {
        var route = api(
            method, path, .users, summary, others: others.merging([404: "Not there."]) { old, _ in old }
        ) { call in
            try await withEmptyErrors { try await run(call) }
        }
        route.statusesWithoutBody = withoutBody
        return route
    }

    /// Runs `body` and answers with nothing; conflicts and what is not there are told by the status alone.
    static func withEmptyErrors(_ body: () async throws -> Void) async throws -> Reply {
        do {
            try await body()
            return Reply()
        } catch StoreError.conflict {
            throw Refusal(.conflict, .none)
        } catch StoreError.notFound {
            throw Refusal(.notFound, .none)
        }
    }
}

extension Call {
    /// A part of the path that is text.
    func text(_ name: String) -> String { texts[name] ?? "" }

    var origin: AccountService.Origin { AccountService.Origin(address: facts.address, agent: facts.agent) }
}
