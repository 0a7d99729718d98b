"""Who belongs to a cluster, and who is seen to be there."""
from __future__ import annotations

import time

import pytest

from fleet import Fleet
from http_calls import ask
from waiting import wait_until

#: Three intervals of a scheduler's report, and of a seed's.
SCHEDULER_GONE = 3 * 1 + 1.5
SEED_GONE = 3 * 5 + 1.5
MANAGER_LISTENS = 5.0


def test_an_all_in_one_server_registers_its_own_scheduler(fleet: Fleet):
    scheduler = fleet.wait_for_scheduler(seconds=3)
    assert scheduler["port"] == fleet.server.port and scheduler["scheduler_cluster_id"] == 1
    assert set(scheduler["features"]) == {"schedule", "preheat"}


def test_a_seed_is_active_within_a_second_and_comes_back_under_the_same_row(fleet: Fleet):
    fleet.wait_for_scheduler()
    seed = fleet.seed("seed0")
    first = fleet.wait_for_seed("seed0", seconds=2)
    assert first["type"] == "super" and first["download_port"] > 0
    assert seed.stop() == 0
    fleet.wait_for_seed("seed0", "inactive", seconds=3)
    seed.restart()
    assert fleet.wait_for_seed("seed0", seconds=3)["id"] == first["id"]
    seed.kill()
    fleet.wait_for_seed("seed0", "inactive", seconds=SEED_GONE)


def test_peers_follow_reality(fleet: Fleet):
    fleet.wait_for_scheduler()
    node = fleet.node("host-a")
    row = fleet.wait_for_peer("host-a", seconds=3)
    assert row["type"] == "normal" and row["os"] == "linux" and row["git_version"] and row["kernel_version"]
    assert row["scheduler_cluster_id"] == 1
    assert node.stop() == 0
    wait_until(lambda: (fleet.row("peers", "host-a") or {}).get("state") != "active", "the peer to be gone", 5)


def test_a_scheduler_of_its_own_joins_and_is_missed_when_it_dies(fleet: Fleet):
    arguments = ("--roles", "scheduler", "--manager", fleet.server.url, "--host-name", "s2", "--advertise", "127.0.0.1")
    second = fleet.start_server(*arguments, env={"MINION_JOIN_TOKEN": fleet.token})
    row = fleet.wait_for("schedulers", "s2", seconds=2)
    assert row["port"] == second.port
    # A manager that has only just started does not yet hold silence for death.
    time.sleep(MANAGER_LISTENS)
    second.kill()
    fleet.wait_for("schedulers", "s2", "inactive", seconds=SCHEDULER_GONE)
    second.restart()
    assert fleet.wait_for("schedulers", "s2", seconds=SCHEDULER_GONE)["id"] == row["id"]
    assert second.stop() == 0
    fleet.wait_for("schedulers", "s2", "inactive", seconds=1.5)


def test_nobody_joins_without_a_token(fleet: Fleet):
    fleet.wait_for_scheduler()
    revoked = fleet.join_token()
    fleet.root.ok(fleet.root.delete(f"/api/v1/join-tokens/{revoked['id']}"))
    for number, token in enumerate(("nonsense", revoked["token"])):
        node = fleet.seed(f"bad{number}", token=token)
        wait_until(lambda: "join token" in node.log, "the node to say why")
        assert fleet.row("seed-peers", f"bad{number}") is None and fleet.row("peers", f"bad{number}") is None
    for path in ("/internal/v1/route", "/internal/v1/schedulers"):
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Bearer {revoked['token']}"}):
            assert ask(fleet.server.address, path, "POST", b"{}", headers=headers).status == 401, (path, headers)
    # A session is no identity of a machine.
    assert fleet.root.post("/internal/v1/route", {}).status == 401


def test_a_token_that_is_revoked_sends_its_hosts_away(fleet: Fleet):
    token = fleet.join_token()
    fleet.seed("seed0", token=token["token"])
    fleet.wait_for_seed("seed0")
    fleet.root.ok(fleet.root.patch(f"/api/v1/join-tokens/{token['id']}", {"state": "inactive"}))
    fleet.wait_for_seed("seed0", "inactive", seconds=8)


def test_a_token_is_good_for_its_cluster_only(fleet: Fleet):
    other = fleet.root.make_cluster("other", scopes={"cidrs": ["127.0.0.0/8"]})
    token = fleet.join_token(cluster=1)["token"]
    fleet.node("pinned", token=token)
    assert fleet.wait_for_peer("pinned")["scheduler_cluster_id"] == 1
    arguments = ("--roles", "scheduler", "--manager", fleet.server.url, "--host-name", "s2", "--advertise", "127.0.0.1")
    fleet.start_server(*arguments, env={"MINION_JOIN_TOKEN": fleet.join_token(cluster=other["id"])["token"]})
    assert fleet.wait_for("schedulers", "s2")["scheduler_cluster_id"] == other["id"]
    # Bound to no cluster: the one that fits best.
    fleet.node("free")
    assert fleet.wait_for_peer("free")["scheduler_cluster_id"] == other["id"]


def test_one_that_is_removed_is_not_used_and_may_come_back_when_it_starts_anew(fleet: Fleet):
    fleet.wait_for_scheduler()
    seed = fleet.seed("seed0")
    row = fleet.wait_for_seed("seed0")
    fleet.root.ok(fleet.root.delete(f"/api/v1/seed-peers/{row['id']}"))
    removed = time.monotonic()
    wait_until(lambda: "removed" in seed.log, "the seed to hear of it", 3)
    assert time.monotonic() - removed < 3
    assert fleet.row("seed-peers", "seed0") is None
    seed.stop()
    seed.restart()
    fleet.wait_for_seed("seed0")


def test_two_schedulers_cannot_have_one_name(fleet: Fleet):
    arguments = ("--roles", "scheduler", "--manager", fleet.server.url, "--host-name", "s2", "--advertise", "127.0.0.1")
    fleet.start_server(*arguments, env={"MINION_JOIN_TOKEN": fleet.token})
    first = fleet.wait_for("schedulers", "s2")
    second = fleet.start_server(*arguments, env={"MINION_JOIN_TOKEN": fleet.token})
    wait_until(lambda: "another scheduler named s2" in second.log, "the second to be refused")
    assert fleet.row("schedulers", "s2")["port"] == first["port"]
