/// The tables of version 1.
enum FirstSchema {
    @Sendable static func statements(_ dialect: Dialect) -> [String] {
        accounts(dialect) + clusters(dialect) + instances(dialect) + work(dialect) + records(dialect)
    }

    private static func accounts(_ dialect: Dialect) -> [String] {
        [
            dialect.table(
                "users", dialect.name("name"), dialect.text("email"), dialect.text("password_hash", atMost: 1024),
                dialect.text("avatar"), dialect.text("phone"), dialect.choice("state", "enable", "disable"),
                dialect.text("location"), dialect.text("bio", atMost: 1024), dialect.flag("must_change_password")),
            dialect.unique("users", "name"),
            dialect.unique("users", "email", unlessEmpty: true),

            dialect.table("roles", dialect.name("name")),
            dialect.unique("roles", "name"),
            dialect.table(
                "role_permissions", dialect.reference("role_id", to: "roles", deletion: .deletesToo),
                dialect.name("object"), dialect.choice("action", "read", "*")),
            dialect.unique("role_permissions", "role_id", "object", "action"),
            dialect.table(
                "user_roles", dialect.reference("user_id", to: "users", deletion: .deletesToo),
                dialect.reference("role_id", to: "roles", deletion: .deletesToo)),
            dialect.unique("user_roles", "user_id", "role_id"),
            dialect.index("user_roles", "role_id"),

            dialect.plainTable(
                "sessions",
                [
                    "id TEXT PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 128)",
                    dialect.reference("user_id", to: "users", deletion: .deletesToo), dialect.time("created_at"),
                    dialect.time("expires_at"), dialect.text("address"), dialect.text("agent", atMost: 1024),
                ]),
            dialect.index("sessions", "user_id"),
            dialect.index("sessions", "expires_at"),

            dialect.table(
                "personal_access_tokens", dialect.name("name"), dialect.text("bio", atMost: 1024),
                dialect.hash("token_hash"), dialect.json("scopes"), dialect.choice("state", "active", "inactive"),
                dialect.time("expired_at"), dialect.timeIfAny("last_used_at"),
                dialect.reference("user_id", to: "users", deletion: .isRefused)),
            dialect.unique("personal_access_tokens", "name"),
            dialect.unique("personal_access_tokens", "token_hash"),
            dialect.index("personal_access_tokens", "user_id"),

            dialect.table(
                "oauth_providers", dialect.name("name"), dialect.text("bio", atMost: 1024), dialect.name("client_id"),
                dialect.name("client_secret", atMost: 1024), dialect.text("redirect_url", atMost: 1024),
                dialect.text("authorize_url", atMost: 1024), dialect.text("token_url", atMost: 1024),
                dialect.text("profile_url", atMost: 1024)),
            dialect.unique("oauth_providers", "name"),
            dialect.unique("oauth_providers", "client_id"),
            dialect.table(
                "oauth_identities", dialect.name("provider"), dialect.name("subject"),
                dialect.reference("user_id", to: "users", deletion: .deletesToo)),
            dialect.unique("oauth_identities", "provider", "subject"),
            dialect.index("oauth_identities", "user_id"),
        ]
    }

    private static func clusters(_ dialect: Dialect) -> [String] {
        [
            dialect.table(
                "scheduler_clusters", dialect.name("name"), dialect.text("bio", atMost: 1024), dialect.json("config"),
                dialect.json("client_config"), dialect.json("seed_client_config"), dialect.json("scopes"),
                dialect.flag("is_default")),
            dialect.unique("scheduler_clusters", "name"),
            dialect.table(
                "seed_peer_clusters", dialect.name("name"), dialect.text("bio", atMost: 1024), dialect.json("config")),
            dialect.unique("seed_peer_clusters", "name"),
            dialect.table(
                "cluster_links",
                dialect.reference("scheduler_cluster_id", to: "scheduler_clusters", deletion: .deletesToo),
                dialect.reference("seed_peer_cluster_id", to: "seed_peer_clusters", deletion: .deletesToo)),
            dialect.unique("cluster_links", "scheduler_cluster_id", "seed_peer_cluster_id"),
            dialect.index("cluster_links", "seed_peer_cluster_id"),
        ]
    }

    private static func instances(_ dialect: Dialect) -> [String] {
        let place = [dialect.text("idc", atMost: 1024), dialect.text("location", atMost: 1024), dialect.name("ip")]
            .joined(separator: ",\n    ")
        let state = dialect.choice("state", "active", "inactive")
        return [
            dialect.table(
                "schedulers", dialect.name("host_name"), place, dialect.number("port", 0...65_535), state,
                dialect.json("features"), dialect.json("config"), dialect.timeIfAny("last_keep_alive_at"),
                dialect.reference("scheduler_cluster_id", to: "scheduler_clusters", deletion: .isRefused)),
            dialect.unique("schedulers", "host_name", "ip", "scheduler_cluster_id"),
            dialect.index("schedulers", "scheduler_cluster_id"),

            dialect.table(
                "seed_peers", dialect.name("host_name"), dialect.choice("type", "super"), place,
                dialect.number("port", 0...65_535), dialect.number("download_port", 0...65_535),
                dialect.number("object_storage_port", 0...65_535), state,
                dialect.reference("seed_peer_cluster_id", to: "seed_peer_clusters", deletion: .isRefused)),
            dialect.unique("seed_peers", "host_name", "ip", "seed_peer_cluster_id"),
            dialect.index("seed_peers", "seed_peer_cluster_id"),

            // What schedulers know, and tell again: it goes with its cluster.
            dialect.table(
                "peers", dialect.name("host_name"), dialect.choice("type", "super", "normal"), place,
                dialect.number("port", 0...65_535), dialect.number("download_port", 0...65_535),
                dialect.number("proxy_port", 0...65_535), dialect.number("object_storage_port", 0...65_535), state,
                dialect.text("os"), dialect.text("platform"), dialect.text("platform_family"),
                dialect.text("platform_version"), dialect.text("kernel_version"), dialect.text("git_version"),
                dialect.text("git_commit"), dialect.text("build_platform"),
                dialect.reference("scheduler_cluster_id", to: "scheduler_clusters", deletion: .deletesToo)),
            dialect.unique("peers", "host_name", "ip", "scheduler_cluster_id"),
            dialect.index("peers", "scheduler_cluster_id"),
        ]
    }

    private static func work(_ dialect: Dialect) -> [String] {
        [
            dialect.table(
                "jobs", dialect.text("task_id"), dialect.text("bio", atMost: 1024), dialect.name("type"),
                dialect.choice("state", "PENDING", "RECEIVED", "STARTED", "RETRY", "SUCCESS", "FAILURE"),
                dialect.json("args"), dialect.json("result"), dialect.referenceIfAny("user_id", to: "users"),
                dialect.text("claimed_by"), dialect.timeIfAny("claimed_until"),
                dialect.number("attempts", 0...1_000_000), dialect.timeIfAny("due_at")),
            dialect.index("jobs", "created_at", "id"),
            dialect.index("jobs", "type", "created_at", "id"),
            dialect.index("jobs", "user_id"),
            dialect.index("jobs", "due_at", where: "state NOT IN ('SUCCESS', 'FAILURE')"),
            dialect.table(
                "job_scheduler_clusters", dialect.reference("job_id", to: "jobs", deletion: .deletesToo),
                dialect.reference("scheduler_cluster_id", to: "scheduler_clusters", deletion: .deletesToo)),
            dialect.index("job_scheduler_clusters", "job_id"),
            dialect.index("job_scheduler_clusters", "scheduler_cluster_id"),
            dialect.table(
                "job_seed_peer_clusters", dialect.reference("job_id", to: "jobs", deletion: .deletesToo),
                dialect.reference("seed_peer_cluster_id", to: "seed_peer_clusters", deletion: .deletesToo)),
            dialect.index("job_seed_peer_clusters", "job_id"),
            dialect.index("job_seed_peer_clusters", "seed_peer_cluster_id"),
        ]
    }

    private static func records(_ dialect: Dialect) -> [String] {
        [
            dialect.table(
                "configs", dialect.name("name"), dialect.text("value", atMost: 1024), dialect.text("bio", atMost: 1024),
                dialect.reference("user_id", to: "users", deletion: .isRefused)),
            dialect.unique("configs", "name"),
            dialect.table(
                "applications", dialect.name("name"), dialect.text("url", atMost: 1024),
                dialect.text("bio", atMost: 1024), dialect.json("priority"),
                dialect.reference("user_id", to: "users", deletion: .isRefused)),
            dialect.unique("applications", "name"),
            dialect.table(
                "audits", dialect.choice("actor_type", "UNKNOWN", "USER", "PAT"), dialect.text("actor_name"),
                dialect.text("event_type"), dialect.text("operation"), dialect.time("operated_at"),
                dialect.choice("state", "SUCCESS", "FAILURE"), dialect.text("path", atMost: 1024),
                dialect.number("status_code", 0...999), dialect.json("detail")),
            dialect.index("audits", "created_at", "id"),
            // What the manager keeps for itself, such as the key of its tokens.
            dialect.plainTable(
                "settings",
                ["name TEXT PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 256)", "value \(dialect.bytes) NOT NULL"]),
        ]
    }
}
