"""How schedulers join, live, leave, and are removed; and what they are told."""
from __future__ import annotations

import re
import time

import pytest

from fake_scheduler import FakeScheduler, host, join_token, route
from http_calls import ask
from server import FAR, Server
from waiting import wait_until


@pytest.fixture
def token(root) -> str:
    return join_token(root)


def states(root, kind: str) -> dict:
    return {row["host_name"]: row["state"] for row in root.ok(root.get(f"/api/v1/{kind}?per_page=1000"))}


def test_join_tokens(server: Server, root):
    made = root.ok(root.post("/api/v1/join-tokens", {"name": "t", "bio": "b", "scheduler_cluster_id": 1, "expired_at": FAR}))
    assert set(made) == {
        "id", "created_at", "updated_at", "is_del", "name", "bio", "token", "prefix", "scheduler_cluster_id", "state",
        "expired_at", "last_used_at", "user_id"}
    assert re.fullmatch(r"mnj_[0-9A-Za-z]{36}", made["token"]) and made["prefix"] == made["token"][:8]
    assert made["state"] == "active" and made["user_id"] == 1 and made["expired_at"] == FAR
    path = f"/api/v1/join-tokens/{made['id']}"
    for answer in (root.get(path), root.get("/api/v1/join-tokens"), root.patch(path, {"bio": "c"})):
        assert answer.status == 200 and made["token"].encode() not in answer.body
    assert root.post("/api/v1/join-tokens", {"name": "t"}).status == 409
    assert root.post("/api/v1/join-tokens", {"name": "u", "scheduler_cluster_id": 99}).status == 404
    assert root.post("/api/v1/join-tokens", {"name": ""}).status == 422
    assert [t["name"] for t in root.ok(root.get("/api/v1/join-tokens?scheduler_cluster_id=1&state=active"))] == ["t"]
    guest = server.guest()
    assert guest.post("/api/v1/join-tokens", {"name": "x"}).status == 401
    root.ok(root.delete(path))
    assert root.get(path).status == 404


def test_strangers_are_refused(server: Server, root, token):
    scheduler = FakeScheduler(server, "mnj_000000000000000000000000000000000000")
    assert scheduler.send().status == 401
    assert route(server, None).status == 401
    personal = root.make_token()["token"]
    assert route(server, personal).status == 401, "a token for people's programs is none for the fleet"
    answer = ask(server.address, "/internal/v1/schedulers", "POST", b"x" * 1000)
    assert answer.status == 401 and "join token" in answer.json["message"]
    assert route(server, token).status == 200
    path = "/api/v1/join-tokens/1"
    root.ok(root.patch(path, {"state": "inactive"}))
    assert (route(server, token).status, route(server, token).json["message"]) == (403, "the join token is inactive")
    root.ok(root.patch(path, {"state": "active", "expired_at": "2020-01-01T00:00:00Z"}))
    assert (route(server, token).status, route(server, token).json["message"]) == (403, "the join token has expired")
    root.ok(root.delete(path))
    assert route(server, token).status == 401
    assert root.ok(root.get("/api/v1/schedulers")) == []


def test_nonsense_is_told(server: Server, root, token):
    headers = {"Authorization": f"Bearer {token}"}
    for path in ("schedulers", "route"):
        for body in (b"", b"[", b"[]", b"{}", b'{"facts": 7}', b"\xff\xfe"):
            answer = server.ask(f"/internal/v1/{path}", "POST", body, headers=headers)
            assert answer.status == 422 and "that is no" in answer.json["message"], (path, body, answer.body)
        assert server.ask(f"/internal/v1/{path}", "GET", headers=headers).status == 405
    assert server.ask("/internal/v1/other", "POST", b"{}", headers=headers).status == 404
    too_long = {**headers, "Content-Length": str(17 << 20)}
    assert server.ask("/internal/v1/schedulers", "POST", b"", headers=too_long).status == 413
    document = root.get("/openapi.json").body
    assert b"/internal" not in document
    assert b"/api/v1/join-tokens" in document


def test_a_scheduler_lives_and_dies(server: Server, root, token):
    scheduler = FakeScheduler(server, token)
    reply = scheduler.report(hosts=[host("a"), host("seed", seed=True)])
    assert scheduler.news["schedulers"] == ["http://10.0.0.1:8002"]
    assert scheduler.news["rules"]["clusterID"] == 1 and len(scheduler.news["joinTokens"]) == 1
    [row] = root.ok(root.get("/api/v1/schedulers?state=active"))
    assert row["id"] == reply["id"] and row["host_name"] == "s1" and row["features"] == ["schedule", "preheat"]
    assert states(root, "peers") == {"a": "active"} and states(root, "seed-peers") == {"seed": "active"}
    assert "news" not in scheduler.report()
    # The manager has to have listened for a while before it believes in silence.
    began = time.monotonic()
    while time.monotonic() - began < 5:
        scheduler.report()
        time.sleep(0.5)
    last = time.monotonic()
    wait_until(lambda: states(root, "schedulers") == {"s1": "inactive"}, "the scheduler to be given up", 20)
    assert 2.5 < time.monotonic() - last < 8
    assert states(root, "peers") == {"a": "inactive"} and states(root, "seed-peers") == {"seed": "inactive"}
    assert scheduler.report()["id"] == row["id"]
    assert states(root, "schedulers") == {"s1": "active"}
    scheduler.report(isLeaving=True)
    assert states(root, "schedulers") == {"s1": "inactive"}
    again = FakeScheduler(server, token)
    assert again.report()["id"] == row["id"], "the same row after a restart"
    assert "another scheduler" in FakeScheduler(server, token).report()["refusal"]


def test_removed_schedulers_stay_away(server: Server, root, token):
    scheduler = FakeScheduler(server, token)
    scheduler.report(hosts=[host("a")])
    root.ok(root.delete(f"/api/v1/schedulers/{scheduler.report()['id']}"))
    assert "removed" in scheduler.report()["refusal"]
    assert states(root, "schedulers") == {} and states(root, "peers") == {"a": "inactive"}
    again = FakeScheduler(server, token)
    again.report(hosts=[host("a")])
    root.ok(root.delete("/api/v1/peers/1"))
    assert again.report()["removedHosts"] == [host("a")["id"]]
    again.report(hosts=[host("a")])
    assert states(root, "peers") == {}


def test_changes_of_a_cluster_reach_its_schedulers(server: Server, root, token):
    scheduler = FakeScheduler(server, token)
    scheduler.report()
    root.ok(root.patch("/api/v1/clusters/1", {
        "is_default": True, "scheduler_cluster_config": {"candidate_parent_limit": 2, "filter_parent_limit": 11},
        "seed_peer_cluster_config": {"load_limit": 3}, "peer_cluster_config": {
            "load_limit": 4, "concurrent_piece_count": 5,
            "block_list": {"task": {"download": {"applications": ["bad"]}}}}}))
    rules = scheduler.report()["news"]["rules"]
    assert rules["candidateParentLimit"] == 2 and rules["filterParentLimit"] == 11
    assert rules["seeds"]["loadLimit"] == 3 and rules["peers"]["loadLimit"] == 4
    assert rules["peers"]["concurrentPieces"] == 5
    assert rules["peers"]["blockList"]["downloads"]["task"]["applications"] == ["bad"]
    assert "news" not in scheduler.report()


def test_hosts_find_their_way(server: Server, root, token):
    edge = root.make_cluster("edge", scopes={"cidrs": ["10.7.0.0/16"]})["id"]
    bound = join_token(root, "edge", scheduler_cluster_id=edge)
    assert route(server, token).json["clusters"] == []
    FakeScheduler(server, token).report()
    FakeScheduler(server, bound, "s2", "10.7.0.1").report()
    answer = route(server, token, address="10.7.1.1").json
    assert [cluster["name"] for cluster in answer["clusters"]] == ["edge", "cluster-1"]
    assert answer["clusters"][0]["reasons"] == ["its CIDR 10.7.0.0/16 has 10.7.1.1"]
    assert answer["clusters"][0]["schedulers"] == ["http://10.7.0.1:8002"]
    assert abs(answer["time"] - time.time()) < 5
    here = route(server, token).json
    assert here["address"] == "127.0.0.1" and here["clusters"][0]["name"] == "cluster-1"
    assert [cluster["name"] for cluster in route(server, bound).json["clusters"]] == ["edge"]
    assert route(server, token, address="x").status == 422


def test_any_manager_answers(new_manager, postgres, engine):
    if engine != "postgres":
        pytest.skip("two managers share a server of databases")
    database = postgres.new_database()
    one, two = new_manager(database=database), new_manager(database=database)
    root = one.sign_in()
    token = join_token(root)
    scheduler = FakeScheduler(one, token)
    first = scheduler.report(hosts=[host("a")])["id"]
    scheduler.server = two
    assert scheduler.report()["id"] == first
    one.kill()
    other = two.sign_in()
    assert states(other, "peers") == {"a": "active"}
    body = {"type": "preheat", "args": {"type": "file", "url": "http://10.9.0.1/x"}, "scheduler_cluster_ids": [1]}
    job = other.ok(other.post("/api/v1/jobs", body))
    [part] = scheduler.report(wantsJobs=3)["jobs"]
    assert other.ok(other.get(f"/api/v1/jobs/{job['id']}"))["result"]["job_states"][0]["task_uuid"] == part["id"]
