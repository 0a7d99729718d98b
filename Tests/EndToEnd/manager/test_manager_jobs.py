"""Jobs as rows: made, listed, changed, removed; and the ones that the manager does by itself."""
from __future__ import annotations

import re
import time

import pytest

from fake_scheduler import FakeScheduler, join_token
from server import Server, pages, wait_for_audit

FILE = {"type": "preheat", "args": {"type": "file", "url": "http://host/file"}}


@pytest.fixture
def server(new_manager) -> Server:
    """A manager whose clusters have a scheduler, which takes no jobs."""
    server = new_manager()
    report(server, server.sign_in())
    return server


def report(server: Server, root, cluster: int = 1) -> None:
    token = join_token(root, f"cluster {cluster}", scheduler_cluster_id=cluster)
    FakeScheduler(server, token, f"s{cluster}").report()



JOB_KEYS = {
    "id", "created_at", "updated_at", "is_del", "task_id", "bio", "type", "state", "args", "result", "user_id", "user",
    "seed_peer_clusters", "scheduler_clusters"}


@pytest.mark.parametrize("base", ["/api/v1", "/oapi/v1"])
def test_a_job_lives(server: Server, root, base):
    client = root if base == "/api/v1" else root.with_token(root.make_token()["token"])
    path = f"{base}/jobs"
    made = client.ok(client.post(path, {**FILE, "bio": "b", "user_id": 1, "scheduler_cluster_ids": [1]}))
    assert set(made) == JOB_KEYS
    assert made["state"] == "PENDING" and made["result"] is None and made["type"] == "preheat"
    assert re.fullmatch(r"group_[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", made["task_id"])
    assert made["user"]["name"] == "root" and [c["name"] for c in made["scheduler_clusters"]] == ["cluster-1"]
    args = made["args"]
    assert args["scope"] == "single_seed_peer" and args["timeout"] == 3_600_000_000_000
    assert args["concurrent_task_count"] == 8 and args["concurrent_peer_count"] == 500
    assert args["filtered_query_params"].startswith("X-Amz-Algorithm&")
    found = client.ok(client.get(f"{path}/{made['id']}"))
    assert {**found, "result": None} == made
    assert found["result"]["state"] == "PENDING" and found["result"]["job_states"][0]["task_name"] == "preheat"
    [listed] = client.ok(client.get(path))
    assert listed == {**found, "scheduler_clusters": None, "seed_peer_clusters": None}
    assert client.ok(client.patch(f"{path}/{made['id']}", {"bio": "c"}))["bio"] == "c"
    assert client.patch(f"{path}/{made['id']}", {"user_id": 77}).status == 404
    gone = client.delete(f"{path}/{made['id']}")
    assert gone.status == 200 and gone.body == b""
    assert client.get(f"{path}/{made['id']}").json == {"message": "record not found"}


def test_no_clusters_means_all(server: Server, root):
    report(server, root, root.make_cluster("two")["id"])
    root.make_cluster("three")
    made = root.ok(root.post("/api/v1/jobs", FILE))
    assert [cluster["id"] for cluster in made["scheduler_clusters"]] == [1, 2]
    assert made["user_id"] == 0 and made["user"]["id"] == 0


def test_the_latest_come_first(server: Server, root):
    for number in range(12):
        kind = FILE if number % 2 else {"type": "get_task", "args": {"url": "http://x"}}
        root.ok(root.post("/api/v1/jobs", {**kind, "bio": str(number)}))
    answer = root.get("/api/v1/jobs")
    assert [job["bio"] for job in root.ok(answer)] == [str(number) for number in range(11, 1, -1)]
    assert pages(answer)["last"]["page"] == "2"
    assert {job["type"] for job in root.ok(root.get("/api/v1/jobs?type=preheat"))} == {"preheat"}
    assert len(root.ok(root.get("/api/v1/jobs?state=PENDING&per_page=100"))) == 12
    assert root.ok(root.get("/api/v1/jobs?state=SUCCESS")) == [] == root.ok(root.get("/api/v1/jobs?user_id=1"))
    assert root.ok(root.get("/api/v1/jobs?type=anything")) == []
    assert root.get("/api/v1/jobs?state=DONE").status == 422


@pytest.mark.parametrize("body, text", [
    ({"type": "strange"}, "Unknow type"), ({"type": ["x"]}, "Unknow type"),
    ({"type": "preheat", "args": {"type": "image"}}, "invalid params: url is required"),
    ({"type": "preheat", "args": {"type": "file"}}, "invalid params: url or urls is required"),
    ({"type": "get_task", "args": {}}, "invalid params: task_id, content_for_calculating_task_id or url is required"),
    ({"type": "delete_task"}, "invalid params: task_id, content_for_calculating_task_id or url is required"),
])
def test_what_is_no_job(reader, body, text):
    answer = reader.post("/api/v1/jobs", body)
    assert answer.status == 422 and answer.json == {"errors": text, "message": text}


@pytest.mark.parametrize("args", [
    {"piece_length": 4_194_303}, {"piece_length": 67_108_865}, {"ips": []}, {"ips": ["1.2.3.4"] * 101}, {"ips": ["x"]},
    {"count": 201}, {"percentage": 101}, {"concurrent_task_count": 101}, {"concurrent_peer_count": 1001}, {"type": "tape"},
    {"headers": {"a": 1}}, {"headers": []}, {"timeout": -1}, {"urls": ["x", 7]}, {"url": 7}, {"count": -1},
])
def test_arguments_are_checked(reader, args):
    answer = reader.post("/api/v1/jobs", {"type": "preheat", "args": {"type": "file", "url": "http://x", **args}})
    assert answer.status == 422, answer.body


@pytest.mark.parametrize("args", [
    {"piece_length": 4_194_304}, {"piece_length": 67_108_864}, {"ips": ["1.2.3.4", "::1"]}, {"count": 200},
    {"percentage": 100}, {"headers": {"Accept": "x"}}, {"scope": "all_peers", "count": 1}, {"urls": ["http://y"]},
    {"object_storage": {"region": "r", "insecure_skip_verify": True}}, {"hdfs": {}},
    {"tag": "t", "application": "a", "filteredQueryParams": "a&b"},
])
def test_arguments_are_kept(server: Server, root, args):
    made = root.ok(root.post("/api/v1/jobs", {"type": "preheat", "args": {"type": "file", "url": "http://x", **args}}))
    for key, value in args.items():
        assert made["args"]["filtered_query_params" if key == "filteredQueryParams" else key] == value


def test_unknown_clusters_and_users_are_told(server: Server, root):
    answer = root.post("/api/v1/jobs", {**FILE, "scheduler_cluster_ids": [9]})
    assert answer.status == 404 and answer.json == {"message": "scheduler cluster id 9: record not found"}
    assert root.post("/api/v1/jobs", {**FILE, "user_id": 9}).status == 404
    assert root.post("/api/v1/jobs", {**FILE, "seed_peer_cluster_ids": [9]}).status == 404


def test_jobs_have_a_rate(server: Server, root):
    slow = root.make_cluster("slow", scheduler_cluster_config={"job_rate_limit": 2})["id"]
    report(server, root, slow)
    body = {**FILE, "scheduler_cluster_ids": [slow]}
    began = time.monotonic()
    answers = [root.post("/api/v1/jobs", body) for _ in range(8)]
    statuses = [answer.status for answer in answers]
    assert statuses[:2] == [200, 200], "a new cluster takes jobs at once"
    allowed = 2 + 2 * (time.monotonic() - began) + 1
    assert statuses.count(200) <= allowed and 429 in statuses
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.body == b"rate limit exceeded" and refused.headers["Content-Type"].startswith("text/plain")
    assert all(root.post("/api/v1/jobs", FILE).status == 200 for _ in range(5)), "without clusters there is none"


def test_jobs_that_need_schedulers_say_so(reader):
    answer = reader.post("/api/v1/jobs", {"type": "sync_peers"})
    assert answer.status == 409 and answer.json == {"message": "active schedulers not found"}
    assert reader.post("/api/v1/jobs", {"type": "get_image_distribution", "args": {}}).status == 422


def test_garbage_is_collected(server: Server, root):
    wait_for_audit(root, "path=/api/v1/users/signin")
    for _ in range(3):
        root.ok(root.post("/api/v1/jobs", FILE))
    job = root.ok(root.post("/api/v1/jobs", {"type": "gc", "args": {"type": "job"}, "user_id": 1}))
    assert job["state"] == "SUCCESS" and job["result"] == {"purged": 0} and job["task_id"] != "job"
    assert job["args"] == {"type": "job", "ttl": 21_600_000_000_000, "batch_size": 5000}
    root.ok(root.patch("/api/v1/configs/1", {"value": '{"audit":{"ttl":1},"job":{"ttl":1}}'}))
    assert root.ok(root.post("/api/v1/jobs", {"type": "gc", "args": {"type": "job"}}))["result"] == {"purged": 4}
    assert root.ok(root.post("/api/v1/jobs", {"type": "gc", "args": {"type": "audit"}}))["result"]["purged"] >= 1
    assert root.ok(root.get("/api/v1/audits?path=/api/v1/users/signin")) == []
    assert {job["type"] for job in root.ok(root.get("/api/v1/jobs"))} == {"gc"}
    assert root.post("/api/v1/jobs", {"type": "gc", "args": {"type": "x"}}).status == 422
    assert root.post("/api/v1/jobs", {"type": "gc"}).status == 422
