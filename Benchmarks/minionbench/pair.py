"""One machine gets everything from one other: what verified exchange costs, against aria2 and nginx."""
from __future__ import annotations

from typing import List

from .bench import Getter, Options
from .processes import Processes, Run, cpu_of
from .quantities import human, median
from .results import Must, Row, ratio_row
from .servers import Source, Tracker, digest_of, random_file
from .tools import Trouble, need_room

#: What the source may send while another node has it all: answers to questions whether the file has changed.
REVALIDATION = 1024


def measure(options: Options) -> List[Row]:
    processes = Processes(options.scratch)
    try:
        need_room(processes.folder, 4 * options.pair_size, "'pair'")
        return _measure(processes, options)
    finally:
        processes.close()


def _measure(processes: Processes, options: Options) -> List[Row]:
    source = Source(processes)
    digest = random_file(source.files / "file", options.pair_size)
    # The same bytes under a name of its own, so that the source's log tells who read them.
    (source.files / "other").hardlink_to(source.files / "file")
    getter = Getter(processes, options.minion, Tracker(processes, options.minion))
    server = getter.serve(source.url("file"), processes.folder / "first")
    before = source.sent("file")

    output = processes.folder / "output"
    aria2 = [
        "aria2c", "--no-conf", "--quiet", "-x4", f"--checksum=sha-256={digest}", "--file-allocation=none", "--dir",
        output.parent, "--out", output.name, source.url("other"),
    ]
    ours: List[Run] = []
    theirs: List[Run] = []
    serving: List[float] = []
    others: List[float] = []
    for number in range(min(options.rounds, 5) + 1):
        node, nginx = cpu_of([server]), cpu_of(source.pids)
        a = getter.get(source.url("file"), output)
        serving.append(cpu_of([server]) - node)
        if number == 0 and digest_of(output) != digest:
            raise Trouble("what has come is not what the source has")
        output.unlink()
        b = processes.run(aria2, "aria2.log")
        others.append(cpu_of(source.pids) - nginx)
        output.unlink()
        if number:
            ours.append(a)
            theirs.append(b)
    read = source.sent("file") - before
    if read > REVALIDATION * (len(ours) + 1):
        raise Trouble(f"the second node read {human(read)} from the source, though the first has everything")

    size = human(options.pair_size)
    times = [median([run.seconds for run in runs]) for runs in (ours, theirs)]
    cpus = [median([run.cpu for run in runs]) for runs in (ours, theirs)]
    return [
        ratio_row(
            "pair", f"from one node, {size}: time / aria2c -x4", [run.seconds for run in ours],
            [run.seconds for run in theirs], Must("at most", 1.1),
            f"minion {times[0]:.2f} s, aria2c {times[1]:.2f} s; {read} bytes from the source"),
        ratio_row(
            "pair", f"from one node, {size}: processor / aria2c", [run.cpu for run in ours], [run.cpu for run in theirs],
            Must("at most", 1.2),
            f"minion {cpus[0]:.2f} s, aria2c {cpus[1]:.2f} s; senders: node {median(serving[1:]):.2f} s, "
            f"nginx {median(others[1:]):.2f} s"),
    ]
