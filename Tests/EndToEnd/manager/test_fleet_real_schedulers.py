"""Real schedulers under a real manager: they join, go, come back and are removed; hosts come and go with them."""
from __future__ import annotations

import json
import signal
import subprocess
from typing import Any, Callable, Iterator, List

import pytest

from server import Server
from waiting import wait_until

JOINING = 2
#: A scheduler that is silent is held for dead after three reports, one a second.
DYING = 6


class SchedulerServer(Server):
    """A server that is no manager."""

    def _is_up(self) -> bool:
        try:
            return self.ask("/healthz", timeout=2).status == 200
        except OSError:
            return False


@pytest.fixture
def manager(new_server: Callable[..., Server]) -> Server:
    return new_server("--roles", "manager")


@pytest.fixture
def new_scheduler(server_binary: Any, manager: Server) -> Iterator[Callable[..., Server]]:
    """Starts schedulers that belong to a cluster of the manager."""
    token = join_token(manager)
    started: List[Server] = []

    def start(name: str, *arguments: object, **options: Any) -> Server:
        scheduler = SchedulerServer(
            server_binary, "--roles", "scheduler", "--manager", manager.url, "--host-name", name, *arguments,
            env={"MINION_JOIN_TOKEN": options.pop("token", token)}, **options)
        started.append(scheduler)
        return scheduler

    yield start
    for scheduler in started:
        scheduler.close()
        scheduler.remove()


def join_token(manager: Server, name: str = "t") -> str:
    client = manager.sign_in()
    return client.ok(client.post("/api/v1/join-tokens", {"name": name, "bio": ""}))["token"]


def rows(server: Server, kind: str) -> List[dict]:
    client = server.sign_in()
    return client.ok(client.get(f"/api/v1/{kind}?per_page=50"))


def states(server: Server, kind: str = "schedulers") -> dict:
    return {row["host_name"]: row["state"] for row in rows(server, kind)}


def host_report(name: str = "h1", seed: bool = False, known: str = "") -> bytes:
    return json.dumps({
        "secret": "s", "known": known, "progress": [], "waitSeconds": 0,
        "counters": {
            "bytesFromSource": 1, "bytesFromPeers": 2, "bytesSent": 3, "downloads": 0, "uploads": 0, "uploadsRefused": 0},
        "facts": {
            "hostName": name, "endpoint": ":4001", "site": "", "location": "", "isSeed": seed, "canUpload": True,
            "version": "1", "commit": "", "system": "", "platform": "", "platformFamily": "", "platformVersion": "",
            "kernelVersion": "", "buildPlatform": ""},
    }).encode()


def report(scheduler: Server, token: str, number: int = 1, **more: Any) -> Any:
    return scheduler.ask(
        f"/v1/hosts/{number:016x}", "POST", host_report(**more), headers={"Authorization": f"Bearer {token}"})


def test_a_scheduler_joins_leaves_and_comes_back(manager: Server, new_scheduler: Callable[..., Server]) -> None:
    scheduler = new_scheduler("s1", "--site", "fra", "--location", "eu|de")
    wait_until(lambda: states(manager) == {"s1": "active"}, "the scheduler among the active", JOINING)
    row = rows(manager, "schedulers")[0]
    assert (row["ip"], row["port"], row["idc"], row["location"]) == ("127.0.0.1", scheduler.port, "fra", "eu|de")
    assert sorted(row["features"]) == ["preheat", "schedule"]
    scheduler.stop()
    assert states(manager) == {"s1": "inactive"}
    scheduler.restart()
    wait_until(lambda: states(manager) == {"s1": "active"}, "the scheduler back", JOINING)
    scheduler.kill()
    wait_until(lambda: states(manager) == {"s1": "inactive"}, "the scheduler held for dead", DYING)
    scheduler.restart()
    wait_until(lambda: states(manager) == {"s1": "active"}, "the scheduler back", DYING)
    assert rows(manager, "schedulers")[0]["id"] == row["id"]


def test_hosts_come_and_go(manager: Server, new_scheduler: Callable[..., Server]) -> None:
    scheduler = new_scheduler("s1")
    token = join_token(manager, "hosts")
    wait_until(lambda: report(scheduler, token).status == 200, "the host let in", JOINING)
    assert report(scheduler, token, 2, name="seed1", seed=True).status == 200
    wait_until(lambda: states(manager, "peers") == {"h1": "active"}, "the peer among the active", JOINING)
    wait_until(lambda: states(manager, "seed-peers") == {"seed1": "active"}, "the seed among the active", JOINING)
    gone = scheduler.ask(f"/v1/hosts/{1:016x}", "DELETE", headers={"Minion-Secret": "s"})
    assert gone.status == 204
    wait_until(lambda: states(manager, "peers") == {"h1": "inactive"}, "the peer gone", JOINING)
    # With their scheduler, hosts are gone too.
    scheduler.kill()
    wait_until(lambda: states(manager, "seed-peers") == {"seed1": "inactive"}, "the seed gone", DYING)


def test_a_removed_scheduler_serves_nobody_until_it_is_restarted(
    manager: Server, new_scheduler: Callable[..., Server]
) -> None:
    scheduler = new_scheduler("s1")
    token = join_token(manager, "hosts")
    wait_until(lambda: report(scheduler, token).status == 200, "the host let in", JOINING)
    client = manager.sign_in()
    client.ok(client.delete(f"/api/v1/schedulers/{rows(manager, 'schedulers')[0]['id']}"))
    wait_until(lambda: report(scheduler, token).status == 503, "the scheduler turning hosts away", 2)
    assert "this scheduler has been removed from its cluster" in report(scheduler, token).body.decode()
    assert rows(manager, "schedulers") == []
    scheduler.process.send_signal(signal.SIGTERM)
    scheduler.process.wait()
    scheduler.restart()
    wait_until(lambda: states(manager) == {"s1": "active"}, "the scheduler back", DYING)


def test_a_wrong_token_keeps_a_scheduler_and_a_host_out(
    manager: Server, new_scheduler: Callable[..., Server]
) -> None:
    stranger = new_scheduler("s2", token="mnj_wrong")
    wait_until(lambda: "refuses the join token" in stranger.log, "the scheduler saying why", 5)
    assert "mnj_wrong" not in stranger.log
    assert report(stranger, "mnj_any").status == 503
    scheduler = new_scheduler("s1")
    token = join_token(manager, "hosts")
    wait_until(lambda: report(scheduler, token).status == 200, "the host let in", JOINING)
    assert report(scheduler, "mnj_wrong").status == 401
    client = manager.sign_in()
    ids = {row["name"]: row["id"] for row in client.ok(client.get("/api/v1/join-tokens"))}
    client.ok(client.patch(f"/api/v1/join-tokens/{ids['hosts']}", {"state": "inactive"}))
    wait_until(lambda: report(scheduler, token).status == 401, "the revoked token refused", 4)


def test_two_schedulers_cannot_be_one(manager: Server, new_scheduler: Callable[..., Server]) -> None:
    new_scheduler("s1")
    wait_until(lambda: states(manager) == {"s1": "active"}, "the scheduler among the active", JOINING)
    second = new_scheduler("s1")
    wait_until(lambda: "reports to the manager" in second.log, "the second one saying why", 5)
    assert report(second, "mnj_any").status == 503


def test_a_server_that_is_both_registers_itself(new_server: Callable[..., Server]) -> None:
    server = new_server()
    wait_until(lambda: list(states(server).values()) == ["active"], "its own scheduler among the active", JOINING)
    token = join_token(server)
    assert report(server, token).status == 200
    assert "minion_hosts 1\n" in server.ask("/metrics").body.decode()


@pytest.mark.parametrize(("arguments", "words"), [
    (("--manager", "http://127.0.0.1:1"), "--roles scheduler"),
    (("--roles", "scheduler", "--manager", "http://127.0.0.1:1"), "join token"),
    (("--roles", "scheduler", "--manager", "nonsense", "--join-token", "t"), "URL"),
    (("--roles", "scheduler", "--manager", "http://a,,http://b", "--join-token", "t"), "URL"),
    (("--advertise", "a b"), "HOST"),
    (("--host-name", "a b"), "host-name"),
])
def test_wrong_arguments_are_named(server_binary: Any, arguments: Any, words: str, tmp_path: Any) -> None:
    done = subprocess.run(
        [server_binary, "serve", "--data-dir", tmp_path, *arguments], capture_output=True, text=True, timeout=20,
        env={"HOME": str(tmp_path)})
    assert done.returncode == 2, done
    assert words in done.stderr
