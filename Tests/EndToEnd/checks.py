"""What tests say about results, in one line each."""
from __future__ import annotations

import hashlib
from pathlib import Path

from content import Content
from processes import Host, Outcome

MIB = 1 << 20


def file_digest(path: Path) -> str:
    hasher = hashlib.sha256()
    with open(path, "rb") as file:
        while True:
            chunk = file.read(MIB)
            if not chunk:
                return hasher.hexdigest()
            hasher.update(chunk)


def assert_file(host: Host, name: str, content: Content) -> None:
    path = host.files / name
    assert path.is_file(), f"{name} is not there, but {host.listing()}"
    assert path.stat().st_size == content.size
    assert file_digest(path) == content.digest()


def assert_ok(outcome: Outcome, host: Host, name: str, content: Content) -> None:
    assert outcome.code == 0, f"exit code {outcome.code}: {outcome.err}"
    assert_file(host, name, content)


def assert_refused(outcome: Outcome, code: int, *words: str) -> None:
    """The command failed with `code` and an error of a line or two that has `words` in it."""
    assert outcome.code == code, f"exit code {outcome.code}: {outcome.err}"
    assert outcome.out == b"" or not outcome.err, "an error does not belong on stdout"
    assert outcome.lines, "it says nothing about why"
    for word in words:
        assert word.lower() in outcome.err.lower(), f"no {word!r} in: {outcome.err}"


def assert_nothing_under(host: Host, name: str) -> None:
    assert not (host.files / name).exists(), f"{name} must not be there"


def peak_memory(pid: int) -> int:
    """The largest resident size that a process has had, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} has no memory")
