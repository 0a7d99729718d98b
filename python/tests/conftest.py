"""Tests of the Python library: with real `minion` processes, real trackers and a source that misbehaves to order.

    MINION_BIN=.build/release/minion python3 -m pytest python

What they run on is that of Tests/EndToEnd: a `box` for each test, which fails if a process is left over.
"""
from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LIBRARY = REPOSITORY / "python" / "src"

_specification = importlib.util.spec_from_file_location("end_to_end", REPOSITORY / "Tests" / "EndToEnd" / "conftest.py")
assert _specification is not None and _specification.loader is not None
_end_to_end = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(_end_to_end)

pytest_addoption = _end_to_end.pytest_addoption
pytest_collection_modifyitems = _end_to_end.pytest_collection_modifyitems
pytest_runtest_makereport = _end_to_end.pytest_runtest_makereport
box, tracker, source = _end_to_end.box, _end_to_end.tracker, _end_to_end.source


def pytest_configure(config: pytest.Config) -> None:
    _end_to_end.pytest_configure(config)
    config.addinivalue_line("markers", "share: needs a program that has 'minion share'")
    config.addinivalue_line("markers", "peer: needs a program that has 'minion peer'")


@pytest.fixture
def here(box, monkeypatch, request):
    """The machine that this process plays: where it is, and what its environment says."""
    for command in ("share", "peer"):
        if request.node.get_closest_marker(command) and not _has(box.minion, command):
            pytest.skip(f"this program has no 'minion {command}'")
    host = box.host("here")
    for name in ("MINION_TRACKER", "MINION_SOCKET"):
        monkeypatch.delenv(name, raising=False)
    for name, value in host.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MINION_BIN", box.minion)
    monkeypatch.chdir(host.files)
    return host


def _has(program: str, command: str) -> bool:
    return subprocess.run([program, command, "--help"], capture_output=True).returncode == 0


class Script:
    """A Python program of a user's, in a process of its own."""

    def __init__(self, host, text: str, *arguments: object):
        environment = {**os.environ, "PYTHONPATH": str(LIBRARY), "PYTHONUNBUFFERED": "1"}
        self._errors = host.root / "script-errors"
        with open(self._errors, "wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(text), *map(str, arguments)], env=environment, cwd=host.files,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True)

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().strip()

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    def wait(self, seconds: float = 15) -> int:
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(seconds)


@pytest.fixture
def script(here):
    started = []

    def start(text: str, *arguments: object) -> Script:
        started.append(Script(here, text, *arguments))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
        each.process.wait()
        print(each.errors)
