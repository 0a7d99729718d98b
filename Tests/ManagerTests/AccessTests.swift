import HTTPTypes
import Manager
import ManagerStore
import Testing

/// Who may do what: every route, for every kind of caller.
@Suite struct AccessTests {
    private static let now = Timestamp(microseconds: 1_000_000)

    private static func principal(_ roles: [String], _ permissions: Set<Permission>, _ state: UserState = .enable)
        -> Principal
    {
        Principal(user: User(name: "somebody", state: state, id: 5), roles: roles, permissions: permissions)
    }

    private static let root = principal(["root"], Set(APIObject.names.map { Permission(object: $0, action: "*") }))
    private static let guest = principal(["guest"], Set(APIObject.names.map { Permission(object: $0, action: "read") }))

    private static func token(
        _ scopes: [String], state: TokenState = .active, expires: Int64 = 2, owner: Principal = guest
    ) -> Caller {
        .token(
            PersonalAccessToken(
                name: "t", tokenHash: [], scopes: scopes, state: state,
                expiredAt: Timestamp(microseconds: expires * 1_000_000), userID: 5), owner: owner)
    }

    /// What a caller is told by a route: nil if it may.
    private func refusal(_ route: Route, _ caller: Caller) -> Refusal? {
        do {
            try route.access.check(caller, at: Self.now)
            return nil
        } catch {
            return error
        }
    }

    private enum Kind { case open, read, write, job, cluster }

    private func kind(_ route: Route) -> Kind {
        if route.path.hasPrefix("/oapi/v1/jobs") { return .job }
        if route.path.hasPrefix("/oapi/v1/clusters") { return .cluster }
        let open = ["signin", "signout", "signup", "refresh_token", "reset_password", "callback"]
        let last = route.path.split(separator: "/").last.map(String.init) ?? ""
        let isSignIn = route.path.hasPrefix("/api/v1/users/signin")
        if !route.path.hasPrefix("/api/v1/") || isSignIn || open.contains(last) { return .open }
        return route.method == .get ? .read : .write
    }

    @Test func everyRouteIsWhatItsPathSays() {
        #expect(Routes.all.count > 80)
        for route in Routes.all {
            switch (kind(route), route.access) {
            case (.open, .open): break
            case (.read, .user(let object, let action)), (.write, .user(let object, let action)):
                #expect(route.path.split(separator: "/")[2] == object.rawValue, "\(route.path)")
                #expect(action == (route.method == .get ? "read" : "*"), "\(route.method) \(route.path)")
            case (.job, .token(.job)), (.cluster, .token(.cluster)): break
            default: Issue.record("\(route.method) \(route.path) has the access rule \(route.access)")
            }
        }
    }

    @Test func theTableHoldsForEveryRoute() {
        let nobody = Refusal.Kind.unauthorized
        let callers: [(name: String, caller: Caller, expected: [Kind: Refusal.Kind?])] = [
            ("nobody", .nobody, [.read: nobody, .write: nobody, .job: nobody, .cluster: nobody]),
            ("guest", .user(Self.guest, session: "s"), [.read: nil, .write: nobody, .job: nobody, .cluster: nobody]),
            ("root", .user(Self.root, session: "s"), [.read: nil, .write: nil, .job: nobody, .cluster: nobody]),
            (
                "somebody without a role", .user(Self.principal([], []), session: "s"),
                [.read: nobody, .write: nobody, .job: nobody, .cluster: nobody]
            ),
            (
                "a disabled root", .user(Self.principal(["root"], Self.root.permissions, .disable), session: "s"),
                [.read: nobody, .write: nobody, .job: nobody, .cluster: nobody]
            ),
            (
                "a token for jobs", Self.token(["job"]),
                [.read: nobody, .write: nobody, .job: nil, .cluster: .forbidden]
            ),
            (
                "a token for clusters", Self.token(["cluster"]),
                [.read: nobody, .write: nobody, .job: .forbidden, .cluster: nil]
            ),
            (
                "a token for both", Self.token(["job", "cluster"], owner: Self.root),
                [.read: nobody, .write: nobody, .job: nil, .cluster: nil]
            ),
            ("a token for all", Self.token([]), [.read: nobody, .write: nobody, .job: nil, .cluster: nil]),
            (
                "a token for something else", Self.token(["x"]),
                [.read: nobody, .write: nobody, .job: .forbidden, .cluster: .forbidden]
            ),
            (
                "an inactive token", Self.token(["job", "cluster"], state: .inactive),
                [.read: nobody, .write: nobody, .job: .forbidden, .cluster: .forbidden]
            ),
            (
                "a token that has expired", Self.token(["job", "cluster"], expires: 1),
                [.read: nobody, .write: nobody, .job: .forbidden, .cluster: .forbidden]
            ),
            (
                "the token of a disabled user",
                Self.token(["job", "cluster"], owner: Self.principal(["root"], Self.root.permissions, .disable)),
                [.read: nobody, .write: nobody, .job: nobody, .cluster: nobody]
            ),
        ]
        for route in Routes.all {
            for (name, caller, expected) in callers {
                let wanted = expected[kind(route)] ?? nil
                let got = refusal(route, caller)?.kind
                #expect(got == wanted, "\(name) at \(route.method) \(route.path)")
            }
        }
    }

    @Test func refusalsHaveTheWordsOfTheAPI() throws {
        let read = try #require(Routes.all.first { $0.path == "/api/v1/clusters" && $0.method == .get })
        let write = try #require(Routes.all.first { $0.path == "/api/v1/clusters" && $0.method == .post })
        let jobs = try #require(Routes.all.first { $0.path == "/oapi/v1/jobs" && $0.method == .get })
        #expect(refusal(read, .nobody)?.body == .message("Unauthorized"))
        #expect(refusal(read, .nobody)?.challenges == true)
        #expect(refusal(write, .user(Self.guest, session: "s"))?.body == .message("permission deny"))
        #expect(refusal(jobs, Self.token(["job"], state: .inactive))?.body == .message("Token is inactive"))
        #expect(refusal(jobs, Self.token(["job"], expires: 0))?.body == .message("Token has expired"))
        #expect(
            refusal(jobs, Self.token(["cluster"]))?.body
                == .message("Token doesn't have permission to access this resource. Required permission: job"))
    }
}
