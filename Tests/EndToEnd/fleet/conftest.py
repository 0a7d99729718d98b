"""Managers, schedulers, seed peers and nodes together: the real programs on loopback addresses."""
from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Callable, Iterator, List

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "manager"))

from fleet import Fleet  # noqa: E402
from postgres import Postgres  # noqa: E402
from processes import Box  # noqa: E402
from server import Server  # noqa: E402


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.close()


@pytest.fixture
def start_server(request: pytest.FixtureRequest, box: Box) -> Iterator[Callable[..., Server]]:
    binary = Path(os.environ.get("MINION_SERVER_BIN") or Path(box.minion).parent / "minion-server").resolve()
    started: List[Server] = []

    def start(*arguments: object, **options: Any) -> Server:
        server = Server(binary, *arguments, **options)
        started.append(server)
        return server

    yield start
    if getattr(request.node, "failed", False):
        for server in started:
            print(f"--- {' '.join(server.command)}\n{server.log[-6000:]}")
    for server in started:
        server.close()
        server.remove()


@pytest.fixture
def fleet(box: Box, start_server: Callable[..., Server]) -> Fleet:
    return Fleet(box, start_server)
