"""Jobs that schedulers do."""
from __future__ import annotations

import time

import pytest

from fake_scheduler import FakeScheduler, host, join_token, part_report
from server import Server
from waiting import wait_until

URL = "http://10.9.0.1/file"
FILE = {"type": "preheat", "args": {"type": "file", "url": URL}}


@pytest.fixture
def scheduler(server: Server, root):
    scheduler = FakeScheduler(server, join_token(root))
    scheduler.report()
    yield scheduler
    scheduler.stop()


def result_of(root, job: dict) -> dict:
    return root.ok(root.get(f"/api/v1/jobs/{job['id']}"))


def succeed(part: dict) -> dict:
    [(kind, work)] = part["work"].items()
    if kind == "findTask":
        holder = {
            "id": "p", "hostName": "a", "address": "10.1.0.1", "isSeed": False, "isFinished": True, "since": 0, "updated": 0}
        return {"state": "succeeded", "holders": [holder]}
    if kind == "deleteTask":
        return {"state": "succeeded", "results": [
            {"url": "", "hostName": "a", "address": "10.1.0.1", "isSeed": False}]}
    return {"state": "succeeded", "results": [
        {"url": url, "hostName": "seed", "address": "10.1.0.2", "isSeed": True} for url in work["_0"]["urls"]]}


def test_a_preheat_goes_its_way(server: Server, root, scheduler):
    job = root.ok(root.post("/api/v1/jobs", FILE))
    assert job["result"] is None and job["state"] == "PENDING"
    [part] = scheduler.report(wantsJobs=1)["jobs"]
    assert part["work"]["preheat"]["_0"]["urls"] == [URL]
    scheduler.parts[part["id"]] = part_report(part["id"], "running", bytes=5, bytesExpected=9, progress=[
        {"hostName": "seed", "address": "10.1.0.2", "bytes": 5, "size": 9}])
    scheduler.report()
    running = result_of(root, job)
    assert running["result"]["state"] == "PENDING" and running["result"]["job_states"][0]["state"] == "STARTED"
    assert running["result"]["progress"] == {
        "bytes": 5, "bytes_expected": 9, "peers": [{"hostname": "seed", "ip": "10.1.0.2", "bytes": 5, "size": 9}]}
    scheduler.parts[part["id"]] = part_report(part["id"], **succeed(part))
    scheduler.report()
    done = result_of(root, job)
    assert done["state"] == "SUCCESS" and done["result"]["state"] == "SUCCESS"
    assert done["result"]["group_uuid"] == job["task_id"]
    [state] = done["result"]["job_states"]
    assert set(state) == {"task_uuid", "task_name", "state", "results", "error", "created_at", "ttl"}
    assert state["task_name"] == "preheat" and state["error"] == "" and state["ttl"] == 0
    assert state["results"] == [{
        "scheduler_cluster_id": 1, "failure_tasks": None,
        "success_tasks": [{"url": URL, "hostname": "seed", "ip": "10.1.0.2"}]}]
    assert [job["id"] for job in root.ok(root.get("/api/v1/jobs?state=SUCCESS"))] == [job["id"]]


def test_a_job_is_cancelled(server: Server, root, scheduler):
    job = root.ok(root.post("/api/v1/jobs", FILE))
    [part] = scheduler.report(wantsJobs=1)["jobs"]
    cancelled = root.ok(root.post(f"/api/v1/jobs/{job['id']}/cancel"))
    assert cancelled["state"] == "FAILURE"
    assert cancelled["result"]["job_states"][0]["error"] == "cancelled by root"
    assert scheduler.report()["withdrawn"] == [part["id"]]
    assert root.post("/api/v1/jobs/999/cancel").status == 404
    assert server.guest().post(f"/api/v1/jobs/{job['id']}/cancel").status == 401


def test_searching_and_removing(server: Server, root, scheduler):
    scheduler.run(succeed)
    job = root.ok(root.post("/api/v1/jobs", {"type": "get_task", "args": {"url": URL, "tag": "t"}}))
    done = wait_until(lambda: (lambda j: j if j["state"] == "SUCCESS" else None)(result_of(root, job)), "the search")
    [state] = done["result"]["job_states"]
    [peer] = state["results"][0]["peers"]
    assert peer == {
        "id": "p", "hostname": "a", "ip": "10.1.0.1", "host_type": "normal", "created_at": "1970-01-01T00:00:00Z",
        "updated_at": "1970-01-01T00:00:00Z", "IsFinished": True}
    assert done["args"].get("task_id", "") == "", "what was asked for is shown, not what came of it"
    job = root.ok(root.post("/api/v1/jobs", {"type": "delete_task", "args": {"content_for_calculating_task_id": "abc"}}))
    done = wait_until(lambda: (lambda j: j if j["state"] == "SUCCESS" else None)(result_of(root, job)), "the removal")
    assert done["result"]["job_states"][0]["results"] == [{
        "scheduler_cluster_id": 1, "failure_tasks": None,
        "success_tasks": [{"hostname": "a", "ip": "10.1.0.1", "host_type": "normal"}]}]
    task = scheduler.given[-1]["work"]["deleteTask"]["task"]
    assert task == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_peers_are_synced(server: Server, root, scheduler):
    scheduler.run(succeed)
    answer = root.post("/api/v1/jobs", {"type": "sync_peers", "scheduler_cluster_ids": [1]})
    assert answer.status == 200 and answer.json == "OK"
    assert root.ok(root.get("/api/v1/jobs")) == [], "no row is left"


def test_a_lost_scheduler_s_work_is_done_by_another(server: Server, root, scheduler):
    job = root.ok(root.post("/api/v1/jobs", FILE))
    assert scheduler.report(wantsJobs=1)["jobs"]
    other = FakeScheduler(server, join_token(root, "second"), "s2", "10.0.0.2").run(succeed)
    try:
        began = time.monotonic()
        done = wait_until(
            lambda: (lambda j: j if j["state"] == "SUCCESS" else None)(result_of(root, job)), "the other scheduler", 30)
        assert time.monotonic() - began < 20
        assert other.given[0]["attempts"] == 1 and len(done["result"]["job_states"]) == 1
    finally:
        other.stop()


def test_nobody_is_there(server: Server, root):
    for body, text in (
        (FILE, "candidate schedulers not found"),
        ({"type": "get_task", "args": {"task_id": "x"}}, "active schedulers not found"),
        ({"type": "sync_peers"}, "active schedulers not found"),
        ({"type": "get_image_distribution", "args": {"url": "http://10.9.0.1/v2/a/manifests/b"}},
         "find schedulers in clusters failed: active schedulers not found"),
    ):
        answer = root.post("/api/v1/jobs", body)
        assert answer.status == 409 and answer.json == {"message": text}
    assert root.ok(root.get("/api/v1/jobs")) == []


@pytest.mark.parametrize("url, word", [
    ("http://127.0.0.1/x", "loopback"), ("http://[::1]/", "loopback"), ("http://169.254.169.254/x", "metadata"),
    ("http://169.254.1.1/x", "link-local"), ("file:///etc/passwd", "scheme"), ("nothing", "URL"),
])
def test_what_nobody_is_made_to_fetch(server: Server, root, scheduler, url, word):
    for args in ({"type": "file", "url": url}, {"type": "file", "urls": [URL, url]}):
        answer = root.post("/api/v1/jobs", {"type": "preheat", "args": args})
        assert answer.status == 422 and word in answer.json["message"], answer.body
    image = {"type": "image", "url": url + "/v2/a/manifests/b"}
    assert root.post("/api/v1/jobs", {"type": "preheat", "args": image}).status == 422


def test_what_is_listed_may_be_fetched(new_manager):
    server = new_manager("--preheat-sources", "127.0.0.1")
    root = server.sign_in()
    FakeScheduler(server, join_token(root)).report()
    local = {"type": "preheat", "args": {"type": "file", "url": "http://127.0.0.1/x"}}
    assert root.post("/api/v1/jobs", local).status == 200
    other = {"type": "preheat", "args": {"type": "file", "url": "http://127.0.0.2/x"}}
    assert root.post("/api/v1/jobs", other).status == 422
    # A registry that is not there.
    image = {"type": "preheat", "args": {"type": "image", "url": "http://127.0.0.1:1/v2/a/manifests/b"}}
    answer = root.post("/api/v1/jobs", image)
    assert answer.status == 422 and answer.json["message"].startswith("failed to pull image manifest: ")


def test_secrets_are_shown_to_nobody(server: Server, root, scheduler, engine):
    secret = "open-sesame-77"
    job = root.ok(root.post("/api/v1/jobs", {"type": "preheat", "args": {
        "type": "file", "url": f"http://me:{secret}@10.9.0.1/x", "password": secret, "username": "me",
        "headers": {"Authorization": f"Bearer {secret}", "X-Api-Key": secret, "Accept": "y"}}}))
    assert job["args"]["password"] == job["args"]["username"] == job["args"]["headers"]["Authorization"] == "***"
    assert job["args"]["headers"]["Accept"] == "y" and job["args"]["url"] == "http://***@10.9.0.1/x"
    assert secret.encode() not in root.get(f"/api/v1/jobs/{job['id']}").body
    [part] = scheduler.report(wantsJobs=1)["jobs"]
    work = part["work"]["preheat"]["_0"]
    assert work["headers"]["Authorization"] == f"Bearer {secret}" and secret in work["urls"][0]
    scheduler.parts[part["id"]] = part_report(part["id"], **succeed(part))
    scheduler.report()
    assert secret.encode() not in root.get(f"/api/v1/jobs/{job['id']}").body
    assert secret not in server.log
    if engine == "sqlite":
        server.stop()
        for path in (server.folder / "data").iterdir():
            assert secret.encode() not in path.read_bytes()
