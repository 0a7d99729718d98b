"""The programs that a benchmark needs: built or installed, the same way as for the tests."""
from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Iterator, Optional

REPOSITORY = Path(__file__).resolve().parents[2]
#: Debian keeps nginx, ip and tc where only root's path leads.
os.environ["PATH"] += ":/usr/sbin:/sbin"


class Trouble(Exception):
    """Ends the run, or one row of it, with one line for the reader."""


ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def heed_signals() -> None:
    """Lets every signal that ends the program pass through what cleans up."""
    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    for number in ENDINGS:
        signal.signal(number, end)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Puts the signals that end the program off until the block is through: what cleans up is not left half done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def shell(script: str, *arguments: str) -> None:
    """Runs a line of bash with what the scripts share: `need_package`, `step` and their like."""
    common = REPOSITORY / "scripts" / "common.bash"
    command = ["bash", "-euo", "pipefail", "-c", f'source "$1"; shift; {script}', Path(sys.argv[0]).name, str(common)]
    sys.stdout.flush()
    if subprocess.run([*command, *arguments]).returncode != 0:
        raise Trouble("see above")


def build(*products: str) -> None:
    script = 'need_build_tools; for product; do step "Build $product" swift build -c release --product "$product"; done'
    shell(script, *products)


def need(program: str, package: str, why: str) -> None:
    """Installs a Debian package unless its program is there."""
    if shutil.which(program) is None:
        shell('need_package "$1" "$2"', package, why)


def python_with(module: str) -> Optional[str]:
    """A Python that has a module, if there is one."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([candidate, "-c", f"import {module}"], stderr=subprocess.DEVNULL).returncode == 0:
            return candidate
    return None


def need_room(folder: Path, size: int, what: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < size + (256 << 20):
        raise Trouble(f"{what} needs {size >> 20} MiB in {folder}, where {free >> 20} MiB are free: give another --scratch")
