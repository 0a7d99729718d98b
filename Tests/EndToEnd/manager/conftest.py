"""The manager: a real `minion-server` on SQLite and on PostgreSQL, called as clients call it.

    MINION_SERVER_BIN=.build/release/minion-server python3 -m pytest Tests/EndToEnd/manager -q
"""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, Iterator, List

import pytest

from postgres import Postgres
from server import Client, Server

REPOSITORY = Path(__file__).resolve().parents[3]
ENGINES = ("sqlite", "postgres")


@pytest.fixture(scope="session")
def server_binary() -> Path:
    binary = Path(os.environ.get("MINION_SERVER_BIN") or REPOSITORY / ".build/release/minion-server").resolve()
    if not os.access(binary, os.X_OK):
        pytest.fail(f"no binary at {binary}: build it, or name it with MINION_SERVER_BIN", pytrace=False)
    return binary


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def new_server(request: pytest.FixtureRequest, server_binary: Path, engine: str) -> Iterator[Callable[..., Server]]:
    """Starts servers on databases of their own."""
    started: List[Server] = []

    def start(*arguments: object, **options: Any) -> Server:
        if "database" not in options and engine == "postgres":
            options["database"] = request.getfixturevalue("postgres").new_database()
        server = Server(server_binary, *arguments, **options)
        started.append(server)
        return server

    yield start
    complaints = [complaint for server in started if (complaint := server.close())]
    if getattr(request.node, "failed", False) or complaints:
        for server in started:
            print(f"--- {' '.join(server.command)}\n{server.log[-4000:]}")
    for server in started:
        server.remove()
    assert not complaints, "; ".join(complaints)


@pytest.fixture
def new_manager(new_server: Callable[..., Server]) -> Callable[..., Server]:
    """Starts managers without schedulers: tests bring their own."""
    return lambda *arguments, **options: new_server("--roles", "manager", *arguments, **options)


@pytest.fixture(scope="session", params=ENGINES)
def shared(request: pytest.FixtureRequest, server_binary: Path) -> Iterator[Server]:
    """One server for all tests that change nothing."""
    database = request.getfixturevalue("postgres").new_database() if request.param == "postgres" else None
    server = Server(server_binary, "--roles", "manager", database=database)
    yield server
    complaint = server.close()
    log = server.log
    server.remove()
    assert not complaint, f"{complaint}\n{log[-4000:]}"


@pytest.fixture
def reader(shared: Server) -> Client:
    """Root on that server."""
    if not hasattr(shared, "reader"):
        shared.reader = shared.sign_in()
    return shared.reader


@pytest.fixture
def server(new_manager: Callable[..., Server]) -> Server:
    return new_manager()


@pytest.fixture
def root(server: Server) -> Client:
    return server.sign_in()
