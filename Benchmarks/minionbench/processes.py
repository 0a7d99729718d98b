"""Starts programs, measures what they cost, and ends all of them.

`minion get` leaves the work to a node in a session of its own, which may outlive it. This process therefore makes itself
the one that orphans are handed to (PR_SET_CHILD_SUBREAPER), so that the kernel's own account of a node reaches it too.
"""
from __future__ import annotations

import ctypes
import os
import pwd
import select
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Set

from .tools import Trouble, undisturbed

TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Run:
    """What a finished command took."""

    #: From its start to its end; of a `minion get`, until the file is complete under its name.
    seconds: float
    #: User's and system's seconds of it and of all that it left behind.
    cpu: float
    #: Processes that it left behind and that still run.
    left: List[int]


class Processes:
    """A temporary folder, and programs that end with it."""

    def __init__(self, scratch: Optional[Path] = None):
        if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise Trouble("cannot take care of orphans: this needs Linux")
        self.folder = Path(tempfile.mkdtemp(prefix="minion-bench-", dir=scratch))
        self.folder.chmod(0o755)
        #: What the environment says besides, for what is started from now on.
        self.variables: Dict[str, str] = {}

    def start(
        self, command: Sequence[Any], log: str, user: Optional[pwd.struct_passwd] = None
    ) -> subprocess.Popen[bytes]:
        """`user`: whose process it is, if not that of whoever runs this, who has to be root then."""
        somebody: Dict[str, Any] = {}
        if user:
            # Not everybody may look at the folder that we are in.
            somebody = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}
        with open(self.folder / log, "ab") as output:
            return subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**environment(), **self.variables}, start_new_session=True, **somebody)

    def run(
        self, command: Sequence[Any], log: str, limit: float = 600, stays: bool = False,
        watch: Optional[Callable[[List[int]], None]] = None,
    ) -> Run:
        """Runs a command to its end and, unless what it leaves `stays`, waits for that too. `watch` is called every few
        milliseconds with the processes that it has become."""
        before = descendants()
        begin = time.monotonic()
        child = self.start(command, log)
        self._wait(child.pid, before, begin + limit, watch)
        seconds = time.monotonic() - begin
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise Trouble(f"exit code {child.returncode} of {command[0]}: {self.words(log) or 'no word of why'}")
        cpu = usage.ru_utime + usage.ru_stime
        left = sorted(descendants() - before)
        if stays:
            return Run(seconds, cpu, left)
        for pid in left:
            self._wait(pid, before, begin + limit, watch)
            try:
                _, _, usage = os.wait4(pid, 0)
                cpu += usage.ru_utime + usage.ru_stime
            except ChildProcessError:
                continue  # a grandchild, in its parent's account
        return Run(seconds, cpu, [])

    def _wait(
        self, pid: int, before: Set[int], deadline: float, watch: Optional[Callable[[List[int]], None]]
    ) -> None:
        """Waits until a process has ended, which is still to be reaped."""
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            while not select.select([handle], [], [], 0.02 if watch else max(0, deadline - time.monotonic()))[0]:
                if time.monotonic() >= deadline:
                    raise Trouble(f"process {pid} did not end in time")
                if watch:
                    watch(sorted(descendants() - before))
        finally:
            os.close(handle)

    def words(self, log: str) -> str:
        """The last that a program has said."""
        path = self.folder / log
        return path.read_text(errors="replace")[-500:].strip() if path.exists() else ""

    def wait_for(self, condition: Callable[[], bool], child: subprocess.Popen[bytes], log: str) -> None:
        deadline = time.monotonic() + 15
        while not condition():
            if child.poll() is not None or time.monotonic() > deadline:
                raise Trouble(f"{log} does not start: {self.words(log)}")
            time.sleep(0.01)

    def end_all(self) -> None:
        """Ends everything that was started here and all that came of it."""
        for number, patience in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0)):
            for pid in descendants():
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                reap()
                if not descendants():
                    return
                time.sleep(0.02)

    def close(self) -> None:
        with undisturbed():
            self.end_all()
            shutil.rmtree(self.folder, ignore_errors=True)


def environment() -> Dict[str, str]:
    """This one's, without what would send programs elsewhere."""
    return {
        name: value for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and name not in ("MINION_TRACKER", "MINION_SOCKET")
    }


def descendants() -> Set[int]:
    """The processes that come from this one."""
    children: Dict[int, List[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := stat_of(int(entry))):
            children.setdefault(int(fields[1]), []).append(int(entry))
    found: Set[int] = set()
    waiting = [os.getpid()]
    while waiting:
        for pid in children.get(waiting.pop(), []):
            found.add(pid)
            waiting.append(pid)
    return found


def reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0] > 0:
            pass
    except ChildProcessError:
        pass


def stat_of(pid: int) -> List[str]:
    """The fields of /proc/PID/stat from the state on; none if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def cpu_of(pids: Sequence[int]) -> float:
    """User's and system's seconds of running processes."""
    return sum((int(fields[11]) + int(fields[12])) / TICKS for pid in pids if (fields := stat_of(pid)))


def peak_memory_of(pid: int) -> int:
    """The most bytes that a process has had in memory so far; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
