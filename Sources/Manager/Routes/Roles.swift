import HTTPTypes
import ManagerStore

extension Routes {
    private static let role = Field<String>("role", .text(TextRule(minimum: 1, maximum: 256)))
    private static let object = Field<String>("object", .text(TextRule(minimum: 1, maximum: 256)))
    private static let action = Field<String>("action", .oneOf("read", "*"))
    private static let permission = ObjectShape("Permission", [object.required, action.required])
    private static let permissions = Field<[JSONObject]>(
        "permissions", .array(of: .object(permission), atMost: 1000))

    private static func permission(_ object: JSONObject) -> Permission {
        Permission(object: object["object"]?.string ?? "", action: object["action"]?.string ?? "")
    }

    static let roles: [Route] = [
        api(.get, "/roles", .roles, "List roles", answer: .json(names)) { call in
            .json(try await call.manager.accounts.roleNames())
        },
        action(
            .post, "/roles", .roles, "Make a role",
            body: ObjectShape("CreateRoleRequest", [role.required, permissions.required]),
            others: [409: "There is one of that name."]
        ) { call in
            // Twice the same is the same.
            var given: [Permission] = []
            for permission in call.body[permissions].map(permission) where !given.contains(permission) {
                given.append(permission)
            }
            try await call.manager.accounts.createRole(call.body[role], given)
        },
        api(
            .get, "/roles/:role", .roles, "List a role's permissions",
            answer: .json(.array(of: .array(of: .text(max: .max), atLeast: 3, atMost: 3), atMost: .max)),
            others: [404: "No such role."]
        ) { call in
            let role = call.text("role")
            let permissions = try await call.manager.accounts.permissions(of: role)
            return .json { writer in
                writer.array { writer in
                    for permission in permissions {
                        writer.array { writer in
                            for text in [role, permission.object, permission.action] { writer.string(text) }
                        }
                    }
                }
            }
        },
        action(
            .delete, "/roles/:role", .roles, "Remove a role",
            others: [404: "No such role.", 409: "The role root stays."]
        ) { call in
            try await call.manager.accounts.deleteRole(call.text("role"))
        },
        changePermission(
            .post, "Give a role a permission", "AddPermissionForRoleRequest",
            others: [404: "No such role.", 409: "It has it."], withoutBody: [404, 409]
        ) { accounts, permission, role in try await accounts.grant(permission, to: role) },
        changePermission(
            .delete, "Take a permission from a role", "DeletePermissionForRoleRequest",
            others: [404: "No such role, or it does not have it.", 409: "The role root keeps its permissions."],
            withoutBody: [404]
        ) { accounts, permission, role in
            guard role != "root" else { throw Refusal(.conflict, "the role root keeps its permissions") }
            try await accounts.revoke(permission, from: role)
        },
        api(
            .get, "/permissions", .permissions, "List what permissions can be about",
            answer: .json(.array(of: .object(permission), atMost: .max))
        ) { _ in
            .json { writer in
                writer.array { writer in
                    for object in APIObject.names {
                        for action in ["read", "*"] {
                            writer.object(["object": .string(object), "action": .string(action)])
                        }
                    }
                }
            }
        },
    ]

    private static func changePermission(
        _ method: HTTPRequest.Method, _ summary: String, _ bodyName: String, others: [Int: String],
        withoutBody: Set<Int>,
        run: @escaping @Sendable (AccountService, Permission, _ role: String) async throws -> Void
    ) -> Route {
        var route = api(
            method, "/roles/:role/permissions", .roles, summary,
            body: ObjectShape(bodyName, [object.required, action.required]), others: others
        ) { call in
            try await withEmptyErrors {
                try await run(call.manager.accounts, permission(call.body.object), call.text("role"))
            }
        }
        route.statusesWithoutBody = withoutBody
        return route
    }
}
