"""One machine with no other: a download that nobody shares has to cost what curl's costs."""
from __future__ import annotations

from pathlib import Path
from typing import Any, List, Tuple

from .bench import Getter, Options
from .processes import Processes
from .quantities import MIB, human, median
from .results import Must, Row, ratio_row
from .servers import Source, digest_of, random_file
from .tools import Trouble, need_room


def measure(options: Options) -> List[Row]:
    processes = Processes(options.scratch)
    try:
        need_room(processes.folder, 2 * options.size, "'alone'")
        source = Source(processes)
        large = _rounds(processes, source, options, options.size, options.rounds)
        small = _rounds(processes, source, options, MIB, max(options.rounds, 5))
    finally:
        processes.close()
    extra = [1000 * (ours - theirs) for ours, theirs in zip(*small)]
    times = "minion {:.3f} s, curl {:.3f} s".format
    return [
        ratio_row(
            "alone", f"alone, {human(options.size)}: time / curl's", *large, Must("at most", 1.05),
            times(*map(median, large))),
        Row(
            "alone", "alone, 1 MiB: more than curl", median(extra), "ms", (min(extra), max(extra)),
            Must("at most", 80), times(*map(median, small)), {"minion": small[0], "curl": small[1]}),
    ]


def _rounds(
    processes: Processes, source: Source, options: Options, size: int, rounds: int
) -> Tuple[List[float], List[float]]:
    """Seconds of Minion's and of curl's downloads, taken in turn, after one of each that does not count."""
    digest = random_file(source.files / "file", size)
    getter = Getter(processes, options.minion)
    output = processes.folder / "output"
    url = source.url("file")
    curl: List[Any] = ["curl", "--silent", "--fail", "--output", output, url]
    ours: List[float] = []
    theirs: List[float] = []
    for number in range(rounds + 1):
        a = getter.get(url, output).seconds
        _take(output, digest if number == 0 else "")
        b = processes.run(curl, "curl.log").seconds
        _take(output, digest if number == 0 else "")
        if number:
            ours.append(a)
            theirs.append(b)
    return ours, theirs


def _take(output: Path, digest: str) -> None:
    """Checks what has come, if there is something to check against, and makes room for the next."""
    if digest and digest_of(output) != digest:
        raise Trouble("what has come is not what the source has")
    output.unlink()
