"""One run of one system through one scenario."""
from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from minionbench.processes import Processes
from minionbench.servers import digest_of, random_file
from minionbench.tools import Trouble, need_room

from .network import Network
from .scenario import Scenario
from .systems import FILE, SYSTEMS, System


@dataclass
class Trial:
    """Seconds count from the first host's start; `mean` from each host's own."""

    scenario: str
    system: str
    hosts: int
    #: Hosts that have the right bytes, of those that were not killed.
    complete: int
    expected: int
    last: Optional[float]
    mean: Optional[float]
    bound: float
    #: The last host's time in bounds; nil unless all are complete.
    ratio: Optional[float]
    #: The same for the hosts that are not slow, where some are.
    others_ratio: Optional[float]
    #: Files' worth of bytes that left the source.
    copies: float
    seconds: Dict[int, float]

    def as_json(self) -> Dict[str, Any]:
        return asdict(self)


def run(scenario: Scenario, name: str, options: Dict[str, Any]) -> Trial:
    processes = Processes(options["scratch"])
    try:
        need_room(processes.folder, (scenario.hosts + 1) * scenario.size, "a run")
        with Network(scenario.ups, scenario.downs) as network:
            system = SYSTEMS[name](processes, network, options)
            system.origin.parent.mkdir(parents=True)
            digest = random_file(system.origin, scenario.size)
            try:
                return _measure(scenario, name, system, network, digest, options["limit"])
            finally:
                processes.end_all()
                if options["logs"]:
                    _keep_logs(processes.folder, options["logs"] / f"{scenario.name}-{name}")
    finally:
        processes.close()


def _measure(
    scenario: Scenario, name: str, system: System, network: Network, digest: str, limit: float
) -> Trial:
    system.prepare()
    before = network.sent_by(0)
    seconds = _play(scenario, system, network, limit)
    sent = network.sent_by(0) - before
    starts = scenario.starts
    times = {host: taken for host, taken in seconds.items() if digest_of(system.output(host)) == digest}
    whole = len(times) == len(scenario.survivors)
    last = max(times.values(), default=None)
    bound, others = scenario.bound, scenario.others_bound
    quick = [taken for host, taken in times.items() if host <= scenario.hosts - scenario.slow]
    return Trial(
        scenario=scenario.name, system=name, hosts=scenario.hosts, complete=len(times), expected=len(scenario.survivors),
        last=last, mean=sum(taken - starts[host] for host, taken in times.items()) / len(times) if times else None,
        bound=bound, ratio=last / bound if whole and last else None,
        others_ratio=max(quick) / others if whole and others else None,
        copies=sent / scenario.size, seconds=times)


def _play(scenario: Scenario, system: System, network: Network, limit: float) -> Dict[int, float]:
    """Starts the hosts, lets go wrong what is to, and returns when each of those that live on was done."""
    starts = scenario.starts
    waiting = sorted(starts, key=lambda host: starts[host])
    running: Dict[int, Callable[[], bool]] = {}
    seconds: Dict[int, float] = {}
    victims: List[int] = scenario.victims
    is_degraded = scenario.degraded == 1
    half_time = scenario.half_time
    begin = time.monotonic()
    while len(seconds) < len(scenario.survivors):
        now = time.monotonic() - begin
        if now > limit:
            break
        while waiting and starts[waiting[0]] <= now:
            host = waiting.pop(0)
            running[host] = system.start(host)
        for victim in [host for host in victims if host in running]:
            if network.received_by(victim) >= scenario.size / 2:
                network.kill(victim)
                del running[victim]
                victims.remove(victim)
        if not is_degraded and now >= half_time:
            network.limit(0, up=scenario.origin_up * scenario.degraded)
            is_degraded = True
        for host in [host for host, is_complete in running.items() if host in scenario.survivors and is_complete()]:
            seconds[host] = time.monotonic() - begin
            del running[host]
        time.sleep(0.005)
    if victims and len(seconds) == len(scenario.survivors):
        raise Trouble(f"host {victims[0]} never had half of the file, so it was not killed")
    return seconds


def _keep_logs(folder: Path, into: Path) -> None:
    shutil.copytree(
        folder, into, dirs_exist_ok=True, ignore=shutil.ignore_patterns(FILE, f".{FILE}*", "tracker", "*_temp", "files"))
