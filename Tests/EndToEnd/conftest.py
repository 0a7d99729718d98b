"""End-to-end tests: real `minion` processes against sources, trackers and peers that may be rogues.

    MINION_BIN=.build/release/minion python3 -m pytest Tests/EndToEnd -q

Tests share nothing: each has its own folders, ports and processes (`box`), waits for conditions with a deadline and
fails if a process is left over. `--slow` adds those that take minutes; `root` tests are skipped for other users.
"""
from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from processes import Box

REPOSITORY = Path(__file__).resolve().parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    default = os.environ.get("MINION_BIN") or str(REPOSITORY / ".build/release/minion")
    parser.addoption("--minion", default=default, help="the binary under test (MINION_BIN)")
    parser.addoption("--slow", action="store_true", help="run the tests that take minutes, too")


def pytest_configure(config: pytest.Config) -> None:
    # Whoever started the tests may ignore signals (nohup, a shell's background job); what they start must not inherit that.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "slow: takes minutes or gigabytes; only with --slow")
    config.addinivalue_line("markers", "root: needs root and mount namespaces")
    config.addinivalue_line("markers", "ipv6: needs the loopback address ::1")


def pytest_collection_modifyitems(config: pytest.Config, items: list) -> None:
    reasons = {
        "slow": not config.getoption("--slow") and "only with --slow",
        "root": not _has_namespaces() and "needs root and mount namespaces",
        "ipv6": not _has_ipv6() and "this machine has no ::1",
    }
    for item in items:
        for name, reason in reasons.items():
            if reason and item.get_closest_marker(name):
                item.add_marker(pytest.mark.skip(reason=reason))


def _has_namespaces() -> bool:
    unshare = shutil.which("unshare")
    if os.geteuid() != 0 or not unshare:
        return False
    return subprocess.run([unshare, "-m", "true"], capture_output=True).returncode == 0


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.failed = report.failed


@pytest.fixture
def box(request: pytest.FixtureRequest):
    minion = Path(request.config.getoption("--minion")).resolve()
    if not os.access(minion, os.X_OK):
        pytest.fail(f"no binary at {minion}: build it, or name it with --minion or MINION_BIN", pytrace=False)
    box = Box(str(minion))
    try:
        yield box
        complaints = box.close()
        if getattr(request.node, "failed", False) or complaints:
            print(box.logs())
        assert not complaints, "; ".join(complaints)
    finally:
        box.remove()


@pytest.fixture
def tracker(box: Box):
    return box.tracker()


@pytest.fixture
def source(box: Box):
    return box.source()


@pytest.fixture
def host(box: Box):
    return box.host("a")
