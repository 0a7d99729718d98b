"""Bringing content to a cluster before anybody asks for it."""
from __future__ import annotations

import time

import pytest

from checks import MIB, assert_ok
from content import Content
from fleet import Fleet
from source_server import Reply
from waiting import wait_until


@pytest.fixture
def ready(fleet: Fleet) -> Fleet:
    fleet.wait_for_scheduler()
    return fleet


def copies(resources) -> float:
    return sum(resource.copies for resource in resources) / len(resources)


def test_a_preheated_file_costs_the_source_nothing_more(ready: Fleet, source):
    ready.seeds(2)
    ready.nodes(3)
    resource = source.add("/file.bin", Content(4 * MIB))
    resource.cache_control = "max-age=3600"
    job = ready.succeed(ready.preheat(resource))
    assert job["result"]["state"] == "SUCCESS" and job["args"]["scope"] == "single_seed_peer"
    [result] = ready.results(job)
    assert result["scheduler_cluster_id"] == 1 and not result["failure_tasks"]
    [task] = result["success_tasks"]
    assert task["url"] == resource.url and task["hostname"].startswith("seed") and task["ip"] == "127.0.0.1"
    before = resource.sent
    for number in range(3):
        host = ready.host(f"node{number}")
        assert_ok(host.get(resource.url, "--explain", upload_time=None), host, "file.bin", resource.content)
    assert resource.sent == before


@pytest.mark.parametrize("scope, names", [
    ("all_seed_peers", {"seed0", "seed1"}), ("all_peers", {"node0", "node1", "node2"}),
])
def test_all_of_a_kind_get_it(ready: Fleet, source, scope, names):
    ready.seeds(2)
    ready.nodes(3)
    resources = [source.add(f"/file{i}.bin", Content(MIB + i)) for i in range(3)]
    job = ready.succeed(ready.preheat(*resources, scope=scope))
    [result] = ready.results(job)
    assert not result["failure_tasks"]
    got = {(task["hostname"], task["url"]) for task in result["success_tasks"]}
    wanted = {(name, resource.url) for name in names for resource in resources}
    assert wanted <= got and {name for name, _ in got} <= names | {"seed0", "seed1"}
    assert copies(resources) <= 1.15
    progress = job["result"].get("progress")
    assert progress and progress["bytes"] >= sum(r.content.size for r in resources) * len(names)


@pytest.mark.parametrize("choice, count", [({"count": 2}, 2), ({"percentage": 50}, 1), ({"count": 200}, 3), ({"ips": ["127.0.0.1"]}, 3)])
def test_some_of_them_can_be_chosen(ready: Fleet, source, choice, count):
    ready.nodes(3)
    resource = source.add("/file.bin", Content(MIB))
    [result] = ready.results(ready.succeed(ready.preheat(resource, scope="all_peers", **choice)))
    assert len({task["hostname"] for task in result["success_tasks"]}) == count


def test_failures_are_told(ready: Fleet, source):
    ready.seeds(1)
    missing = source.add("/missing.bin", Content(MIB))
    missing.always = Reply(404)
    job = ready.fail(ready.preheat(missing))
    [state] = job["result"]["job_states"]
    assert job["result"]["state"] == "FAILURE" and "404" in state["error"]
    [failure] = ready.results(job)[0]["failure_tasks"]
    assert failure["url"] == missing.url and failure["hostname"] == "seed0" and "404" in failure["description"]


def test_without_a_scheduler_nothing_is_begun(ready: Fleet, source):
    other = ready.root.make_cluster("empty")
    resource = source.add("/file.bin", Content(MIB))
    body = {"type": "preheat", "args": {"type": "file", "url": resource.url}, "scheduler_cluster_ids": [other["id"]]}
    answer = ready.root.post("/api/v1/jobs", body)
    assert answer.status == 409 and answer.json["message"] == "candidate schedulers not found"
    assert ready.rows("jobs") == []


def test_without_a_seed_a_single_seed_peer_has_nobody(ready: Fleet, source):
    resource = source.add("/file.bin", Content(MIB))
    job = ready.fail(ready.preheat(resource))
    assert "no available seed peer" in job["result"]["job_states"][0]["error"]


def test_progress_is_seen_while_it_runs_and_a_cancel_ends_it(ready: Fleet, source):
    ready.seeds(1)
    resource = source.add("/file.bin", Content(8 * MIB))
    resource.rate = MIB
    job = ready.preheat(resource)
    wait_until(
        lambda: 0 < (ready.job(job["id"])["result"].get("progress") or {}).get("bytes", 0) < 8 * MIB, "progress to be seen")
    progress = ready.job(job["id"])["result"]["progress"]
    assert progress["bytes_expected"] == 8 * MIB and progress["peers"][0]["hostname"] == "seed0"
    ready.root.ok(ready.root.post(f"/api/v1/jobs/{job['id']}/cancel"))
    ended = ready.fail(job, 5)
    assert "cancelled by root" in ended["result"]["job_states"][0]["error"]
    # What is on its way may still come; then no more.
    time.sleep(2)
    sent = resource.sent
    time.sleep(1)
    assert resource.sent == sent


def test_who_has_a_task_is_found_and_it_is_removed(ready: Fleet, source):
    ready.seeds(2)
    resource = source.add("/file.bin", Content(MIB))
    ready.succeed(ready.preheat(resource, scope="all_seed_peers"))
    found = ready.results(ready.run_job("get_task", {"url": resource.url}))
    peers = {peer["hostname"]: peer for result in found for peer in result["peers"] or []}
    assert set(peers) == {"seed0", "seed1"} and all(peer["IsFinished"] and peer["host_type"] == "super" for peer in peers.values())
    removed = ready.results(ready.run_job("delete_task", {"url": resource.url}))
    assert {task["hostname"] for result in removed for task in result["success_tasks"] or []} == {"seed0", "seed1"}
    again = ready.run_job("get_task", {"url": resource.url})
    assert again["state"] == "SUCCESS" and not any(result["peers"] for result in ready.results(again))


def test_sync_peers_answers_when_the_table_is_fresh(ready: Fleet):
    ready.nodes(1)
    answer = ready.root.post("/api/v1/jobs", {"type": "sync_peers"})
    assert answer.status == 200 and answer.json == "OK"


def test_what_opens_a_source_is_neither_stored_in_clear_nor_told(ready: Fleet, source):
    ready.seeds(1)
    resource = source.add("/private.bin", Content(MIB))
    resource.authorization = "Bearer the-secret-word"
    job = ready.succeed(ready.preheat(resource, headers={"Authorization": "Bearer the-secret-word", "X-Kind": "open"}))
    assert job["args"]["headers"]["X-Kind"] == "open" and "the-secret-word" not in str(job)
    assert "the-secret-word" not in ready.server.log
    ready.server.stop()
    for path in (ready.server.folder / "data").rglob("*"):
        assert not path.is_file() or b"the-secret-word" not in path.read_bytes(), path


@pytest.mark.parametrize("url", [
    "ftp://127.0.0.1/x", "file:///etc/passwd", "http://169.254.169.254/latest/meta-data", "http://[fe80::1]/x",
    "http://[::ffff:169.254.169.254]/x", "http://0.0.0.0/x",
])
def test_places_that_nobody_may_be_sent_to(ready: Fleet, url):
    ready.seeds(1)
    answer = ready.root.post("/api/v1/jobs", {"type": "preheat", "args": {"type": "file", "url": url}})
    if answer.status == 200:
        ready.fail(answer.json)
    else:
        assert answer.status == 422, answer


def test_a_redirect_leads_to_no_place_that_is_refused(ready: Fleet, source):
    ready.seeds(1)
    resource = source.add("/redirect", Content(MIB))
    resource.always = Reply(302, {"Location": "http://169.254.169.254/latest/meta-data"})
    job = ready.fail(ready.preheat(resource))
    assert "169.254.169.254" in str(ready.results(job)) + job["result"]["job_states"][0]["error"]
