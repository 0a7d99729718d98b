/// What version 2 adds: the fleet, as its schedulers tell of it, and the work that they are given.
enum FleetSchema {
    @Sendable static func statements(_ dialect: Dialect) -> [String] {
        joining(dialect) + instances(dialect) + work(dialect)
    }

    private static func joining(_ dialect: Dialect) -> [String] {
        [
            dialect.table(
                "join_tokens", dialect.name("name"), dialect.text("bio", atMost: 1024), dialect.hash("token_hash"),
                dialect.text("prefix", atMost: 16),
                // A token must not become good for all clusters when its own goes.
                dialect.referenceIfAny("scheduler_cluster_id", to: "scheduler_clusters", deletion: .deletesToo),
                dialect.choice("state", "active", "inactive"), dialect.timeIfAny("expired_at"),
                dialect.timeIfAny("last_used_at"), dialect.reference("user_id", to: "users", deletion: .isRefused)),
            dialect.unique("join_tokens", "name"),
            dialect.unique("join_tokens", "token_hash"),
            dialect.index("join_tokens", "scheduler_cluster_id"),
            dialect.index("join_tokens", "user_id"),

            // Runs of processes that an operator has removed. Clusters and kinds are facts here, no references.
            dialect.table(
                "removed_instances", dialect.choice("kind", "scheduler", "seed_peer", "peer"),
                dialect.name("host_name"), dialect.name("ip"), "scheduler_cluster_id \(dialect.integer) NOT NULL",
                dialect.name("run")),
            dialect.unique("removed_instances", "kind", "run"),
            dialect.index("removed_instances", "scheduler_cluster_id"),
        ]
    }

    private static func instances(_ dialect: Dialect) -> [String] {
        let traffic = [
            dialect.referenceIfAny("scheduler_id", to: "schedulers"), dialect.text("run") + " DEFAULT ''",
            dialect.amount("bytes_from_source"), dialect.amount("bytes_from_peers"), dialect.amount("bytes_sent"),
            dialect.amount("downloads"), dialect.amount("uploads"),
        ]
        return dialect.adding(
            dialect.text("run") + " DEFAULT ''", dialect.text("version") + " DEFAULT ''",
            dialect.flag("is_secure") + " DEFAULT 0", dialect.amount("keep_alive"), to: "schedulers")
            + dialect.adding([dialect.text("version") + " DEFAULT ''"] + traffic, to: "seed_peers")
            + dialect.adding(traffic, to: "peers") + [
                dialect.index("schedulers", "run"),
                dialect.index("seed_peers", "scheduler_id"),
                dialect.index("peers", "scheduler_id"),
            ]
    }

    private static func work(_ dialect: Dialect) -> [String] {
        let unfinished = "state IN ('PENDING', 'STARTED')"
        return [
            dialect.plainTable(
                "job_parts",
                [
                    "id TEXT PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64)", dialect.time("created_at"),
                    dialect.time("updated_at"), dialect.reference("job_id", to: "jobs", deletion: .deletesToo),
                    dialect.name("kind"),
                    // What schedulers were there then: a part outlives them, and says how it ended.
                    "scheduler_cluster_id \(dialect.integer) NOT NULL", dialect.amount("scheduler_id"),
                    dialect.amount("holder_id"), dialect.timeIfAny("lease_until"), dialect.time("due_at"),
                    dialect.choice("state", "PENDING", "STARTED", "SUCCESS", "FAILURE"),
                    dialect.amount("attempts"), dialect.text("error", atMost: 16_384),
                    "work \(dialect.bytes) NOT NULL", dialect.json("report"),
                ]),
            dialect.index("job_parts", "job_id"),
            dialect.index("job_parts", "scheduler_cluster_id", where: unfinished),
            dialect.plainTable(
                "job_rates",
                [
                    dialect.reference("scheduler_cluster_id", to: "scheduler_clusters", deletion: .deletesToo)
                        + " PRIMARY KEY", dialect.amount("level"), dialect.time("filled_at"),
                ]),
        ]
    }
}
