"""A node that stays: what it costs to get something a second time, to get many things at once, and to be killed."""
from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path
from typing import List

from .bench import Options
from .processes import Processes, peak_memory_of
from .quantities import MIB, human, median
from .results import Must, Row, ratio_row
from .servers import HostNode, Source, digest_of, random_file
from .tools import Trouble, need_room

#: Files that are got at the same time.
FILES = 200
#: How often the node is killed during a download, which takes so many seconds if it reads over two connections.
KILLS = 20
SECONDS = 20
#: Seconds after which they count as never ending.
PATIENCE = 60
#: For how long connections of the node may stay open that nobody uses any more.
IDLE = 90


def measure(options: Options) -> List[Row]:
    return [*_second(options), *_many(options), _killed(options)]


# The second time.


def _second(options: Options) -> List[Row]:
    processes = Processes(options.scratch)
    size = options.node_size
    try:
        need_room(processes.folder, 4 * size, "'node'")
        source = Source(processes, fresh_seconds=3600)
        digest = random_file(source.files / "file", size)
        node = HostNode(processes, options.minion)
        output = processes.folder / "output"
        node.get(source.url("file"), output)
        if digest_of(output) != digest:
            raise Trouble("what has come is not what the source has")
        output.unlink()
        before = source.requests("file")
        ours, theirs = [], []
        for number in range(options.rounds + 1):
            a = node.get(source.url("file"), output).seconds
            if number == 0 and digest_of(output) != digest:
                raise Trouble("what has come out of the cache is not what the source has")
            output.unlink()
            b = processes.run(["cp", "--reflink=auto", source.files / "file", output], "cp.log").seconds
            output.unlink()
            if number:
                ours.append(a)
                theirs.append(b)
        asked = source.requests("file") - before
        shares_blocks = _has_reflink(processes.folder)
    finally:
        processes.close()
    what = f"second get, {human(size)}"
    note = f"minion {median(ours):.3f} s, cp {median(theirs):.3f} s"
    speed = (
        Row("node", f"{what}, reflink", 1000 * median(ours), "ms", (1000 * min(ours), 1000 * max(ours)),
            Must("at most", 50), note, {"minion": ours, "other": theirs})
        if shares_blocks else ratio_row("node", f"{what}: time / cp's", ours, theirs, Must("at most", 1.15), note))
    return [speed, Row("node", f"{what}: requests to the source", asked, "", None, Must("at most", 0))]


def _has_reflink(folder: Path) -> bool:
    """Whether files can share blocks there."""
    probe = folder / "probe"
    probe.write_bytes(bytes(8192))
    command = ["cp", "--reflink=always", str(probe), f"{probe}-2"]
    return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0


# Many at once.


def _many(options: Options) -> List[Row]:
    processes = Processes(options.scratch)
    try:
        need_room(processes.folder, 4 * FILES * MIB, "'node'")
        source = Source(processes)
        sums = [random_file(source.files / f"file{i}", MIB) for i in range(FILES)]
        random_file(source.files / "first", MIB)
        node = HostNode(processes, options.minion)
        # Brings in what the node opens once and keeps.
        node.get(source.url("first"), processes.folder / "first")
        _settle(node)
        before = _descriptors(node)
        begin = time.monotonic()
        running = [
            processes.start(node.command(source.url(f"file{i}"), processes.folder / f"out{i}"), "many.log")
            for i in range(FILES)
        ]
        deadline = begin + PATIENCE
        while any(child.poll() is None for child in running) and time.monotonic() < deadline:
            time.sleep(0.005)
        codes = [child.poll() for child in running]
        seconds = time.monotonic() - begin
        if None in codes:
            raise Trouble(f"{codes.count(None)} of {FILES} gets do not end within {PATIENCE} s")
        if any(codes):
            raise Trouble(f"{sum(map(bool, codes))} of {FILES} gets failed: {processes.words('many.log')}")
        wrong = sum(digest_of(processes.folder / f"out{i}") != sums[i] for i in range(FILES))
        memory = peak_memory_of(node.pid)
        _wait_for_descriptors(node, before)
        after = _descriptors(node)
    finally:
        processes.close()
    what = f"{FILES} gets of {FILES} files at once"
    return [
        Row("node", f"{what}: peak of the node", memory / MIB, "MiB", None, Must("at most", 200), f"in {seconds:.1f} s"),
        Row("node", f"{what}: descriptors left open", max(0, after - before), "", None, Must("at most", 0),
            f"{before} before, {after} after"),
        Row("node", f"{what}: wrong files", wrong, "", None, Must("at most", 0)),
    ]


def _descriptors(node: HostNode) -> int:
    return len(os.listdir(f"/proc/{node.pid}/fd"))


def _settle(node: HostNode) -> None:
    """Until the connections of the first download are closed: until nothing has changed for five seconds."""
    deadline = time.monotonic() + IDLE
    count, since = _descriptors(node), time.monotonic()
    while time.monotonic() - since < 5 and time.monotonic() < deadline:
        time.sleep(0.1)
        now = _descriptors(node)
        if now != count:
            count, since = now, time.monotonic()


def _wait_for_descriptors(node: HostNode, wanted: int) -> None:
    deadline = time.monotonic() + IDLE
    while _descriptors(node) > wanted and time.monotonic() < deadline:
        time.sleep(0.1)


# Killed.


def _killed(options: Options) -> Row:
    processes = Processes(options.scratch)
    size = options.node_size
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    try:
        need_room(processes.folder, 4 * size, "'node'")
        # It is the way that is slow. A node that were told to be slow would leave megabytes in buffers of the kernel, which
        # count as sent and are lost with it.
        source = Source(processes, connection_rate=size // SECONDS // 2)
        digest = random_file(source.files / "file", size)
        output = processes.folder / "output"
        node = HostNode(processes, options.minion)
        killed = 0
        for _ in range(KILLS):
            child = processes.start(node.command(source.url("file"), output), "killed.log")
            moment = time.monotonic() + chance.uniform(0, 1.8 * SECONDS / KILLS)
            while child.poll() is None and time.monotonic() < moment:
                time.sleep(0.001)
            if child.poll() == 0:
                break
            node.kill()
            killed += 1
            child.wait(60)
            node.start()
        if not output.exists():
            node.get(source.url("file"), output)
        is_right = digest_of(output) == digest
        twice = source.sent("file") / size - 1
    finally:
        processes.close()
    if not is_right:
        raise Trouble(f"the file is wrong after {killed} kills (seed {seed})")
    return Row(
        "node", f"killed {killed} times in {human(size)}: fetched twice", 100 * twice, "%", None, Must("at most", 5),
        f"the file is right; seed {seed}")
