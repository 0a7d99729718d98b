"""What is promised about rates and memory."""
from __future__ import annotations

from typing import Dict, List

from .bench import Getter, Options
from .processes import Processes, Run, name_of, peak_memory_of
from .quantities import MIB, human
from .results import Must, Row
from .servers import Source, Tracker, random_file, sparse_file
from .tools import need_room

#: For how long a limited download runs.
SECONDS = 10


def measure_rates(options: Options) -> List[Row]:
    processes = Processes(options.scratch)
    size = SECONDS * options.rate
    try:
        need_room(processes.folder, 4 * size, "'rates'")
        source = Source(processes)
        random_file(source.files / "down", size)
        random_file(source.files / "up", size)
        output = processes.folder / "output"
        down = Getter(processes, options.minion).get(source.url("down"), output, "--download-rate", options.rate)
        output.unlink()
        getter = Getter(processes, options.minion, Tracker(processes, options.minion))
        getter.serve(source.url("up"), processes.folder / "first", "--upload-rate", options.rate)
        up = getter.get(source.url("up"), output, "--no-fallback")
    finally:
        processes.close()
    return [_rate_row("download", down, size, options), _rate_row("upload", up, size, options)]


def _rate_row(which: str, run: Run, size: int, options: Options) -> Row:
    rate = size / run.seconds
    return Row(
        "rates", f"--{which}-rate {human(options.rate)}: off by", 100 * (rate / options.rate - 1), "%", None,
        Must("within", 5), f"{human(size)} in {run.seconds:.2f} s")


def measure_memory(options: Options) -> List[Row]:
    processes = Processes(options.scratch)
    size = options.memory_size
    peaks: Dict[str, int] = {}

    def watch(pids: List[int]) -> None:
        for pid in pids:
            if (name := name_of(pid)) in ("minion", "minion-node"):
                peaks[name] = max(peaks.get(name, 0), peak_memory_of(pid))

    try:
        need_room(processes.folder, size, "'memory'")
        print(f"'memory' writes {human(size)} to {processes.folder} and deletes it afterwards.", flush=True)
        source = Source(processes)
        sparse_file(source.files / "sparse", size)
        run = Getter(processes, options.minion).get(source.url("sparse"), processes.folder / "output", watch=watch)
    finally:
        processes.close()
    command = peaks.get("minion", 0) / MIB
    return [
        Row(
            "memory", f"node that downloads {human(size)}: peak", peaks.get("minion-node", 0) / MIB, "MiB", None,
            Must("at most", 120), f"in {run.seconds:.1f} s; the command itself {command:.0f} MiB")
    ]
