"""What dies is missed, and the others go on."""
from __future__ import annotations

import pytest

from checks import MIB, assert_ok
from content import Content
from fleet import SOURCES, Fleet
from processes import Box
from waiting import wait_until


def scheduler(fleet: Fleet, name: str, managers: str = ""):
    arguments = ("--roles", "scheduler", "--manager", managers or fleet.managers, "--host-name", name, "--advertise", "127.0.0.1")
    server = fleet.start_server(*arguments, *SOURCES, env={"MINION_JOIN_TOKEN": fleet.token})
    fleet.wait_for("schedulers", name)
    return server


@pytest.fixture
def apart(box: Box, start_server) -> Fleet:
    """A manager by itself; schedulers join it."""
    fleet = Fleet.__new__(Fleet)
    fleet.box, fleet.start_server, fleet._tokens = box, start_server, 0
    fleet.servers = [start_server("--roles", "manager", *SOURCES)]
    fleet.root = fleet.server.sign_in()
    return fleet


def test_a_preheat_survives_its_scheduler(apart: Fleet, source):
    schedulers = {name: scheduler(apart, name) for name in ("s1", "s2")}
    apart.seeds(2)
    resource = source.add("/file.bin", Content(12 * MIB))
    resource.rate = 2 * MIB
    job = apart.preheat(resource, scope="all_seed_peers")
    resource.wait_sent(2 * MIB)
    # The one that works on it is not to be told from outside: first one, then the other.
    schedulers["s1"].kill()
    apart.succeed(job, 60)
    schedulers["s1"].restart()
    apart.wait_for("schedulers", "s1")
    second = source.add("/second.bin", Content(8 * MIB))
    second.rate = 2 * MIB
    job = apart.preheat(second, scope="all_seed_peers")
    second.wait_sent(2 * MIB)
    schedulers["s2"].kill()
    apart.succeed(job, 60)


def test_a_scheduler_that_is_restarted_finishes_its_preheat(apart: Fleet, source):
    only = scheduler(apart, "s1")
    apart.seeds(1)
    resource = source.add("/file.bin", Content(12 * MIB))
    resource.rate = 2 * MIB
    job = apart.preheat(resource)
    resource.wait_sent(3 * MIB)
    only.kill()
    only.restart()
    apart.succeed(job, 60)


def test_downloads_and_preheats_go_on_without_the_manager(apart: Fleet, source):
    scheduler(apart, "s1")
    apart.seeds(1)
    apart.nodes(1)
    resource = source.add("/file.bin", Content(8 * MIB))
    resource.rate = 2 * MIB
    job = apart.preheat(resource)
    host = apart.host("node0")
    running = host.start_get(resource.url, upload_time=None)
    resource.wait_sent(2 * MIB)
    apart.server.kill()
    assert_ok(running.wait(), host, "file.bin", resource.content)
    apart.server.restart()
    apart.succeed(job, 30)


def test_tasks_move_to_the_next_scheduler_and_downloads_do_not_notice(apart: Fleet, source):
    schedulers = [scheduler(apart, name) for name in ("s1", "s2", "s3")]
    apart.nodes(2)
    resources = [source.add(f"/file{i}.bin", Content(4 * MIB + i)) for i in range(6)]
    for resource in resources:
        resource.rate = 2 * MIB
    hosts = [apart.host(f"node{i}") for i in range(2)]
    running = [(host, resource, host.start_get(resource.url, "-o", f"{resource.path[1:]}", upload_time=None))
               for host in hosts for resource in resources]
    resources[0].wait_sent(MIB)
    schedulers[0].kill()
    for host, resource, command in running:
        assert_ok(command.wait(60), host, resource.path[1:], resource.content)
    counts = [len(server.ask("/v1/tasks").json["tasks"]) for server in schedulers[1:]]
    assert sum(counts) >= len(resources) and all(counts)


def test_two_managers_on_one_database_are_one(box: Box, start_server, postgres, source):
    database = postgres.new_database()
    fleet = Fleet.__new__(Fleet)
    fleet.box, fleet.start_server, fleet._tokens = box, start_server, 0
    fleet.servers = [start_server("--roles", "manager", *SOURCES, database=database) for _ in range(2)]
    fleet.root = fleet.server.sign_in()
    scheduler(fleet, "s1")
    fleet.seeds(1)
    # A session of the one is good at the other.
    other = fleet.servers[1].client()
    other.cookies = dict(fleet.root.cookies)
    assert [row["host_name"] for row in other.ok(other.get("/api/v1/seed-peers"))] == ["seed0"]
    resource = source.add("/file.bin", Content(8 * MIB))
    resource.rate = 2 * MIB
    job = fleet.preheat(resource)
    resource.wait_sent(MIB)
    fleet.servers[0].kill()
    fleet.root = other
    fleet.succeed(job, 60)
    wait_until(lambda: fleet.row("seed-peers", "seed0")["state"] == "active", "the seed to stay")
    # The rate of jobs holds across both.
    fleet.servers[0].restart()
    fleet.configure(scheduler={"job_rate_limit": 3})
    first = fleet.servers[0].client()
    first.cookies = dict(other.cookies)
    body = {"type": "get_task", "args": {"url": resource.url}, "scheduler_cluster_ids": [1]}
    statuses = [client.post("/api/v1/jobs", body).status for _ in range(5) for client in (first, other)]
    assert statuses.count(200) <= 5 and statuses.count(429) >= 5
