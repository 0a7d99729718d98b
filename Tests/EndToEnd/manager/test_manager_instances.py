"""Schedulers, seed peers, peers, configurations, applications and persistent cache tasks."""
from __future__ import annotations

import pytest

from server import Server

SCHEDULER = {"host_name": "h", "ip": "10.0.0.1", "port": 8002, "scheduler_cluster_id": 1}
SEED_PEER = {
    "host_name": "s", "type": "super", "ip": "10.0.0.2", "port": 8003, "download_port": 8004, "seed_peer_cluster_id": 1}
PEER = {
    "host_name": "p", "type": "normal", "ip": "10.0.0.3", "port": 8005, "download_port": 8006, "proxy_port": 8007,
    "scheduler_cluster_id": 1}
BASE = {"id", "created_at", "updated_at", "is_del"}
#: What a node has done since it was started.
TRAFFIC = {"bytes_from_source", "bytes_from_peers", "bytes_sent", "downloads", "uploads"}




def test_schedulers(server: Server, root):
    made = root.ok(root.post("/api/v1/schedulers", {**SCHEDULER, "config": {"manager_keep_alive_interval": 5_000_000_000}}))
    assert set(made) == BASE | {
        "config", "host_name", "idc", "location", "ip", "port", "state", "features", "last_keep_alive_at",
        "scheduler_cluster_id", "scheduler_cluster", "version"}
    assert made["state"] == "inactive" and made["features"] == ["schedule", "preheat"]
    assert made["last_keep_alive_at"] == "0001-01-01T00:00:00Z"
    assert made["config"] == {"manager_keep_alive_interval": 5_000_000_000}
    assert made["scheduler_cluster"]["id"] == 0
    assert root.post("/api/v1/schedulers", SCHEDULER).status == 409
    second = root.ok(root.post("/api/v1/schedulers", {**SCHEDULER, "host_name": "i", "idc": "x", "features": ["schedule"]}))
    for query, expected in (
        ("host_name=h", ["h"]), ("idc=x", ["i"]), ("ip=10.0.0.1", ["h", "i"]), ("state=inactive", ["h", "i"]),
        ("state=active", []), ("scheduler_cluster_id=1", ["h", "i"]), ("scheduler_cluster_id=2", []), ("host_name=", ["h", "i"]),
    ):
        assert [s["host_name"] for s in root.ok(root.get(f"/api/v1/schedulers?{query}"))] == expected, query
    assert root.get("/api/v1/schedulers?state=strange").status == 422
    path = f"/api/v1/schedulers/{second['id']}"
    assert root.ok(root.patch(path, {"idc": "y", "port": 1, "scheduler_id": 5}))["features"] == ["schedule"]
    assert root.ok(root.patch(path, {"features": []}))["features"] == []
    assert root.ok(root.patch(path, {"features": None, "idc": ""}))["idc"] == "y"
    assert root.patch(path, {"scheduler_cluster_id": 99}).status == 404
    assert root.patch(path, {"config": {}}).status == 422
    root.ok(root.delete(path))
    assert root.delete(path).status == 404
    assert root.ok(root.get("/api/v1/scheduler-features")) == ["schedule", "preheat"]


@pytest.mark.parametrize("missing", SCHEDULER)
def test_what_a_scheduler_needs(reader, missing):
    body = {key: value for key, value in SCHEDULER.items() if key != missing}
    assert reader.post("/api/v1/schedulers", body).status == 422
    assert reader.post("/api/v1/schedulers", {**SCHEDULER, missing: 0 if missing != "host_name" else ""}).status == 422


def test_clusters_have_to_be_there(reader):
    answer = reader.post("/api/v1/schedulers", {**SCHEDULER, "scheduler_cluster_id": 7})
    assert answer.status == 404 and answer.json == {"message": "scheduler cluster id 7: record not found"}
    assert reader.post("/api/v1/seed-peers", {**SEED_PEER, "seed_peer_cluster_id": 7}).status == 404
    assert reader.post("/api/v1/peers", {**PEER, "scheduler_cluster_id": 7}).status == 404


def test_seed_peers(server: Server, root):
    made = root.ok(root.post("/api/v1/seed-peers", {**SEED_PEER, "object_storage_port": 9}))
    assert set(made) == BASE | {
        "host_name", "type", "idc", "location", "ip", "port", "download_port", "object_storage_port", "state",
        "seed_peer_cluster_id", "seed_peer_cluster", "version"} | TRAFFIC
    assert {**made, **SEED_PEER, "object_storage_port": 9, "state": "inactive"} == made
    assert root.post("/api/v1/seed-peers", SEED_PEER).status == 409
    for query, count in (
        ("type=super", 1), ("port=8003", 1), ("port=1", 0), ("download_port=8004", 1), ("state=inactive", 1), ("state=active", 0),
        ("seed_peer_cluster_id=1", 1), ("object_storage_port=9", 1), ("host_name=x", 0),
    ):
        assert len(root.ok(root.get(f"/api/v1/seed-peers?{query}"))) == count, query
    assert root.get("/api/v1/seed-peers?type=strong").status == 422
    assert root.post("/api/v1/seed-peers", {**SEED_PEER, "host_name": "t", "type": "weak"}).status == 422
    assert root.ok(root.patch("/api/v1/seed-peers/1", {"location": "l", "port": 70}))["location"] == "l"
    assert root.patch("/api/v1/seed-peers/1", {"port": 70000}).status == 422
    assert root.ok(root.get("/api/v1/seed-peers/1"))["port"] == 70
    root.ok(root.delete("/api/v1/seed-peers/1"))
    assert root.get("/api/v1/seed-peers/1").status == 404


def test_peers(server: Server, root):
    build = {
        "os": "linux", "platform": "debian", "platform_family": "debian", "platform_version": "12", "kernel_version": "6.1",
        "git_version": "v1", "git_commit": "abc", "build_platform": "linux/amd64"}
    made = root.ok(root.post("/api/v1/peers", {**PEER, **build, "state": "active"}))
    assert set(made) == BASE | set(PEER) | set(build) | {
        "idc", "location", "object_storage_port", "state", "scheduler_cluster"} | TRAFFIC
    assert {**made, **PEER, **build, "state": "active"} == made
    assert made["scheduler_cluster"]["name"] == "cluster-1" and made["scheduler_cluster"]["client_config"]["load_limit"] == 200
    [listed] = root.ok(root.get("/api/v1/peers?git_version=v1&os=linux&proxy_port=8007"))
    assert listed == made == root.ok(root.get("/api/v1/peers/1"))
    assert root.ok(root.get("/api/v1/peers?state=inactive")) == []
    assert root.get("/api/v1/peers?type=normal").status == 422
    assert root.post("/api/v1/peers", PEER).status == 409
    assert root.post("/api/v1/peers", {**PEER, "type": "odd"}).status == 422
    root.ok(root.delete("/api/v1/peers/1"))


def test_configs(server: Server, root):
    made = root.ok(root.post("/api/v1/configs", {"name": "n", "value": "v", "bio": "b", "user_id": 1}))
    assert set(made) == BASE | {"name", "value", "bio", "user_id", "user"} and made["user"]["id"] == 0
    assert root.post("/api/v1/configs", {"name": "n", "value": "v", "user_id": 1}).status == 409
    assert root.post("/api/v1/configs", {"name": "m", "value": "v" * 1025, "user_id": 1}).status == 422
    assert root.post("/api/v1/configs", {"name": "m", "value": "v" * 1024, "user_id": 1}).status == 200
    assert root.post("/api/v1/configs", {"name": "o", "value": "v", "user_id": 99}).status == 404
    assert [c["name"] for c in root.ok(root.get("/api/v1/configs?value=v&user_id=1"))] == ["n"]
    assert root.ok(root.patch("/api/v1/configs/1", {"value": '{"audit":{"ttl":1}}'}))["value"] == '{"audit":{"ttl":1}}'
    assert [c["name"] for c in root.ok(root.get("/api/v1/configs"))][0] == "gc"
    root.ok(root.delete(f"/api/v1/configs/{made['id']}"))


def test_applications(server: Server, root):
    priority = {"value": 0, "urls": [{"regex": "^http://x", "value": 3}]}
    body = {"name": "app", "url": "http://x", "bio": "b", "priority": priority, "user_id": 1}
    made = root.ok(root.post("/api/v1/applications", body))
    assert made["priority"] == priority and made["user"]["name"] == "root"
    assert root.post("/api/v1/applications", body).status == 409
    root.ok(root.post("/api/v1/applications", {**body, "name": "other", "priority": {"value": 20}}))
    assert [a["name"] for a in root.ok(root.get("/api/v1/applications?name=other"))] == ["other"]
    for bad in ({"value": 21}, {"value": -1}, {"urls": []}, {"value": 1, "urls": [{"regex": "x", "value": 0}]},
                {"value": 1, "urls": [{"regex": "(", "value": 1}]}, None):
        assert root.post("/api/v1/applications", {**body, "name": "x", "priority": bad}).status == 422, bad
    assert root.patch("/api/v1/applications/1", {"bio": "c"}).status == 422, "user_id is required"
    assert root.ok(root.patch("/api/v1/applications/1", {"bio": "c", "user_id": 1}))["bio"] == "c"
    root.ok(root.delete("/api/v1/applications/1"))


def test_persistent_cache_tasks_are_none_yet(reader):
    path = "/api/v1/persistent-cache-tasks"
    answer = reader.get(f"{path}?scheduler_cluster_id=1&page=1&per_page=5")
    assert reader.ok(answer) == [] and "Link" not in answer.headers
    assert reader.get(path).status == 422
    assert reader.get(f"{path}?scheduler_cluster_id=9").status == 404
    assert reader.get(f"{path}/abc?scheduler_cluster_id=1").json == {"message": "task not found"}
    assert reader.get(f"{path}/abc?scheduler_cluster_id=1").status == 404
    gone = reader.delete(f"{path}/abc?scheduler_cluster_id=1")
    assert gone.status == 200 and gone.body == b""
    assert reader.delete(f"{path}/abc").status == 422
