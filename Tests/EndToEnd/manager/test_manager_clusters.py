"""Clusters, and the scheduler and seed peer clusters that they consist of."""
from __future__ import annotations

import pytest

from server import Server

EMPTY = {"scheduler_cluster_config": {}, "seed_peer_cluster_config": {}, "peer_cluster_config": {}}
NO_BLOCKS = {"task": None, "persistent_task": None, "persistent_cache_task": None}


def test_an_empty_store_has_a_cluster(server: Server, root):
    [cluster] = root.ok(root.get("/api/v1/clusters"))
    assert {key: cluster[key] for key in ("id", "name", "is_default", "scheduler_cluster_id", "seed_peer_cluster_id")} == {
        "id": 1, "name": "cluster-1", "is_default": True, "scheduler_cluster_id": 1, "seed_peer_cluster_id": 1}
    assert cluster["scheduler_cluster_config"] == {
        "candidate_parent_limit": 3, "filter_parent_limit": 15, "job_rate_limit": 10}
    assert cluster["seed_peer_cluster_config"] == {"load_limit": 2000, "block_list": NO_BLOCKS}
    assert cluster["peer_cluster_config"] == {"load_limit": 200, "concurrent_piece_count": 4, "block_list": NO_BLOCKS}
    assert cluster["scopes"] == {"idc": "", "location": "", "cidrs": None, "hostnames": None}
    assert "is_del" not in cluster
    [config] = root.ok(root.get("/api/v1/configs"))
    assert config["name"] == "gc" and config["id"] == 1
    assert config["value"] == '{"audit":{"ttl":604800000000000},"job":{"ttl":21600000000000}}'


@pytest.mark.parametrize("base", ["/api/v1", "/oapi/v1"])
def test_a_cluster_lives(server: Server, root, base):
    client = root if base == "/api/v1" else root.with_token(root.make_token()["token"])
    path = f"{base}/clusters"
    blocks = {
        "task": {"download": {"applications": ["a"], "urls": ["^http://x"], "tags": ["t"], "priorities": [1, 5]}},
        "persistent_cache_task": {"upload": {"tags": ["u"]}},
    }
    body = {
        "name": "new", "bio": "hello", "is_default": True,
        "scopes": {"idc": "a|b", "location": "x|y", "cidrs": ["10.0.0.0/8", "2001:db8::/32"], "hostnames": ["^node-[0-9]+"]},
        "scheduler_cluster_config": {"candidate_parent_limit": 20, "filter_parent_limit": 1000, "job_rate_limit": 1000000},
        "seed_peer_cluster_config": {"load_limit": 50000, "block_list": blocks},
        "peer_cluster_config": {"load_limit": 2000, "concurrent_piece_count": 50},
    }
    made = client.ok(client.post(path, body))
    assert made["id"] == made["scheduler_cluster_id"] == 2 and made["seed_peer_cluster_id"] == 2
    for key in ("name", "bio", "is_default", "scopes", "scheduler_cluster_config"):
        assert made[key] == body[key], key
    assert made["peer_cluster_config"] == {"load_limit": 2000, "concurrent_piece_count": 50, "block_list": NO_BLOCKS}
    stored = made["seed_peer_cluster_config"]["block_list"]
    assert stored["task"]["download"] == blocks["task"]["download"] and stored["persistent_task"] is None
    assert stored["persistent_cache_task"] == {
        "download": None, "upload": {"applications": None, "urls": None, "tags": ["u"]}}
    assert client.ok(client.get(f"{path}/2")) == made
    assert client.ok(client.get(f"{path}?name=new")) == [made]

    changed = client.ok(client.patch(f"{path}/2", {"name": "renamed", "scheduler_cluster_config": {"job_rate_limit": 7}}))
    assert changed["scheduler_cluster_config"] == {
        "candidate_parent_limit": 0, "filter_parent_limit": 0, "job_rate_limit": 7}, "objects are replaced as a whole"
    assert changed["scopes"] is None and changed["peer_cluster_config"] is None, "what was left out is not echoed"
    assert changed["is_default"] is True and changed["bio"] == "hello"
    again = client.ok(client.get(f"{path}/2"))
    assert again["scopes"] == body["scopes"] and again["peer_cluster_config"]["load_limit"] == 2000
    assert root.ok(root.get("/api/v1/scheduler-clusters/2"))["name"] == "renamed"
    assert root.ok(root.get("/api/v1/seed-peer-clusters/2"))["name"] == "renamed"
    assert client.ok(client.patch(f"{path}/2", {"is_default": False}))["is_default"] is False

    answer = client.delete(f"{path}/2")
    assert answer.status == 200 and answer.body == b""
    assert client.get(f"{path}/2").json == {"message": "record not found"}
    assert root.get("/api/v1/seed-peer-clusters/2").status == 404
    for call in (client.patch(f"{path}/2", {}), client.delete(f"{path}/2")):
        assert call.status == 404 and call.json == {"message": "record not found"}


@pytest.mark.parametrize("key, field, low, high", [
    ("scheduler_cluster_config", "candidate_parent_limit", 1, 20), ("scheduler_cluster_config", "filter_parent_limit", 10, 1000),
    ("scheduler_cluster_config", "job_rate_limit", 1, 1_000_000), ("seed_peer_cluster_config", "load_limit", 1, 50_000),
    ("peer_cluster_config", "load_limit", 1, 2000), ("peer_cluster_config", "concurrent_piece_count", 1, 50),
])
def test_limits_hold(server: Server, root, key, field, low, high):
    for number, value in enumerate((0, low, high)):
        root.make_cluster(f"c{number}", **{key: {field: value}})
    for value, tag in ((low - 1 or -1, "gte"), (high + 1, "lte"), (-5, "gte")):
        answer = root.post("/api/v1/clusters", {"name": "x", **EMPTY, key: {field: value}})
        assert answer.status == 422 and f"failed on the '{tag}' tag" in answer.json["errors"], (value, answer.body)
    for value in ("5", 1.5, True, [], 2**70, None):
        answer = root.post("/api/v1/clusters", {"name": "x", **EMPTY, key: {field: value}})
        assert answer.status == (200 if value is None else 422), value


@pytest.mark.parametrize("missing", ["name", *EMPTY])
def test_what_is_required(reader, missing):
    body = {"name": "x", **EMPTY}
    del body[missing]
    answer = reader.post("/api/v1/clusters", body)
    assert answer.status == 422 and "'required' tag" in answer.json["errors"] and "message" in answer.json


@pytest.mark.parametrize("scopes", [
    {"cidrs": ["10.0.0.0/33"]}, {"cidrs": ["nonsense"]}, {"cidrs": [""]}, {"hostnames": ["("]}, {"hostnames": ["a{2000}"]},
    {"hostnames": [7]}, {"idc": []}, {"cidrs": "10.0.0.0/8"},
])
def test_scopes_are_checked(reader, scopes):
    answer = reader.post("/api/v1/clusters", {"name": "x", **EMPTY, "scopes": scopes})
    assert answer.status == 422, answer.body


def test_block_lists_are_checked(reader):
    bad = {"block_list": {"task": {"download": {"urls": ["("]}}}}
    assert reader.post("/api/v1/clusters", {"name": "x", **EMPTY, "peer_cluster_config": bad}).status == 422


def test_names_are_unique_among_both_kinds(server: Server, root):
    root.make_cluster("a")
    assert root.post("/api/v1/clusters", {"name": "a", **EMPTY}).json == {"message": "Conflict"}
    root.ok(root.post("/api/v1/seed-peer-clusters", {"name": "b", "config": {}}))
    assert root.post("/api/v1/clusters", {"name": "b", **EMPTY}).status == 409
    assert root.ok(root.get("/api/v1/scheduler-clusters?name=b")) == [], "nothing of it is left"
    assert root.patch("/api/v1/clusters/1", {"name": "a"}).status == 409


def test_clusters_in_use_stay(server: Server, root):
    made = root.make_cluster("a")
    scheduler = root.ok(root.post(
        "/api/v1/schedulers", {"host_name": "h", "ip": "1.2.3.4", "port": 8002, "scheduler_cluster_id": made["id"]}))
    for path in (f"/api/v1/clusters/{made['id']}", f"/api/v1/scheduler-clusters/{made['id']}"):
        answer = root.delete(path)
        assert answer.status == 409 and answer.json == {"message": "scheduler cluster exists scheduler"}
    root.ok(root.delete(f"/api/v1/schedulers/{scheduler['id']}"))
    seed = root.ok(root.post("/api/v1/seed-peers", {
        "host_name": "s", "type": "super", "ip": "1.2.3.5", "port": 8003, "download_port": 8004,
        "seed_peer_cluster_id": made["seed_peer_cluster_id"]}))
    assert root.delete(f"/api/v1/clusters/{made['id']}").status == 409
    assert root.delete(f"/api/v1/seed-peer-clusters/{made['seed_peer_cluster_id']}").status == 409
    root.ok(root.delete(f"/api/v1/seed-peers/{seed['id']}"))
    root.ok(root.delete(f"/api/v1/clusters/{made['id']}"))


def test_odd_links_do_not_break_the_list(server: Server, root):
    lonely = root.ok(root.post("/api/v1/scheduler-clusters", {
        "name": "lonely", "config": {}, "client_config": {}, "seed_client_config": {}}))
    clusters = root.ok(root.get("/api/v1/clusters"))
    assert [cluster["name"] for cluster in clusters] == ["cluster-1", "lonely"]
    assert root.ok(root.get(f"/api/v1/clusters/{lonely['id']}"))["seed_peer_cluster_id"] == 0
    assert root.patch(f"/api/v1/clusters/{lonely['id']}", {"bio": "x"}).status == 409


def test_scheduler_clusters(server: Server, root):
    body = {
        "name": "sc", "bio": "b", "config": {"candidate_parent_limit": 5}, "client_config": {"load_limit": 9},
        "seed_client_config": {}, "scopes": {"idc": "x"}, "is_default": True, "seed_peer_cluster_id": 1,
    }
    made = root.ok(root.post("/api/v1/scheduler-clusters", body))
    assert made["config"]["candidate_parent_limit"] == 5 and made["scopes"]["idc"] == "x" and made["is_default"] is True
    assert set(made) == {
        "id", "created_at", "updated_at", "is_del", "name", "bio", "config", "client_config", "seed_client_config", "scopes",
        "is_default", "seed_peer_clusters", "schedulers", "peers", "jobs"}
    found = root.ok(root.get("/api/v1/scheduler-clusters/2"))
    assert [cluster["id"] for cluster in found["seed_peer_clusters"]] == [1] and found["schedulers"] == []
    assert [cluster["name"] for cluster in root.ok(root.get("/api/v1/scheduler-clusters"))] == ["cluster-1", "sc"]
    changed = root.ok(root.patch("/api/v1/scheduler-clusters/2", {"name": "sc2", "client_config": {"load_limit": 8}}))
    assert changed["name"] == "sc2" and changed["client_config"]["load_limit"] == 8 and changed["is_default"] is True
    for missing in ("name", "config", "client_config", "seed_client_config"):
        assert root.post(
            "/api/v1/scheduler-clusters", {k: v for k, v in body.items() if k != missing}).status == 422, missing
    assert root.post("/api/v1/scheduler-clusters", {**body, "name": "x", "seed_peer_cluster_id": 77}).status == 404
    assert root.ok(root.get("/api/v1/scheduler-clusters?name=x")) == []
    root.ok(root.delete("/api/v1/scheduler-clusters/2"))


def test_instances_move_and_clusters_are_linked(server: Server, root):
    other = root.make_cluster("other")
    scheduler = root.ok(root.post(
        "/api/v1/schedulers", {"host_name": "h", "ip": "1.2.3.4", "port": 8002, "scheduler_cluster_id": 1}))
    root.ok(root.put(f"/api/v1/scheduler-clusters/{other['id']}/schedulers/{scheduler['id']}"))
    assert root.ok(root.get("/api/v1/schedulers/1"))["scheduler_cluster_id"] == other["id"]
    seed = root.ok(root.post("/api/v1/seed-peers", {
        "host_name": "s", "type": "super", "ip": "1.2.3.5", "port": 8003, "download_port": 8004, "seed_peer_cluster_id": 1}))
    root.ok(root.put(f"/api/v1/seed-peer-clusters/{other['seed_peer_cluster_id']}/seed-peers/{seed['id']}"))
    found = root.ok(root.get(f"/api/v1/seed-peer-clusters/{other['seed_peer_cluster_id']}"))
    assert [peer["host_name"] for peer in found["seed_peer"]] == ["s"]
    lonely = root.ok(root.post("/api/v1/seed-peer-clusters", {"name": "lonely", "config": {"load_limit": 5}}))
    root.ok(root.put(f"/api/v1/seed-peer-clusters/{lonely['id']}/scheduler-clusters/1"))
    linked = root.ok(root.get(f"/api/v1/seed-peer-clusters/{lonely['id']}"))["scheduler_clusters"]
    assert [cluster["id"] for cluster in linked] == [1]
    for path in ("/api/v1/scheduler-clusters/1/schedulers/99", "/api/v1/scheduler-clusters/99/schedulers/1",
                 "/api/v1/seed-peer-clusters/1/seed-peers/99", "/api/v1/seed-peer-clusters/99/scheduler-clusters/1"):
        assert root.put(path).status == 404, path
