"""What the manager survives: being killed, losing its database, a disk that takes nothing."""
from __future__ import annotations

import random
import subprocess
import threading
import time

import pytest

from server import Server
from waiting import wait_until


def write_until_gone(server: Server, worker: int, round_number: int, kept: list) -> None:
    """Makes configurations until the server is gone; what was acknowledged goes to `kept`."""
    client = server.client()
    client.cookies = dict(server.cookies)
    number = 0
    while True:
        name = f"r{round_number}-{worker}-{number}"
        try:
            answer = client.post("/api/v1/configs", {"name": name, "value": "v", "user_id": 1})
        except OSError:
            return
        except Exception:  # an answer that was cut off
            return
        if answer.status == 200:
            kept.append(name)
        number += 1


def test_what_was_acknowledged_outlives_a_kill(server: Server, root):
    server.cookies = root.cookies
    kept: list = []
    rounds = 20
    for round_number in range(rounds):
        before = len(kept)
        workers = [
            threading.Thread(target=write_until_gone, args=(server, worker, round_number, kept)) for worker in range(4)]
        for worker in workers:
            worker.start()
        wait_until(lambda: len(kept) > before + 5, "some writes")
        time.sleep(random.random() * 0.1)
        server.kill()
        for worker in workers:
            worker.join()
        server.restart()
    there = {config["name"] for config in root.ok(root.get("/api/v1/configs?per_page=10000000"))}
    assert len(kept) > 5 * rounds and set(kept) <= there


def test_a_lost_database_is_told_and_found_again(new_server, postgres, engine):
    if engine != "postgres":
        pytest.skip("SQLite is never lost")
    server = new_server()
    root = server.sign_in()
    postgres.kill()
    try:
        began = time.monotonic()
        answer = root.get("/api/v1/clusters")
        assert answer.status == 503 and answer.headers["Retry-After"] == "1"
        assert answer.json == {"message": "Service Unavailable"}
        assert time.monotonic() - began < 15, "no hang"
        assert server.client().get("/healthy").status == 200
        assert server.client().get("/v1/tasks").status == 200, "the tracker needs no database"
        assert server.client().post("/api/v1/users/signin", {"name": "root", "password": "dragonfly"}).status == 503
    finally:
        postgres.start()
    wait_until(lambda: root.get("/api/v1/clusters").status == 200, "the database to be found again", 30)


def test_health_knows_of_the_database(new_server, postgres, engine):
    if engine != "postgres":
        pytest.skip("SQLite is never lost")
    server = new_server()
    assert server.client().get("/healthz").status == 200
    postgres.kill()
    try:
        assert server.client().get("/healthz").status == 503
    finally:
        postgres.start()
    wait_until(lambda: server.client().get("/healthz").status == 200, "health to return", 30)


def test_several_managers_share_a_database(new_server, postgres, engine):
    if engine != "postgres":
        pytest.skip("one process has SQLite")
    database = postgres.new_database()
    servers: list = []

    def start() -> None:
        servers.append(new_server(database=database))

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(servers) == 3
    root = servers[0].sign_in()
    made = root.make_cluster("shared")
    for other in servers[1:]:
        client = other.client()
        client.cookies = dict(root.cookies)
        assert client.ok(client.get(f"/api/v1/clusters/{made['id']}"))["name"] == "shared"
        assert len(client.ok(client.get("/api/v1/users"))) == 1
    root.ok(root.post("/api/v1/users/signout"))
    assert client.get("/api/v1/users").status == 401, "signed out everywhere"


def test_start_fails_with_one_line(server_binary, tmp_path, postgres):
    def start(*arguments: object) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(server_binary), "serve", "--listen", "127.0.0.1:0", "--log-level", "critical", *map(str, arguments)],
            capture_output=True, text=True, timeout=60)

    (tmp_path / "file").write_text("x")
    (tmp_path / "bad").mkdir(mode=0o700)
    (tmp_path / "bad" / "manager.sqlite").write_bytes(b"this is no database" * 100)
    (tmp_path / "bad" / "manager.sqlite").chmod(0o600)
    cases = [
        ("--data-dir", tmp_path / "file"), ("--data-dir", tmp_path / "bad"),
        ("--data-dir", tmp_path / "d", "--database", f"postgres://minion@127.0.0.1:{postgres.port}/nothing"),
    ]
    for case in cases:
        done = start(*case)
        assert done.returncode == 1, (case, done.stderr)
        assert done.stderr.startswith("minion-server: ") and len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.root
def test_a_full_disk_is_told(server_binary, tmp_path):
    """In a mount namespace of its own, on a file system of 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    script = 'mount -t tmpfs -o size=4m,mode=700 none "$1" && shift && exec "$@"'

    class Small(Server):
        @property
        def command(self) -> list:
            return ["unshare", "-m", "bash", "-c", script, "bash", str(folder), *super().command]

    server = Small(server_binary, folder=folder)
    try:
        root = server.sign_in()
        statuses = set()
        for number in range(4000):
            answer = root.post("/api/v1/configs", {"name": f"n{number}", "value": "v" * 1000, "user_id": 1})
            statuses.add(answer.status)
            if answer.status != 200:
                break
        assert statuses == {200, 503}, statuses
        assert root.get("/api/v1/configs").status == 200, "reading goes on"
        assert server.client().get("/healthy").status == 200
    finally:
        complaint = server.close()
    assert complaint is None, server.log
