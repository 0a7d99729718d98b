"""What the rows have in common: what was asked for, and `minion get` on this machine."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, List, Optional

from .processes import Processes, Run, name_of
from .servers import Tracker
from .tools import Trouble


@dataclass
class Options:
    minion: Path
    #: The folder with the other binaries.
    binaries: Path
    scratch: Optional[Path]
    rounds: int
    size: int
    pair_size: int
    memory_size: int
    node_size: int
    rate: int
    peers: int
    full: bool


@dataclass
class Getter:
    """Downloads with `minion get`, one after the other."""

    processes: Processes
    minion: Path
    tracker: Optional[Tracker] = None

    def command(self, url: str, output: Path, *arguments: Any) -> List[Any]:
        tracker = ["--tracker", self.tracker.address] if self.tracker else []
        return [
            self.minion, "get", url, "-o", output, "--quiet", *tracker, "--listen", "127.0.0.1:0",
            "--advertise", "127.0.0.1", *arguments,
        ]

    def get(
        self, url: str, output: Path, *arguments: Any, watch: Optional[Callable[[List[int]], None]] = None
    ) -> Run:
        """A node that ends when it is done. Its processor time is part of the run's."""
        return self.processes.run(self.command(url, output, "--upload-time", "0", *arguments), "get.log", watch=watch)

    def serve(self, url: str, output: Path, *arguments: Any) -> int:
        """A node that stays when it is done, and its process."""
        run = self.processes.run(self.command(url, output, "--upload-time", "3600", *arguments), "node.log", stays=True)
        nodes = [pid for pid in run.left if name_of(pid) == "minion-node"]
        if len(nodes) != 1:
            raise Trouble(f"one node should serve on, and {len(nodes)} do: {self.processes.words('node.log')}")
        return nodes[0]
