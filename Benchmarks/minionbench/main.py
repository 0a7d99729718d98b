"""The command `Benchmarks/run`."""
from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Callable, Dict, List, Tuple

from . import alone, fleet, limits, manager, node, pair, programs
from .bench import Options
from .quantities import positive, size_of
from .results import Row, print_rows
from .tools import REPOSITORY, Trouble, build, heed_signals, need

DESCRIPTION = """\
Measures Minion on this machine, on loopback only, and tells of each figure whether it is
what it must be. Builds Minion first and installs what is missing. The machine should have
nothing else to do meanwhile.

  Benchmarks/run                                everything; ten minutes at most
  Benchmarks/run --only alone,pair --rounds 3   two of the groups, in less time
  Benchmarks/run --full --memory-size 20G       the long ones at full length"""

#: What each group needs and how it is measured, in the order of the table.
GROUPS: Dict[str, Tuple[Tuple[str, ...], Callable[[Options], List[Row]]]] = {
    "alone": (("nginx", "curl"), alone.measure),
    "pair": (("nginx", "aria2"), pair.measure),
    "rates": (("nginx",), limits.measure_rates),
    "memory": (("nginx",), limits.measure_memory),
    "node": (("nginx",), node.measure),
    "fleet": ((), fleet.measure),
    "tracker": ((), programs.measure_tracker),
    "manager": ((), manager.measure),
    "simulator": ((), programs.measure_simulator),
    "micro": ((), programs.measure_micro),
}
#: What else is built for which groups. `minion serve` runs minion-server.
PRODUCTS = {
    "minion-server": {"pair", "rates", "fleet", "tracker", "manager"},
    "minion-store-load": {"manager"},
    "minion-tracker-load": {"tracker"},
    "minion-microbenchmarks": {"micro"},
}
#: The program of a package, and what it is for.
PACKAGES = {
    "nginx": ("nginx", "is the source; it is not started as a service"),
    "curl": ("curl", "is what a lonely download is held against"),
    "aria2": ("aria2c", "is what a download from one node is held against"),
}


def groups_of(text: str) -> List[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in GROUPS]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no group {unknown[0]!r}; there are {', '.join(GROUPS)}")
    return [name for name in GROUPS if name in names]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="Benchmarks/run", formatter_class=argparse.RawDescriptionHelpFormatter, description=DESCRIPTION)
    folder = REPOSITORY / ".build"
    parser.add_argument("--only", type=groups_of, default=list(GROUPS), metavar="GROUPS", help=", ".join(GROUPS))
    parser.add_argument("--rounds", type=positive, default=9, help="of what is compared, in turn (default: 9)")
    parser.add_argument("--size", type=size_of, default="512M", help="of the lonely download (default: 512M)")
    parser.add_argument("--pair-size", type=size_of, default="1G", help="of the one from a node (default: 1G)")
    parser.add_argument("--memory-size", type=size_of, default="2G", help="of the one whose memory is watched (default: 2G)")
    parser.add_argument("--node-size", type=size_of, default="1G", help="of what a node keeps (default: 1G)")
    parser.add_argument("--rate", type=size_of, default="20M", help="bytes a second of the limited ones (default: 20M)")
    parser.add_argument("--peers", type=positive, default=100_000, metavar="NUMBER",
                        help="in the manager's store, with a tenth as many jobs and twice as many audits (default: 100000)")
    parser.add_argument("--scratch", type=Path, help="where the files lie (default: the system's temporary folder)")
    parser.add_argument("--full", action="store_true", help="also simulate 10,000 hosts, which takes minutes")
    parser.add_argument("--output", type=Path, default=folder / "benchmarks" / "benchmarks.json", metavar="FILE",
                        help="where the results go (default: .build/benchmarks/benchmarks.json)")
    parser.add_argument("--strict", action="store_true", help="fail if a figure is not what it must be, or is left out")
    parser.add_argument("--minion", type=Path, help="the binary to measure, instead of building one")
    return parser.parse_args()


def prepare(asked: argparse.Namespace) -> Options:
    for package in sorted({package for group in asked.only for package in GROUPS[group][0]}):
        need(PACKAGES[package][0], package, PACKAGES[package][1])
    if asked.minion is None:
        build("minion", *(program for program, groups in PRODUCTS.items() if not groups.isdisjoint(asked.only)))
    binaries = REPOSITORY / ".build" / "release"
    minion = (asked.minion or binaries / "minion").resolve()
    if not minion.exists():
        raise Trouble(f"there is no {minion}")
    return Options(
        minion=minion, binaries=binaries, scratch=asked.scratch, rounds=asked.rounds, size=asked.size,
        pair_size=asked.pair_size, memory_size=asked.memory_size, node_size=asked.node_size, rate=asked.rate,
        peers=asked.peers, full=asked.full)


def measure(names: List[str], options: Options) -> List[Row]:
    rows: List[Row] = []
    for name in names:
        begin = time.monotonic()
        print(f"{name} … ", end="", flush=True)
        try:
            rows += GROUPS[name][1](options)
        except Trouble as trouble:
            rows.append(Row(name, name, note=str(trouble)))
        except FileNotFoundError as error:
            rows.append(Row(name, name, note=f"there is no {error.filename}"))
        print(f"{time.monotonic() - begin:.0f} s", flush=True)
    return rows


def write(path: Path, rows: List[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"system": platform.platform(), "processors": os.cpu_count()},
        "rows": [row.as_json() for row in rows],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")


def main() -> int:
    asked = arguments()
    heed_signals()
    try:
        rows = measure(asked.only, prepare(asked))
    except Trouble as trouble:
        print(f"Benchmarks/run: {trouble}", file=sys.stderr)
        return 1
    print()
    print_rows(rows)
    write(asked.output, rows)
    print(f"\nAll figures: {asked.output}")
    bad = any(row.holds is False or row.value is None for row in rows)
    return 1 if asked.strict and bad else 0
