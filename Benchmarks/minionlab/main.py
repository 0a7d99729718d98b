"""The command `Benchmarks/lab`."""
from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from minionbench.quantities import bits_of, human, median, positive, size_of
from minionbench.results import print_table
from minionbench.tools import REPOSITORY, Trouble, build, heed_signals, need, python_with

from .scenario import SCENARIOS, Scenario
from .systems import SYSTEMS
from .trial import Trial, run

DESCRIPTION = f"""\
Compares Minion with curl and libtorrent on hosts that are network namespaces of this machine,
with limited links, so that the links and not the processor set the time. Holds each against
the bound of docs/architecture.md: a ratio of 1 means that no better is possible. Needs root.

  Benchmarks/lab                                    all rows, some minutes
  Benchmarks/lab --rows even,killed --rounds 3      two of them
  Benchmarks/lab --rows even --hosts 4 --size 8M    one, with another number and size

Rows: {', '.join(scenario.name for scenario in SCENARIOS)}"""


def names(known: Sequence[str]) -> Any:
    def parse(text: str) -> List[str]:
        unknown = [name for name in text.split(",") if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"there is no {unknown[0]!r}; there are {', '.join(known)}")
        return [name for name in known if name in text.split(",")]

    return parse


def rates(text: str) -> Tuple[float, ...]:
    return tuple(bits_of(part) for part in text.split(","))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="Benchmarks/lab", formatter_class=argparse.RawDescriptionHelpFormatter, description=DESCRIPTION)
    rows = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--rows", type=names(rows), default=rows, metavar="NAMES", help="which to run, with commas between")
    parser.add_argument("--systems", type=names(list(SYSTEMS)), metavar="NAMES",
                        help=f"of {', '.join(SYSTEMS)} (default: what suits the row)")
    parser.add_argument("--rounds", type=positive, default=1, help="runs of each; the median is shown (default: 1)")
    parser.add_argument("--hosts", type=positive, help="instead of each row's own number, as the following")
    parser.add_argument("--size", type=size_of, help="of the file, such as 64M")
    parser.add_argument("--rate", type=bits_of, help="of all links, such as 100mbit")
    parser.add_argument("--up", type=rates, metavar="RATES", help="of the hosts' uplinks; several are taken in turn")
    parser.add_argument("--down", type=rates, metavar="RATES", help="of the hosts' downlinks, likewise")
    parser.add_argument("--origin-up", type=bits_of, metavar="RATE", help="of the source's uplink")
    parser.add_argument("--limit", type=float, default=300, metavar="SECONDS", help="when a run is given up (default: 300)")
    parser.add_argument("--scratch", type=Path, help="where the files lie (default: in memory, if it has a file system)")
    parser.add_argument("--logs", type=Path, metavar="FOLDER", help="keep what the programs say")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all runs to this file")
    parser.add_argument("--minion", type=Path, help="the binary to run, instead of building one")
    return parser.parse_args()


def scenarios(asked: argparse.Namespace) -> List[Scenario]:
    found: List[Scenario] = []
    for scenario in SCENARIOS:
        if scenario.name not in asked.rows:
            continue
        if asked.rate:
            scenario = replace(scenario, up=(asked.rate,), down=(asked.rate,), origin_up=asked.rate)
        given = {
            "hosts": asked.hosts, "size": asked.size, "up": asked.up, "down": asked.down, "origin_up": asked.origin_up,
            "systems": asked.systems and tuple(asked.systems),
        }
        scenario = replace(scenario, **{name: value for name, value in given.items() if value})
        if scenario.hosts > 1000:
            raise Trouble("a lab has at most 1000 hosts")
        if scenario.slow + scenario.late + scenario.killed >= scenario.hosts:
            raise Trouble(f"the row '{scenario.name}' needs more than {scenario.hosts} hosts")
        found.append(scenario)
    return found


def prepare(asked: argparse.Namespace, wanted: Sequence[Scenario]) -> Dict[str, Any]:
    if os.geteuid() != 0 or not sys.platform.startswith("linux"):
        raise Trouble("network namespaces need root on Linux")
    systems = {system for scenario in wanted for system in scenario.systems}
    need("ip", "iproute2", "makes hosts and their links")
    need("tc", "iproute2", "limits links")
    need("nginx", "nginx", "is the source; it is not started as a service")
    if "curl" in systems:
        need("curl", "curl", "is what the others are held against")
    torrent = python_with("libtorrent")
    if "libtorrent" in systems and torrent is None:
        print("Left out: libtorrent, which no Python here has (Debian: python3-libtorrent).")
    if asked.minion is None and "minion" in systems:
        build("minion", "minion-server")
    minion = (asked.minion or REPOSITORY / ".build" / "release" / "minion").resolve()
    if "minion" in systems and not minion.exists():
        raise Trouble(f"there is no {minion}")
    memory = Path("/dev/shm")
    scratch = asked.scratch or (memory if os.access(memory, os.W_OK) else None)
    return {"minion": minion, "torrent_python": torrent, "scratch": scratch, "limit": asked.limit, "logs": asked.logs}


def table(trials: Sequence[Sequence[Trial]], wanted: Sequence[Scenario]) -> None:
    def middle(values: Sequence[Optional[float]], digits: int) -> str:
        known = [value for value in values if value is not None]
        return f"{median(known):.{digits}f}" if len(known) == len(values) else "–"

    sizes = {scenario.name: scenario.size for scenario in wanted}
    lines: List[List[str]] = []
    for rounds in trials:
        first = rounds[0]
        others = [trial.others_ratio for trial in rounds]
        ratios = [trial.ratio for trial in rounds if trial.ratio is not None]
        notes = [f"{min(ratios):.2f} – {max(ratios):.2f}"] if len(ratios) > 1 else []
        notes += [f"{middle(others, 2)} without the slow"] if others[0] is not None else []
        lines.append([
            f"{first.scenario}, {first.hosts} × {human(sizes[first.scenario])}", first.system,
            f"{min(trial.complete for trial in rounds)}/{first.expected}", middle([trial.last for trial in rounds], 2),
            middle([trial.mean for trial in rounds], 2), f"{first.bound:.2f}", middle([trial.ratio for trial in rounds], 2),
            middle([trial.copies for trial in rounds], 2), ", ".join(notes),
        ])
    print_table(["row", "system", "complete", "last s", "mean s", "bound s", "ratio", "copies", ""], lines)


def main() -> int:
    asked = arguments()
    heed_signals()
    trials: List[List[Trial]] = []
    try:
        wanted = scenarios(asked)
        options = prepare(asked, wanted)
        for scenario in wanted:
            for system in scenario.systems:
                if system == "libtorrent" and options["torrent_python"] is None:
                    continue
                rounds = []
                for number in range(asked.rounds):
                    print(f"{scenario.name}, {system}, round {number + 1} … ", end="", flush=True)
                    rounds.append(run(scenario, system, options))
                    print(f"{rounds[-1].ratio:.2f}" if rounds[-1].ratio else "not complete", flush=True)
                trials.append(rounds)
    except Trouble as trouble:
        print(f"Benchmarks/lab: {trouble}", file=sys.stderr)
        return 1
    print()
    table(trials, wanted)
    if asked.json:
        asked.json.write_text(json.dumps([trial.as_json() for rounds in trials for trial in rounds], indent=2) + "\n")
    return 0 if all(trial.complete == trial.expected for rounds in trials for trial in rounds) else 1
