"""Rows that another program measures, which writes JSON."""
from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Dict, List

from .bench import Options
from .quantities import human
from .results import Must, Row
from .tools import Trouble

#: The virtual file is the same however many hosts want it.
SIMULATED = 64 << 20


def measure_tracker(options: Options) -> List[Row]:
    program = options.binaries / "minion-tracker-load"
    what = "tracker, 50,000 peers"
    if not program.exists():
        return [Row("tracker", what, note=f"there is no {program}; build the product minion-tracker-load")]
    found = _results(program, options, "--peers", "50000", "--seconds", "15")
    try:
        rate, latency, memory = float(found["requestsPerSecond"]), found["latency"], found.get("bytesPerPeer")
        told = f"p50 {latency['p50']:.1f} ms, p99 {latency['p99']:.1f} ms"
    except (KeyError, TypeError, ValueError) as error:
        raise Trouble(f"{program.name} writes no figures that are known here: {error!r}") from None
    told += f", {memory / 1024:.1f} KiB per peer" if memory else ""
    told += f", {found['errors']} errors" if found.get("errors") else ""
    return [Row("tracker", what, rate, "requests/s", None, Must("at least", 10_000), told, found)]


def measure_simulator(options: Options) -> List[Row]:
    rows: List[Row] = []
    for hosts in [10, 100, 1000] + ([10_000] if options.full else []):
        command = [str(options.minion), "simulate", "--hosts", str(hosts), "--size", str(SIMULATED), "--json"]
        answer = subprocess.run(command, capture_output=True, text=True)
        if answer.returncode != 0:
            raise Trouble(f"minion simulate: {answer.stderr.strip()}")
        report: Dict[str, Any] = json.loads(answer.stdout)
        messages = {name: report[f"{name}PerHost"] for name in ("trackerReports", "news", "requests")}
        note = (
            f"{sum(messages.values()):.0f} messages per host ({messages['trackerReports']:.1f} reports, "
            f"{messages['news']:.0f} news, {messages['requests']:.0f} requests), {report['sourceCopies']:.2f} copies")
        rows.append(Row(
            "simulator", f"simulated, {hosts} hosts, {human(SIMULATED)}: time / bound", report.get("ratioToBound"), "×",
            None, Must("at most", 1.6), note, report))
    return rows


def measure_micro(options: Options) -> List[Row]:
    found = _results(options.binaries / "minion-microbenchmarks", options, "--seconds", "0.1")
    return [
        Row(
            "micro", item["name"], item["figures"]["median"], item["unit"],
            (item["figures"]["least"], item["figures"]["most"]), details=item)
        for item in found
    ]


def _results(program: Path, options: Options, *arguments: str) -> Any:
    """What a program writes to the file that `--json` names."""
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        path = Path(folder) / "results.json"
        answer = subprocess.run([str(program), *arguments, "--json", str(path)], capture_output=True, text=True)
        if answer.returncode != 0:
            raise Trouble(f"{program.name}: {answer.stderr.strip()[-300:] or f'exit code {answer.returncode}'}")
        return json.loads(path.read_text())
