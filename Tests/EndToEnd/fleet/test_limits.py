"""Every number of a cluster's configuration is driven past, on a system that runs."""
from __future__ import annotations

import itertools
import json
import signal
import socket
import time

import pytest

from checks import MIB, assert_ok, assert_refused
from content import Content
from fleet import Fleet
from http_calls import ask
from waiting import wait_until

#: Within so many seconds a change acts.
SOON = 5.0


@pytest.fixture
def ready(fleet: Fleet) -> Fleet:
    fleet.wait_for_scheduler()
    return fleet


def task_of(fleet: Fleet, resource) -> str:
    tasks = fleet.server.ask("/v1/tasks").json["tasks"]
    return next(task["task"] for task in tasks if task["resource"] == resource.url)


def slow_reader(address: tuple, path: str) -> socket.socket:
    """Asks for a content and takes nothing of it."""
    reader = socket.create_connection(address, timeout=10)
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert reader.recv(12) == b"HTTP/1.1 200"
    return reader


@pytest.mark.parametrize("kind, name", [("seed_peer", "seed0"), ("peer", "node0")])
def test_the_load_limit_sends_the_next_one_elsewhere(ready: Fleet, source, kind, name):
    if kind == "seed_peer":
        ready.seeds(1)
    else:
        ready.nodes(1)
    resource = source.add("/file.bin", Content(16 * MIB))
    scope = "single_seed_peer" if kind == "seed_peer" else "all_peers"
    ready.succeed(ready.preheat(resource, scope=scope))
    row = ready.row("seed-peers" if kind == "seed_peer" else "peers", name)
    address, path = ("127.0.0.1", row["download_port"]), f"/v1/tasks/{task_of(ready, resource)}/content"
    ready.configure(**{kind: {"load_limit": 2}})
    readers = []

    def third() -> int:
        return ask(address, path, headers={"Range": "bytes=0-9"}).status

    try:
        time.sleep(SOON)
        readers = [slow_reader(address, path) for _ in range(2)]
        answer = ask(address, path, headers={"Range": "bytes=0-9"})
        assert answer.status == 503 and int(answer.headers["Retry-After"]) >= 1
        ready.configure(**{kind: {"load_limit": 3}})
        wait_until(lambda: third() == 206, "a third one to be served", SOON)
    finally:
        for reader in readers:
            reader.close()


def test_the_number_of_pieces_at_a_time(ready: Fleet, source):
    ready.nodes(1)
    host = ready.host("node0")
    for count in (1, 2):
        ready.configure(peer={"concurrent_piece_count": count})
        time.sleep(SOON)
        # A source that brings next to nothing, and a neighbour that has everything and answers slowly.
        resource = source.add(f"/file{count}.bin", Content(8 * MIB, str(count)))
        resource.rate = 2048
        running = host.start_get(resource.url, upload_time=None)
        rogue = ready.box.rogue_peer(("127.0.0.1", ready.server.port), resource.url, resource.content, pieces="slow")
        wait_until(lambda: rogue.pieces_asked >= count, f"{count} pieces to be asked for")
        time.sleep(1)
        assert rogue.pieces_asked == count
        running.send(signal.SIGTERM)
        running.process.wait(10)


def introduce(
    fleet: Fleet, task: str, number: int, wants: int, have: str = "0f", resource: str = "http://a.example/f", validator: str = '"x"',
) -> dict:
    body = {
        "introduction": {
            "endpoint": f"127.0.0.1:{40000 + number}", "resource": resource, "site": "", "canFetch": False,
            "canUpload": True, "secret": "s" * 16},
        "secret": "s" * 16, "wantsNeighbours": wants,
        "version": {"validator": validator, "size": MIB, "pieceSize": 262144, "hasRanges": True, "freshSeconds": 60},
        "have": have,
    }
    answer = fleet.server.ask(f"/v1/tasks/{task}/peers/{number:016x}", "POST", json.dumps(body).encode())
    assert answer.status == 200, answer
    return answer.json


def test_candidate_parents_bound_what_one_answer_names(ready: Fleet):
    task = "ab" * 32
    ready.configure(scheduler={"candidate_parent_limit": 2})
    time.sleep(SOON)
    for number in range(20):
        introduce(ready, task, number, 0)
    assert len(introduce(ready, task, 99, 16)["neighbours"]) == 2
    ready.configure(scheduler={"candidate_parent_limit": 7})
    numbers = itertools.count(100)
    wait_until(lambda: len(introduce(ready, task, next(numbers), 16)["neighbours"]) == 7, "seven neighbours", SOON)


@pytest.mark.parametrize("entry, arguments", [
    ({"urls": ["secret-[0-9]+"]}, ()), ({"tags": ["bad"]}, ("--tag", "bad")),
    ({"applications": ["game"]}, ("--application", "game")), ({"priorities": [0]}, ()),
])
def test_what_is_on_the_block_list_is_refused_with_the_reason(ready: Fleet, source, entry, arguments):
    ready.nodes(1)
    resource = source.add("/secret-42.bin", Content(MIB))
    ready.configure(peer={"block_list": {"task": {"download": entry}}})
    host = ready.host("node0")
    wait_until(lambda: host.get(resource.url, *arguments, upload_time=None).code != 0, "the download to be refused", SOON)
    outcome = host.get(resource.url, *arguments, upload_time=None)
    assert_refused(outcome, 1, "block")
    ready.configure(peer={"block_list": {}})
    wait_until(lambda: host.get(resource.url, *arguments, upload_time=None).code == 0, "it to be allowed again", SOON)


def test_the_rate_of_jobs_holds_at_once(ready: Fleet, source):
    ready.configure(scheduler={"job_rate_limit": 2})
    resource = source.add("/file.bin", Content(1))
    body = {"type": "get_task", "args": {"url": resource.url}, "scheduler_cluster_ids": [1]}
    statuses = [ready.root.post("/api/v1/jobs", body).status for _ in range(8)]
    assert statuses[:2] == [200, 200] and statuses.count(429) >= 4
    time.sleep(1.1)
    assert ready.root.post("/api/v1/jobs", body).status == 200


def test_one_that_does_not_upload_is_never_offered(ready: Fleet, source):
    ready.seeds(1)
    leech = ready.node("leech", "--no-upload")
    ready.wait_for_peer("leech")
    resource = source.add("/file.bin", Content(MIB))
    ready.succeed(ready.preheat(resource))
    host = ready.host("leech")
    assert_ok(host.get(resource.url, upload_time=None), host, "file.bin", resource.content)
    port = ready.row("peers", "leech")["download_port"]
    task = ready.server.ask(f"/v1/tasks/{task_of(ready, resource)}").json
    asked = introduce(ready, task["task"], 1, 16, "00", resource.url, task["validator"])
    offered = {int(neighbour["endpoint"].rsplit(":", 1)[1]) for neighbour in asked["neighbours"]}
    assert ready.row("seed-peers", "seed0")["download_port"] in offered and port not in offered
    ready.nodes(1)
    other = ready.host("node0")
    assert_ok(other.get(resource.url, upload_time=None), other, "file.bin", resource.content)
    assert leech.process.poll() is None
