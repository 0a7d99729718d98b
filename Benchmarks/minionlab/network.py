"""Hosts in network namespaces, behind one bridge, with limited links in both directions.

Host 0 is the source; the others download. Names carry this process's number, so that two labs do not meet.
"""
from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import List, Optional, Sequence

from minionbench.tools import Trouble, undisturbed

#: What a link carries for each full segment, and the bytes of the file in it: Ethernet's, IP's and TCP's headers.
FRAME, PAYLOAD = 1514, 1448
#: How long a limiter keeps what it cannot send.
LATENCY = "100ms"


def command(*words: object, check: bool = True) -> str:
    answer = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if check and answer.returncode != 0:
        raise Trouble(f"{' '.join(map(str, words))}: {answer.stderr.strip()}")
    return answer.stdout


def burst_of(rate: float) -> int:
    """Bytes that may pass at once: what comes in 4 ms, and at least one large segment."""
    return max(64 << 10, int(rate / 8 * 0.004))


class Network:
    """Rates are in bits per second: `ups[0]` and `downs[0]` are the source's."""

    def __init__(self, ups: Sequence[float], downs: Sequence[float]):
        self.count = len(ups)
        self._mark = f"mb{os.getpid()}"
        self._switch = f"{self._mark}-switch"
        self._ups, self._downs = list(ups), list(downs)

    def __enter__(self) -> "Network":
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with undisturbed():
            self._remove()

    def address(self, host: int) -> str:
        return f"10.97.{host >> 8}.{(host & 255) + 1}"

    def inside(self, host: int) -> List[str]:
        """The words that run a command on a host."""
        return ["ip", "netns", "exec", self._name(host)]

    def limit(self, host: int, up: Optional[float] = None, down: Optional[float] = None) -> None:
        """Gives a host's link other rates while it is in use."""
        if up is not None:
            self._shape(self._name(host), "eth0", up)
        if down is not None:
            self._shape(self._switch, f"port{host}", down)

    def sent_by(self, host: int) -> int:
        """Bytes that have left a host, with the headers of what the kernel hands over at once: some 0.1 %."""
        return self._counter(host, "tx")

    def received_by(self, host: int) -> int:
        return self._counter(host, "rx")

    def kill(self, host: int) -> None:
        """Ends all that runs on a host at once, and cuts its link, so that nobody hears of it."""
        command("ip", "-n", self._name(host), "link", "set", "eth0", "down", check=False)
        self._end(self._name(host))

    def _name(self, host: int) -> str:
        return f"{self._mark}-{host}"

    def _build(self) -> None:
        command("ip", "netns", "add", self._switch)
        command("ip", "-n", self._switch, "link", "add", "bridge", "type", "bridge")
        command("ip", "-n", self._switch, "link", "set", "bridge", "up")
        for host in range(self.count):
            name = self._name(host)
            command("ip", "netns", "add", name)
            command(
                "ip", "link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", f"port{host}", "netns",
                self._switch)
            command("ip", "-n", name, "address", "add", f"{self.address(host)}/16", "dev", "eth0")
            command("ip", "-n", name, "link", "set", "lo", "up")
            command("ip", "-n", name, "link", "set", "eth0", "up")
            command("ip", "-n", self._switch, "link", "set", f"port{host}", "master", "bridge", "up")
            self.limit(host, self._ups[host], self._downs[host])

    def _shape(self, namespace: str, device: str, rate: float) -> None:
        command(
            "tc", "-n", namespace, "qdisc", "replace", "dev", device, "root", "tbf", "rate", f"{rate:.0f}bit", "burst",
            burst_of(rate), "latency", LATENCY)

    def _counter(self, host: int, direction: str) -> int:
        links = json.loads(command("ip", "-n", self._name(host), "-s", "-j", "link", "show", "eth0"))
        return int(links[0]["stats64"][direction]["bytes"])

    def _remove(self) -> None:
        for name in command("ip", "netns", "list", check=False).splitlines():
            namespace = name.split()[0] if name else ""
            if not namespace.startswith(f"{self._mark}-"):
                continue
            self._end(namespace)
            command("ip", "netns", "delete", namespace, check=False)

    @staticmethod
    def _end(namespace: str) -> None:
        for pid in command("ip", "netns", "pids", namespace, check=False).split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
