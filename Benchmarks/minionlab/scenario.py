"""What is run: who has which link, who comes late, and what goes wrong; and the least time that it can take."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Sequence, Tuple

from minionbench.quantities import MIB

from .network import FRAME, PAYLOAD

#: Rates in bits per second.
MBIT = 1e6


@dataclass(frozen=True)
class Scenario:
    name: str
    hosts: int = 16
    #: Bytes.
    size: int = 64 * MIB
    #: The rates of the hosts' links, taken in turn.
    up: Tuple[float, ...] = (100 * MBIT,)
    down: Tuple[float, ...] = (100 * MBIT,)
    origin_up: float = 100 * MBIT
    systems: Tuple[str, ...] = ("libtorrent", "minion")
    #: So many hosts have a link of a tenth of its rate, in both directions.
    slow: int = 0
    #: So many hosts join when half of the bound has passed.
    late: int = 0
    #: So many hosts are gone at once when they have half of the file.
    killed: int = 0
    #: The source's rate becomes this part of what it was when half of the bound has passed.
    degraded: float = 1

    # Links. Host 1 is the first that downloads; those that are slow, late or killed are the last.

    def _rate(self, rates: Sequence[float], host: int) -> float:
        rate = rates[(host - 1) % len(rates)]
        return rate / 10 if host > self.hosts - self.slow else rate

    @property
    def ups(self) -> List[float]:
        return [self.origin_up] + [self._rate(self.up, host) for host in range(1, self.hosts + 1)]

    @property
    def downs(self) -> List[float]:
        # What the source receives is requests; they are not to wait.
        return [1000 * MBIT] + [self._rate(self.down, host) for host in range(1, self.hosts + 1)]

    # What happens

    @property
    def half_time(self) -> float:
        return replace(self, late=0, degraded=1).bound / 2

    @property
    def starts(self) -> Dict[int, float]:
        """When each host joins, in seconds."""
        return {host: self.half_time if host > self.hosts - self.late else 0 for host in range(1, self.hosts + 1)}

    @property
    def victims(self) -> List[int]:
        return list(range(self.hosts - self.killed + 1, self.hosts + 1))

    @property
    def survivors(self) -> List[int]:
        return list(range(1, self.hosts - self.killed + 1))

    # The bound

    @property
    def bound(self) -> float:
        """Seconds in which it cannot be done faster (docs/architecture.md), headers included. Of hosts that are killed
        neither the copies nor the uplinks count."""
        return self._bound(self.survivors)

    @property
    def others_bound(self) -> Optional[float]:
        """The same for the hosts that are not slow, with the help of all; nil if none is."""
        return self._bound(range(1, self.hosts - self.slow + 1)) if 0 < self.slow < self.hosts else None

    def _bound(self, receivers: Sequence[int]) -> float:
        bits = self.size * 8 * FRAME / PAYLOAD
        starts = self.starts if self.late else dict.fromkeys(range(1, self.hosts + 1), 0.0)
        alone = max(starts[host] + bits / self.downs[host] for host in receivers)
        helpers = [(starts[host], self.ups[host]) for host in self.survivors]
        return max(self._time_to_send(bits, []), alone, self._time_to_send(len(receivers) * bits, helpers))

    def _time_to_send(self, bits: float, helpers: Sequence[Tuple[float, float]]) -> float:
        """How long the source and the helpers, each from a moment on, need to send so much together."""
        changes: List[Tuple[float, float]] = [(0.0, self.origin_up), *helpers]
        if self.degraded != 1:
            changes.append((self.half_time, self.origin_up * (self.degraded - 1)))
        changes.sort()
        rate = 0.0
        for (moment, change), (following, _) in zip(changes, changes[1:] + [(float("inf"), 0.0)]):
            rate += change
            if bits <= rate * (following - moment):
                return moment + bits / rate
            bits -= rate * (following - moment)
        raise AssertionError("the last rate lasts for ever")


SCENARIOS = [
    Scenario("even", size=128 * MIB, systems=("curl", "libtorrent", "minion")),
    Scenario("mixed", up=(50 * MBIT, 150 * MBIT), down=(150 * MBIT,)),
    Scenario("fast-source", origin_up=200 * MBIT),
    Scenario("many", hosts=32),
    Scenario("small", size=4 * MIB, systems=("curl", "libtorrent", "minion")),
    Scenario("slow", slow=1),
    Scenario("late", late=4),
    Scenario("killed", killed=1),
    Scenario("degrading", degraded=0.2, origin_up=200 * MBIT),
]
